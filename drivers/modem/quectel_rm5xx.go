package modem

import "time"

// quectelRM5xx is the RM500Q and RM520N family on Qualcomm's platform. In ECM and RNDIS mode the module is a router and
// dials by itself when +QMAPWAC=1 was stored.
func quectelRM5xx() Profile {
	p := quectelBase("quectel-rm5xx", "RM500Q", "RM502Q", "RM505Q", "RM510Q", "RM520", "RM521", "RM530", "RG50", "RG52", "RG530")
	p.DataOn = []Step{activate(), {Command: "+QMAPWAC=1", Within: 10 * time.Second, Optional: true}}
	p.DataOff = []Step{{Command: "+QMAPWAC=0", Within: 10 * time.Second, Optional: true}, deactivate()}
	p.Signal = []string{`+QENG="servingcell"`, "+QRSRP", "+QCSQ", "+CSQ"}
	p.Slots = &Slots{Ask: "+QUIMSLOT?", Prefix: "+QUIMSLOT", Set: Step{Command: "+QUIMSLOT={slot}", Within: 10 * time.Second}, First: 1}
	p.Unverified = []string{
		"+QUIMSLOT changes the slot at once: several programs do so, no reply was seen",
		"the whole way to data in ECM mode: which commands it takes is not known, +QMAPWAC is a first try",
		"no binding query is known: only a packet beyond the module proves that data flows",
	}
	return p
}

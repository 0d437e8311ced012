package modem

import (
	"time"

	"airlock/drivers/modem/reply"
)

// simcomSIM7x00 is the SIM7600 family on Qualcomm's platform with its interface wwan0 (product 9001). +NETOPEN is not used:
// it opens the module's internal stack.
func simcomSIM7x00() Profile {
	p := simcomBase("simcom-sim7x00", "SIMCOM_SIM7", "SIM7")
	p.DataOn = []Step{activate(), {Command: "$QCRMCALL=1,1", Within: 30 * time.Second}}
	p.DataOff = []Step{{Command: "$QCRMCALL=0,1", Within: 10 * time.Second, Optional: true}, deactivate()}
	p.Bound = connected("$QCRMCALL?", reply.ParseCall)
	p.Unverified = []string{"$QCRMCALL? as the binding query: the reply to setting it was seen, its read form not"}
	return p
}

// simcomA76xx is the A7670 and A7672 family on ASR's platform, with usb0 by $MYCONFIG="usbnetmode". With +DIALMODE=1 it
// registers and leases an address, and forwards nothing.
func simcomA76xx() Profile {
	p := simcomBase("simcom-a76xx", "A76", "SIMCOM_A76")
	p.Makers = nil // some firmware says "INCORPORATED" alone
	p.DataOn = []Step{{Command: "+DIALMODE=0", Within: 10 * time.Second, Optional: true}, activate()}
	p.DataOff = []Step{deactivate()}
	p.Unverified = []string{"no binding query is known: only a packet beyond the module proves that data flows"}
	return p
}

// simcomSIM8200 is the 5G family.
func simcomSIM8200() Profile {
	p := simcomBase("simcom-sim8200", "SIMCOM_SIM8", "SIM82", "SIM83")
	p.DataOn = []Step{{Command: "+CNWINFO=1", Within: 10 * time.Second, Optional: true}, activate()}
	p.DataOff = []Step{deactivate()}
	p.Slots = &Slots{Ask: "+SMSIMCFG?", Prefix: "+SMSIMCFG", Field: 1, Set: Step{Command: "+SMSIMCFG=1,{slot}", Within: 10 * time.Second}, First: 1}
	p.Unverified = []string{
		"+SMSIMCFG=1,<slot> as the choice of the SIM slot: two programs send it, no reply was seen",
		"the whole way to data: +CNWINFO=1 and +CGACT are what one program sends",
		"no binding query is known: only a packet beyond the module proves that data flows",
	}
	return p
}

// simcomBase is what SIMCom's families share.
func simcomBase(name string, models ...string) Profile {
	return Profile{
		Name: name, Makers: []string{"SIMCOM"}, Models: models,
		Address: ByDHCP, Dial: dial(),
		Signal:   []string{"+CPSI?", "+CESQ", "+CSQ"},
		Retries:  "+SPIC",
		Card:     "+CICCID",
		Auth:     cgauth(),
		Clock:    []string{"+CCLK?"},
		PowerOff: &Step{Command: "+CPOF", Within: 9 * time.Second},
		Reset:    &Step{Command: "+CRESET", Within: 60 * time.Second}, // PB DONE comes when it is up again
	}
}

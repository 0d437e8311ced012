package modem

import (
	"fmt"
	"time"
)

// quectel is the EC2x, EG9x and EC200 family (Qualcomm and ASR platforms) with its network interface in ECM or RNDIS
// mode. The interface is tied to a context by +QNETDEVCTL=<connect type>,<cid>,<urc>: 0 off, 1 once, 3 always. Once is
// what an airlock wants: after a reset or a power cut nothing comes up by itself.
//
// The binding is lost by +CFUN=1,1 while +CGACT still says active and the module's own DHCP server still
// answers (seen by users of the EC200A), hence Bound. The RM5xx families differ (the Unisoc ones take the
// arguments in another order) and fall to the generic profile here.
func quectel() Profile {
	return Profile{
		Name:         "quectel-ec2x",
		Manufacturer: "Quectel",
		Models:       []string{"EC2", "EG2", "EG9", "EC200"},
		DataOn: []Step{
			{Command: "+CGACT=1,{cid}", Within: 45 * time.Second},
			{Command: "+QNETDEVCTL=1,{cid},1", Within: 30 * time.Second},
		},
		DataOff: []Step{
			{Command: "+QNETDEVCTL=0,{cid},0", Within: 10 * time.Second, Optional: true},
			// The last LTE context cannot be taken away while attached (CME 171, or 3); CFUN=4 ends it.
			{Command: "+CGACT=0,{cid}", Within: 10 * time.Second, Optional: true},
		},
		Bound:    &Query{Command: "+QNETDEVCTL?", Read: ReadQNETDEVCTL},
		RadioOff: []int{3, 5}, // ASR platforms read back 3 or 5 (as ModemManager's plugin notes)
	}
}

// ReadQNETDEVCTL reads +QNETDEVCTL?: <connect type>,<cid>,<urc>,<connected>.
func ReadQNETDEVCTL(lines []string, cid int) (bool, error) {
	for _, line := range lines {
		rest, ok := after(line, "+QNETDEVCTL")
		if !ok {
			continue
		}
		f := fields(rest)
		kind, ok1 := num(f, 0)
		n, ok2 := num(f, 1)
		connected, ok3 := num(f, 3)
		if !ok1 || !ok2 || !ok3 || kind < 0 || kind > 3 || n > 15 {
			return false, fmt.Errorf("read +QNETDEVCTL: cannot read %q", line)
		}
		if connected == 1 && n == cid {
			return true, nil
		}
		return false, nil
	}
	return false, fmt.Errorf("read +QNETDEVCTL: no answer in %q", lines)
}

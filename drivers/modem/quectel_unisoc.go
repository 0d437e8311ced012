package modem

import (
	"time"

	"airlock/drivers/modem/reply"
)

// quectelUnisoc is the RM500U family on Unisoc's platform. +QNETDEVCTL takes its arguments in another order, <cid>,<state>,
// <urc>, as its test form shows: (1-8),(0-3),(0,1). A call took 2.6 s where one was captured; meanwhile
// +QNETDEVSTATUS=<cid> answers +CME ERROR: 3.
func quectelUnisoc() Profile {
	p := quectelBase("quectel-unisoc", "RM500U", "RG500U", "RG200U")
	p.DataOn = []Step{{Command: "+QNETDEVCTL={cid},1,1", Within: 30 * time.Second}}
	p.DataOff = []Step{{Command: "+QNETDEVCTL={cid},0,0", Within: 10 * time.Second, Optional: true}}
	p.Bound = &Query{Command: "+QNETDEVSTATUS={cid}", Read: func(lines []string, cid int) (bool, error) {
		s, err := reply.ParseDeviceStatus(lines)
		return err == nil && (s.V4 || s.V6) && (s.CID == 0 || s.CID == cid), err
	}}
	p.Dialect.DeviceByCID = true
	p.Unverified = []string{
		"+QNETDEVCTL={cid},0,0 ends the call: taken from the test form's ranges, not seen",
		"that +QNETDEVCTL? tells the context first, as its set form does",
	}
	return p
}

package modem

import (
	"time"

	"airlock/drivers/modem/reply"
)

// quectel is the EC2x, EG9x and EC200 family (Qualcomm and ASR platforms) with its network interface in ECM or RNDIS
// mode. The interface is tied to a context by +QNETDEVCTL=<connect type>,<cid>,<urc>: 0 off, 1 once, 3 always. Once is
// what an airlock wants: after a reset or a power cut nothing comes up by itself.
//
// The binding is lost by +CFUN=1,1 while +CGACT still says active and the module's own DHCP server still
// answers (seen by users of the EC200A), hence Bound.
func quectel() Profile {
	p := quectelBase("quectel-ec2x", "EC2", "EG2", "EG9", "EC200")
	p.DataOn = []Step{activate(), {Command: "+QNETDEVCTL=1,{cid},1", Within: 30 * time.Second}}
	p.DataOff = []Step{{Command: "+QNETDEVCTL=0,{cid},0", Within: 10 * time.Second, Optional: true}, deactivate()}
	p.Bound = bound("+QNETDEVCTL?", func(lines []string) (reply.Device, error) {
		return reply.ParseDevice(lines, reply.Dialect{})
	})
	p.Dialect.RadioOff = []int{3, 5} // ASR platforms read back 3 or 5 (as ModemManager's plugin notes)
	return p
}

// quectelBase is what Quectel's families share.
func quectelBase(name string, models ...string) Profile {
	return Profile{
		Name: name, Makers: []string{"Quectel"}, Models: models,
		Address: ByDHCP, Dial: dial(),
		Signal:   []string{`+QENG="servingcell"`, "+QCSQ", "+CSQ"},
		Retries:  "+QPINC?",
		Card:     "+QCCID",
		Auth:     &Step{Command: `+QICSGP={cid},{type},"{apn}","{user}","{password}",{auth}`, Within: 5 * time.Second},
		AuthAny:  3, // PAP or CHAP
		Clock:    []string{"+QLTS=1", "+CCLK?"},
		Function: 15 * time.Second,
		PowerOff: &Step{Command: "+QPOWD=1", Within: 60 * time.Second}, // then POWERED DOWN comes
		Reset:    &Step{Command: "+CFUN=1,1", Within: 15 * time.Second},
	}
}

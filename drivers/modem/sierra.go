package modem

import (
	"time"

	"airlock/drivers/modem/reply"
)

// sierraDirectIP is the MC73xx class, whose interface is tied to a context by !SCACT. The W_DISABLE pin may hold such
// a module in low power; +CFUN=1 does not change that.
func sierraDirectIP() Profile {
	p := sierraBase("sierra-directip", "MC7", "MC8", "AC7", "USB 3")
	p.DataOn = []Step{{Command: "+CGATT=1", Within: 10 * time.Second, Optional: true}, {Command: "!SCACT=1,{cid}", Within: 30 * time.Second}}
	p.DataOff = []Step{{Command: "!SCACT=0,{cid}", Within: 10 * time.Second, Optional: true}}
	p.Bound = &Query{Command: "!SCACT?", Read: func(lines []string, cid int) (bool, error) {
		a, err := reply.ParseActivity(lines, "!SCACT")
		return err == nil && a.Has(cid), err
	}}
	return p
}

// sierraEM is the EM74xx, EM75xx and EM91xx class, which is made for MBIM and QMI.
func sierraEM() Profile {
	p := sierraDirectIP()
	p.Name, p.Models = "sierra-em", nil
	p.Unverified = []string{
		"whether !SCACT works on the EM7455 and EM9191",
		"whether PPP on the AT or modem port works on the EM7455 and EM9191",
	}
	return p
}

// sierraBase is what Sierra's families share.
func sierraBase(name string, models ...string) Profile {
	return Profile{
		Name: name, Makers: []string{"Sierra"}, Models: models,
		Address: ByDHCP, Dial: dial(),
		Signal:  []string{"!GSTATUS?", "+CESQ", "+CSQ"},
		Retries: "+CPINC?",
		Card:    "!ICCID?",
		// 5 s and more after power-up, 3 s and more after a PIN (ModemManager waits so).
		AfterPIN: 3 * time.Second,
		Auth:     &Step{Command: `$QCPDPP={cid},{auth},"{password}","{user}"`, Within: 5 * time.Second}, // the password first
		Clock:    []string{"+CCLK?"},
		Reset:    &Step{Command: "!RESET", Within: 30 * time.Second},
	}
}

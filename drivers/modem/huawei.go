package modem

import (
	"time"

	"airlock/drivers/modem/reply"
)

// huawei is the ME909 and E3372 family, dialled by ^NDISDUP. After a PIN it needs three quiet seconds, or its firmware
// may start anew. The APN is the one of +CGDCONT.
func huawei() Profile {
	return Profile{
		Name: "huawei", Makers: []string{"huawei"},
		DataOn: []Step{
			{Command: "^CURC=0", Within: 5 * time.Second, Optional: true}, // many lines that nobody asked for
			{Command: "^NDISDUP=1,1", Within: 30 * time.Second},
		},
		DataOff: []Step{{Command: "^NDISDUP=1,0", Within: 10 * time.Second, Optional: true}},
		Bound:   connected("^NDISSTATQRY?", reply.ParseDialup),
		Address: ByDHCP,
		Dial:    dial(),
		// What counts as off is 0 and 4: oFono sets 5 and 7 on such modules, and nobody has seen the radio off with them.
		Signal:   []string{"^HCSQ?", "+CESQ", "+CSQ"},
		Retries:  "^CPIN?",
		Card:     "^ICCID?",
		AfterPIN: 3 * time.Second,
		Auth:     &Step{Command: `^AUTHDATA={cid},{auth},"","{password}","{user}"`, Within: 5 * time.Second},
		Clock:    []string{"^NWTIME?", "+CCLK?"},
		Function: 30 * time.Second,
		Reset:    &Step{Command: "^RESET", Within: 30 * time.Second},
		Unverified: []string{
			"^AUTHDATA takes the password before the user: so in most programs, and the other way round in one",
			"^RESET as the reset verb: the manual's, not seen",
		},
	}
}

package modem

import "time"

// generic is any module that follows 27.007 and moves packets as soon as the context is active.
func generic() Profile {
	return Profile{
		Name: "3gpp-generic",
		// +CGACT may take 150 s by the manuals; ModemManager gives up after 45 s.
		DataOn:  []Step{{Command: "+CGACT=1,{cid}", Within: 45 * time.Second}},
		DataOff: []Step{{Command: "+CGACT=0,{cid}", Within: 10 * time.Second, Optional: true}},
	}
}

package modem

import (
	"time"

	"airlock/drivers/modem/reply"
)

// telitECM is the LE910C and ME910 family with its interface in ECM mode.
func telitECM() Profile {
	p := telitBase("telit-ecm")
	p.DataOn = []Step{activate(), {Command: "#ECM={cid},0", Within: 30 * time.Second}}
	p.DataOff = []Step{{Command: "#ECMD=0", Within: 10 * time.Second, Optional: true}, deactivate()}
	p.Bound = connected("#ECM?", reply.ParseECM)
	p.Unverified = []string{simSelect, "the columns of #ECM?, device and state, are the manual's: no reply was seen"}
	return p
}

// telitNCM is the older UE910 and LE910 class with its interface in NCM mode: the host sets the address.
func telitNCM() Profile {
	p := telitBase("telit-ncm", "UE910", "LE910-", "HE910")
	p.DataOn = []Step{
		{Command: "#NCM=1,{cid}", Within: 10 * time.Second}, activate(),
		{Command: `+CGDATA="M-RAW_IP",{cid}`, Within: 30 * time.Second},
	}
	p.DataOff = []Step{deactivate()}
	p.Address, p.NoARP = ByContext, true
	p.Unverified = []string{simSelect, "no binding query is known: only a packet beyond the module proves that data flows"}
	return p
}

// telitICM is the FN980 family on Qualcomm's platform.
func telitICM() Profile {
	p := telitBase("telit-icm", "FN9", "FT9", "LM9", "LN9")
	p.DataOn = []Step{activate(), {Command: "#ICMAUTOCONN=1,{cid}", Within: 30 * time.Second}}
	p.DataOff = []Step{{Command: "#ICMAUTOCONN=0,{cid}", Within: 10 * time.Second, Optional: true}, deactivate()}
	p.Bound = tied("#ICMAUTOCONN")
	p.Unverified = []string{simSelect, "#ICMAUTOCONN on a real FN980, its read form included"}
	return p
}

// simSelect is what is doubtful with all of them.
const simSelect = "#SIMSELECT=<slot>, and its read form, as the choice of the SIM slot: one program sends it, no reply was seen"

// telitBase is what Telit's families share.
func telitBase(name string, models ...string) Profile {
	return Profile{
		Name: name, Makers: []string{"Telit"}, Models: models,
		Address: ByDHCP, Dial: dial(),
		Signal:   []string{"#RFSTS", "#SERVINFO", "+CESQ", "+CSQ"},
		Retries:  "#PCT",
		Card:     "#CCID",
		Auth:     &Step{Command: `#PDPAUTH={cid},{auth},"{user}","{password}"`, Within: 5 * time.Second},
		Slots:    &Slots{Ask: "#SIMSELECT?", Prefix: "#SIMSELECT", Set: Step{Command: "#SIMSELECT={slot}", Within: 10 * time.Second}, First: 1},
		Clock:    []string{"+CCLK?"},
		Function: 20 * time.Second,
		Reset:    &Step{Command: "#REBOOT", Within: 30 * time.Second},
	}
}

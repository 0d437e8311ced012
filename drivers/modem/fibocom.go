package modem

import "time"

// fibocomGTRNDIS is the FG621, FM150, L610 and L718 class, whose interface is tied to a context by +GTRNDIS. It answers ERROR
// when the USB mode has no network interface (+GTUSBMODE), although the product id is the same in all modes.
func fibocomGTRNDIS() Profile {
	p := fibocomBase("fibocom-gtrndis")
	p.DataOn = []Step{activate(), {Command: "+GTRNDIS=1,{cid}", Within: 30 * time.Second}}
	p.DataOff = []Step{{Command: "+GTRNDIS=0,{cid}", Within: 10 * time.Second, Optional: true}, deactivate()}
	p.Bound = tied("+GTRNDIS")
	p.Signal = []string{"+GTCCINFO?", "+CESQ", "+CSQ"}
	return p
}

// fibocomFM350 is MediaTek's 5G platform: no DHCP, the host takes the address of +CGPADDR. +CGACT may be refused with
// CME 5847 and granted when it is sent again.
func fibocomFM350() Profile {
	p := fibocomBase("fibocom-fm350", "FM350")
	p.DataOn, p.DataOff = []Step{activate()}, []Step{deactivate()}
	p.Address, p.Servers = ByContext, "+GTDNS={cid}"
	p.Signal = []string{"+CESQ", "+GTCCINFO?", "+CSQ"}
	p.Retries = "+EPINC?"
	// <apn>,<index, always 0>,<type>,<type when roaming>,<auth>,<user>,<password> (the manual, §12.2.14).
	p.Attach = &Step{Command: `+EIAAPN="{apn}",0,"{type}","{type}",{auth},"{user}","{password}"`, Within: 5 * time.Second}
	p.Auth = nil // +CGAUTH is refused, and +EIAAPN takes the words
	p.Unverified = []string{"+EPINC? as the PIN-retry query: MediaTek's, not seen on an FM350"}
	return p
}

// fibocomL850 is Intel's XMM platform: the channel to the NCM interface is opened by hand, and the host sets the address.
func fibocomL850() Profile {
	p := fibocomBase("fibocom-l850", "L850", "L860")
	p.DataOn = []Step{
		activate(),
		{Command: `+CGDATA="M-RAW_IP",{cid}`, Within: 30 * time.Second},
		{Command: `+XDATACHANNEL=1,1,"/USBCDC/0","/USBHS/NCM/0",2,{cid}`, Within: 30 * time.Second},
	}
	p.DataOff = []Step{{Command: "+XDATACHANNEL=0", Within: 10 * time.Second, Optional: true}, deactivate()}
	p.Address, p.NoARP = ByContext, true
	p.Signal = []string{"+XCESQ?", "+CESQ", "+CSQ"}
	p.Retries = "+XPINCNT"
	p.Auth = &Step{Command: `+XGAUTH={cid},{auth},"{user}","{password}"`, Within: 5 * time.Second}
	p.Slots = nil
	p.Unverified = []string{
		"another context than 0: +XDATACHANNEL has been seen with 0 only",
		"no binding query is known: only a packet beyond the module proves that data flows",
	}
	return p
}

// fibocomBase is what Fibocom's families share.
func fibocomBase(name string, models ...string) Profile {
	return Profile{
		Name: name, Makers: []string{"Fibocom"}, Models: models,
		Address: ByDHCP, Dial: dial(),
		Retries:  "+CPINR",
		Card:     "+ICCID",
		Auth:     &Step{Command: `+MGAUTH={cid},{auth},"{user}","{password}"`, Within: 5 * time.Second}, // +CGAUTH is refused
		Slots:    &Slots{Ask: "+GTDUALSIM?", Prefix: "+GTDUALSIM", Set: Step{Command: "+GTDUALSIM={slot}", Within: 10 * time.Second}},
		Clock:    []string{"+CCLK?"},
		Function: 15 * time.Second,
		PowerOff: &Step{Command: "+CPWROFF", Within: 15 * time.Second},
		Reset:    &Step{Command: "+CFUN=15", Within: 15 * time.Second},
	}
}

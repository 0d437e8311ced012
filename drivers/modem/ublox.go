package modem

import (
	"time"

	"airlock/drivers/modem/reply"
)

// ubloxRouter is a module with +UBMCONF: 1: it has an address of its own on the interface (+UIPADDR) and translates.
func ubloxRouter() Profile {
	p := ubloxBase("ublox-router")
	p.Address = ByDHCP
	return p
}

// ubloxBridge is a module with +UBMCONF: 2: the host takes the context's address.
func ubloxBridge() Profile {
	p := ubloxBase("ublox-bridge")
	p.Only = &Query{Command: "+UBMCONF?", Read: func(lines []string, _ int) (bool, error) {
		mode, err := reply.ParseRouting(lines)
		return mode.Mode == "BRIDGE", err
	}}
	p.Address = ByContext
	return p
}

// ubloxBase is what both share. The radio goes off by +CFUN=4 only: what 0 does is not known of every model.
func ubloxBase(name string) Profile {
	p := Profile{
		Name: name, Makers: []string{"u-blox"},
		DataOn: []Step{activate()}, DataOff: []Step{deactivate()},
		Dial:    dial(),
		Signal:  []string{"+CESQ", "+CSQ"},
		Retries: "+UPINCNT",
		Auth:    &Step{Command: `+UAUTHREQ={cid},{auth},"{user}","{password}"`, Within: 5 * time.Second},
		AuthAny: 3,
		Attach:  &Step{Command: `+UCGDFLT=1,"{type}","{apn}"`, Within: 5 * time.Second},
		Clock:   []string{"+CCLK?"},
		Reset:   &Step{Command: "+CFUN=16", Within: 30 * time.Second},
		Unverified: []string{
			"the order of user and password in +UAUTHREQ: ModemManager sends both, one for each half of a call",
			"+UCGDFLT as the attach APN: known of the TOBY-L2",
			"that +CFUN=0 must never be sent holds for all models",
			"+CFUN=16 as the reset verb: the manuals' value, not seen",
		},
	}
	p.Dialect.ZeroKeepsSIM = true
	return p
}

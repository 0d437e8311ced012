package modemsim_test

import (
	"strings"
	"testing"

	"airlock/drivers/modem"
	"airlock/tests/modemsim"
)

// TestAPN: the configured one, else the operator's, else the module's; written when the module has another, and then never again.
func TestAPN(t *testing.T) {
	for _, c := range []struct {
		name, imsi, apn string
		cfg             modem.Config
		sent            []string
	}{
		{"configured", "262011234567890", "iot.example", modem.Config{APN: "iot.example"}, []string{`+CGDCONT=1,"IP","iot.example"`}},
		{"by operator", "262011234567890", "internet.telekom", modem.Config{}, []string{`+CGDCONT=1,"IP","internet.telekom"`}},
		{"unknown operator", "001011234567890", "internet", modem.Config{}, nil},
		{"as the module has it", "001011234567890", "internet", modem.Config{APN: "INTERNET"}, nil},
		{"another type", "001011234567890", "internet", modem.Config{Type: "IPV4V6"}, []string{`+CGDCONT=1,"IPV4V6","internet"`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			sim := modemsim.New(modemsim.Config{SIM: modemsim.SIM{IMSI: c.imsi}, Network: modemsim.Network{APN: c.apn}})
			r, memory := record(t, sim), &disk{}
			if c.name != "configured" && c.name != "by operator" {
				c.cfg.Auth = ""
			} else { // the module comes with another one
				other := join(t, r, modem.Config{})
				if _, err := other.Raw(t.Context(), `+CFUN=4;+CGDCONT=1,"IP","factory"`); err != nil {
					t.Fatal(err)
				}
				other.Close()
				r.mu.Lock()
				r.sent = nil
				r.mu.Unlock()
			}
			c.cfg.Memory = memory
			for range 2 {
				m := join(t, r, c.cfg)
				if err := m.Up(t.Context(), nil); err != nil {
					t.Fatal(err)
				}
				if err := m.Down(t.Context()); err != nil {
					t.Fatal(err)
				}
				m.Close()
			}
			r.expectSent(t, "+CGDCONT=", c.sent...)
			if kept, _ := memory.Load(); kept.FlashWrites < uint64(len(c.sent)) || kept.FlashWrites > uint64(len(c.sent)+2) { // +CTZU=1 and +CTZR=1, once
				t.Errorf("%d flash writes were counted for %q", kept.FlashWrites, c.sent)
			}
		})
	}
}

// TestAttachAPN: another network for the attachment takes context 1, and data moves to context 2; families with a command of
// their own for it get that.
func TestAttachAPN(t *testing.T) {
	for _, c := range []struct {
		personality string
		prefix      string
		sent        []string
	}{
		{"generic", "+CGDCONT=", []string{`+CGDCONT=2,"IP","internet"`, `+CGDCONT=1,"IP","attach.example"`}},
		{"quectel-ec25", "+CGDCONT=", []string{`+CGDCONT=2,"IP","internet"`, `+CGDCONT=1,"IP","attach.example"`}},
		{"ublox-bridge", "+UCGDFLT=", []string{`+UCGDFLT=1,"IP","attach.example"`}},
		{"fibocom-fm350", "+EIAAPN=", []string{`+EIAAPN="attach.example",0,"IP","IP",0,"",""`}},
	} {
		t.Run(c.personality, func(t *testing.T) {
			t.Parallel()
			p, _ := modemsim.PersonalityOf(c.personality)
			sim := modemsim.New(modemsim.Config{Personality: p})
			r := record(t, sim)
			m := join(t, r, modem.Config{APN: "internet", AttachAPN: "attach.example"})
			for range 2 {
				if err := m.Up(t.Context(), nil); err != nil {
					t.Fatal(err)
				}
			}
			r.expectSent(t, c.prefix, c.sent...)
			if !sim.DataActive() {
				t.Error("no data flows")
			}
		})
	}
}

// TestAuth: user and password go out by the family's own command, once for each opening of the port.
func TestAuth(t *testing.T) {
	for name, want := range map[string]string{
		"quectel-ec25": `+QICSGP=1,1,"internet","box","p,s;",{3}`, "quectel-unisoc": `+QICSGP=1,1,"internet","box","p,s;",{3}`,
		"quectel-rm5xx":  `+QICSGP=1,1,"internet","box","p,s;",{3}`,
		"simcom-sim7600": `+CGAUTH=1,{2},"box","p,s;"`, "simcom-a7670": `+CGAUTH=1,{2},"box","p,s;"`, "simcom-sim8200": `+CGAUTH=1,{2},"box","p,s;"`,
		"sierra": `$QCPDPP=1,{2},"p,s;","box"`, "sierra-em": `$QCPDPP=1,{2},"p,s;","box"`, "telit-ecm": `#PDPAUTH=1,{2},"box","p,s;"`, "telit-ncm": `#PDPAUTH=1,{2},"box","p,s;"`,
		"telit-icm": `#PDPAUTH=1,{2},"box","p,s;"`, "ublox-router": `+UAUTHREQ=1,{3},"box","p,s;"`, "ublox-bridge": `+UAUTHREQ=1,{3},"box","p,s;"`,
		"huawei": `^AUTHDATA=1,{2},"","p,s;","box"`, "fibocom-gtrndis": `+MGAUTH=1,{2},"box","p,s;"`,
		"fibocom-fm350": `+EIAAPN="internet",0,"IP","IP",{2},"box","p,s;"`, "fibocom-l850": `+XGAUTH=1,{2},"box","p,s;"`,
		"generic": `+CGAUTH=1,{2},"box","p,s;"`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, ok := modemsim.PersonalityOf(name)
			if !ok {
				t.Fatal("no such personality")
			}
			verb, _, _ := strings.Cut(want, "=")
			for auth, code := range map[string]string{"": "", "pap": "1", "chap": "2"} {
				r := record(t, modemsim.New(modemsim.Config{Personality: p}))
				m := join(t, r, modem.Config{APN: "internet", User: "box", Password: "p,s;", Auth: auth})
				for range 2 {
					if err := m.Up(t.Context(), nil); err != nil {
						t.Fatal(err)
					}
				}
				open, shut := strings.Index(want, "{"), strings.Index(want, "}")
				if code == "" {
					code = want[open+1 : shut]
				}
				r.expectSent(t, verb+"=", want[:open]+code+want[shut+1:])
			}
		})
	}
	if got := len(modemsim.Personalities()); got != 18 {
		t.Errorf("%d personalities, and 18 are tried here", got)
	}
}

// TestContextRefused: what would end a quoted text is never sent, and no other try is worth it.
func TestContextRefused(t *testing.T) {
	for name, cfg := range map[string]modem.Config{
		"APN":        {APN: `a"b`},
		"attach APN": {APN: "a", AttachAPN: "a b"},
		"user name":  {User: "a\rAT+CFUN=1"},
		"password":   {User: "a", Password: `geheim"`},
		"type":       {Type: "PPP"},
	} {
		r := record(t, modemsim.New(modemsim.Config{}))
		m := join(t, r, cfg)
		fault := faultOf(t, "Up", m.Up(t.Context(), nil))
		if !fault.Final || !strings.Contains(fault.Detail, name) || strings.Contains(fault.Error(), "geheim") {
			t.Errorf("Up with a bad %s = %+v", name, fault)
		}
		r.expectSent(t, "+CGDCONT=")
	}
}

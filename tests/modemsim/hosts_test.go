package modemsim_test

import (
	"io"
	"testing"
	"time"

	"airlock/tests/modemsim"
)

// TestCardFiles: ModemManager reads the card by +CRSM alone, and tried for 4 s where it was refused, on every module; then it
// went on without an ICCID. oFono read no card at all and stayed there.
func TestCardFiles(t *testing.T) {
	sim := modemsim.New(modemsim.Config{SIM: modemsim.SIM{PIN: "4711"}})
	h := attach(t, sim)
	h.ask("ATE0+CMEE=1")
	h.expect("AT+CRSM=192,12258", `+CRSM: 144,0,"620F8202412183022FE28A01058002000A"|OK`)
	h.expect("AT+CRSM=176,12258,0,0,10", `+CRSM: 144,0,"988812010000103254F6"|OK`) // before the PIN
	h.expect("AT+CRSM=176,28423,0,0,9", "+CRSM: 105,130|OK")
	h.expect(`AT+CPIN="4711"`, "OK")
	h.until("+CPIN: READY")
	h.expect("AT+CRSM=176,28423,0,0,9", `+CRSM: 144,0,"080910101032547698"|OK`)
	h.expect("AT+CRSM=176,28589,0,0,4", `+CRSM: 144,0,"00000002"|OK`)
	h.expect("AT+CRSM=176,28589,0,3,0", `+CRSM: 144,0,"02"|OK`)
	h.expect("AT+CRSM=176,28589,0,1,4", "+CRSM: 108,3|OK")
	h.expect("AT+CRSM=176,28589,0,5,1", "+CRSM: 107,0|OK")
	h.expect("AT+CRSM=176,28478,0,0,0", "+CRSM: 106,130|OK") // no GID1 on this card
	h.expect("AT+CRSM=214,28589,0,0,1", "+CRSM: 109,0|OK")
	h.expect("AT+CRSM=x,1", "+CME ERROR: 50")
	sim.SwapSIM(modemsim.SIM{Missing: true})
	h.until("+CPIN: NOT INSERTED")
	h.expect("AT+CRSM=176,12258,0,0,10", "+CME ERROR: 10")
}

// TestCharacters: a host may leave names in UCS2 (ModemManager does) until the module restarts.
func TestCharacters(t *testing.T) {
	sim := modemsim.New(modemsim.Config{})
	h := attachAny(t, sim)
	eventually(t, "registration", func() bool { return h.ask("AT+COPS?") != "+COPS: 0|OK" })
	h.expect("AT+CSCS=?", `+CSCS: ("IRA","GSM","UCS2")|OK`)
	h.expect(`AT+CSCS="UCS2"`, "OK")
	h.expect("AT+COPS?", `+COPS: 0,0,"004100690072006C006F0063006B0020004D006F00620069006C0065",7|OK`)
	h.expect("AT+CSCS?", `+CSCS: "UCS2"|OK`)
	h.expect("ATZ", "OK") // with echo again
	h.expect("ATE0", "ATE0|OK")
	h.expect("AT+COPS?", `+COPS: 0,0,"Airlock Mobile",7|OK`)
}

// TestRanges: a host that asks for the values of a command is told them. It was told a reading, and ModemManager took a
// module without +WS46 for one without LTE.
func TestRanges(t *testing.T) {
	h := attachAny(t, modemsim.New(modemsim.Config{}))
	h.expect("AT+CSQ=?", "+CSQ: (0-31,99),(0-7,99)|OK")
	h.expect("AT+CESQ=?", "+CESQ: (0-63,99),(0-7,99),(0-96,255),(0-34,255),(0-34,255),(0-97,255)|OK")
	h.expect("AT+CGEREP=?", "+CGEREP: (0-2),(0,1)|OK")
	h.expect("AT+WS46=?", "+WS46: (25,28)|OK")
	h.expect("AT+WS46=28;+WS46?", "+WS46: 28|OK")
	h.expect(`AT+CLCK=?`, `+CLCK: ("SC")|OK`)
	h.expect("AT+CTZU=?", "+CTZU: (0,1,3)|OK") // OK alone ends ModemManager 1.20 with a segmentation fault
	h.expect("AT+CTZU=1;+CTZU?", "+CTZU: 1|OK")
	h.expect("AT+CTZR=?", "+CTZR: (0-2)|OK")
}

// TestSimcomMode: ModemManager's simtech plugin learns the network's kind by +CNSMOD alone, and showed none.
func TestSimcomMode(t *testing.T) {
	p, _ := modemsim.PersonalityOf("simcom-sim7600")
	h := attachAny(t, modemsim.New(modemsim.Config{Personality: p, Function: 4}))
	h.expect("AT+CNSMOD=?", "+CNSMOD: (0,1)|OK")
	h.expect("AT+CNSMOD=1", "OK")
	h.expect("AT+CNSMOD?", "+CNSMOD: 1,0|OK")
	io.WriteString(h.conn, "AT+CFUN=1\r")
	h.until("+CNSMOD: 8")
	h.expect("AT+CNSMOD?", "+CNSMOD: 1,8|OK")
}

// TestPowerOn: a module that was powered before the host came has said what it says at its start, and answers at once.
// oFono loses its first command to a module that boots, and waits for the answer for ever.
func TestPowerOn(t *testing.T) {
	times := modemsim.Times{Boot: 20 * time.Millisecond, SIM: 20 * time.Millisecond}
	sim := modemsim.New(modemsim.Config{Times: times})
	if err := sim.PowerOn(t.Context()); err != nil {
		t.Fatal(err)
	}
	h := dialog(t, sim)
	h.expect("ATE0", "ATE0|OK")
	h.expect("AT+CPIN?", "+CPIN: READY|OK")
	if err := sim.PowerOn(t.Context()); err != nil {
		t.Errorf("PowerOn of a running module = %v", err)
	}
}

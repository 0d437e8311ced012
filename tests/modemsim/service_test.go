package modemsim_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"airlock/drivers/at"
	"airlock/drivers/modem"
	"airlock/tests/modemsim"
)

// TestScan: the list has every operator with its state, and the radio goes off with Down.
func TestScan(t *testing.T) {
	for _, p := range modemsim.Personalities() {
		t.Run(p.Name, func(t *testing.T) {
			t.Parallel()
			sim := modemsim.New(modemsim.Config{Personality: p, Network: modemsim.Network{Others: []modemsim.Operator{
				{Name: "Second", PLMN: "00102", Access: 7}, {Name: "Third, Ltd", PLMN: "310260", Access: 2, Forbidden: true}}}})
			m := join(t, record(t, sim), modem.Config{})
			found, err := m.Scan(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, n := range found {
				got = append(got, strings.Join([]string{*n.Long, n.Code, n.Access.String()}, " "))
			}
			want := []string{"Airlock Mobile 00101 LTE", "Second 00102 LTE", "Third, Ltd 310260 UMTS"}
			if !slices.Equal(got, want) || found[2].Status != "FORBIDDEN" {
				t.Errorf("Scan = %q (%s), want %q and the last forbidden", got, found[2].Status, want)
			}
			if err := m.Down(t.Context()); err != nil || sim.RadioOn() {
				t.Errorf("Down after a scan = %v, radio on %v", err, sim.RadioOn())
			}
		})
	}
}

// TestScanCancelled: whoever waits for a scan may leave; the next command is not harmed by the list that comes late.
func TestScanCancelled(t *testing.T) {
	sim := modemsim.New(modemsim.Config{Faults: modemsim.Faults{Late: modemsim.Late{Command: "+COPS=?", Delay: 300 * time.Millisecond, Times: 1}}})
	r := record(t, sim)
	m := join(t, r, modem.Config{})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { _, err := m.Scan(ctx, nil); done <- err }()
	for len(r.commands("+COPS=?")) == 0 {
		time.Sleep(time.Millisecond)
	}
	cancel()
	began := time.Now()
	if err := <-done; !errors.Is(err, context.Canceled) || time.Since(began) > 200*time.Millisecond {
		t.Errorf("Scan = %v after %s, want it cancelled at once", err, time.Since(began))
	}
	if err := m.Down(t.Context()); err != nil || sim.RadioOn() {
		t.Errorf("Down = %v, radio on %v", err, sim.RadioOn())
	}
}

// TestSelect: an operator is chosen by a person for this window, by the configuration for every one, and a choice that is not
// configured ends with the next window.
func TestSelect(t *testing.T) {
	network := modemsim.Network{Others: []modemsim.Operator{{Name: "Second", PLMN: "00102", Access: 7}, {Name: "Third", PLMN: "00103", Access: 7, Forbidden: true}}}
	sim := modemsim.New(modemsim.Config{Personality: modemsim.Generic3GPP(), Network: network})
	r := record(t, sim)
	m := join(t, r, modem.Config{})
	if err := m.Select(t.Context(), "00102", nil); err != nil {
		t.Fatal(err)
	}
	if s := m.Status(); !s.Registered || s.Operator != "Second" {
		t.Errorf("Status after Select = %+v", s)
	}
	if fault := faultOf(t, "Select", m.Select(t.Context(), "0010", nil)); !strings.Contains(fault.Detail, "five or six digits") {
		t.Errorf("Select of half a number = %v", fault)
	}
	if fault := faultOf(t, "Select", m.Select(t.Context(), "99999", nil)); !strings.Contains(fault.Detail, "cannot register with the operator 99999") {
		t.Errorf("Select of an operator that is not here = %v", fault)
	}
	if err := m.Up(t.Context(), nil); err != nil {
		t.Fatalf("Up after a choice that leads nowhere = %v, want the module's own choice again", err)
	}
	r.expectSent(t, "+COPS=1", `+COPS=1,2,"00102"`, `+COPS=1,2,"99999"`)
	m.Close()

	m = join(t, r, modem.Config{Operator: "00101"})
	for range 2 {
		if err := m.Up(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
	}
	if s := m.Status(); s.Operator != "Airlock Mobile" {
		t.Errorf("operator by configuration = %q", s.Operator)
	}
	if got := r.commands(`+COPS=1,2,"00101"`); len(got) != 2 { // refused with the radio off, then granted; not sent by the second Up
		t.Errorf("the choice was sent %d times, want 2", len(got))
	}
	m.Close()

	m = join(t, r, modem.Config{Operator: "00103"})
	if fault := faultOf(t, "Up", m.Up(t.Context(), nil)); fault.Kind != modem.NoNetwork || !strings.Contains(fault.Detail, "00103") {
		t.Errorf("Up with an operator that refuses = %v", fault)
	}
	m.Close()
	m = join(t, r, modem.Config{Operator: "26x01"})
	if fault := faultOf(t, "Up", m.Up(t.Context(), nil)); !fault.Final {
		t.Errorf("Up with an operator that is none = %+v", fault)
	}
}

// TestDeregistered: a module that somebody has left deregistered (+COPS=2 is stored) registers again.
func TestDeregistered(t *testing.T) {
	sim := modemsim.New(modemsim.Config{})
	r := record(t, sim)
	m := join(t, r, modem.Config{})
	if lines, err := m.Raw(t.Context(), "AT+COPS=2"); err != nil || !slices.Equal(lines, []string{"OK"}) {
		t.Fatalf("Raw = %q, %v", lines, err)
	}
	if err := m.Up(t.Context(), nil); err != nil {
		t.Errorf("Up = %v", err)
	}
}

// TestSlots: the configured slot's card is used, a person may use the other, and the change is written once.
func TestSlots(t *testing.T) {
	for _, name := range []string{"quectel-rm5xx", "fibocom-fm350"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, _ := modemsim.PersonalityOf(name)
			sim := modemsim.New(modemsim.Config{Personality: p, SIM: modemsim.SIM{Missing: true}, OtherSIM: modemsim.SIM{PIN: "4711"}})
			r, memory := record(t, sim), &disk{}
			m := join(t, r, modem.Config{Slot: 2, PIN: "4711", Memory: memory})
			for range 2 {
				if err := m.Up(t.Context(), nil); err != nil {
					t.Fatal(err)
				}
			}
			if s := m.Status(); s.Slot != 2 || s.ICCID != "8988211000000654321" || s.FlashWrites == 0 {
				t.Errorf("Status = %+v, want slot 2 and its card", s)
			}
			if fault := faultOf(t, "UseSlot", m.UseSlot(t.Context(), 1, nil)); !strings.Contains(fault.Detail, "no SIM") {
				t.Errorf("UseSlot(1) = %v, want that it is empty", fault)
			}
			if s := m.Status(); s.Slot != 1 || s.SIM != "missing" || s.ICCID != "" || sim.RadioOn() {
				t.Errorf("Status = %+v, want slot 1, empty, and the radio off", s)
			}
			if fault := faultOf(t, "UseSlot", m.UseSlot(t.Context(), 3, nil)); !strings.Contains(fault.Detail, "does not change to SIM slot 3") {
				t.Errorf("UseSlot(3) = %v", fault)
			}
		})
	}
	m := join(t, record(t, modemsim.New(modemsim.Config{})), modem.Config{})
	if fault := faultOf(t, "UseSlot", m.UseSlot(t.Context(), 2, nil)); !strings.Contains(fault.Detail, "no choice of SIM slots") {
		t.Errorf("UseSlot of a module with one = %v", fault)
	}
}

// TestMeasure: every personality tells a signal in the right unit, near to what the simulator's receiver has.
func TestMeasure(t *testing.T) {
	for _, p := range modemsim.Personalities() {
		t.Run(p.Name, func(t *testing.T) {
			t.Parallel()
			sim := modemsim.New(modemsim.Config{Personality: p}) // +CSQ 20±3: -79…-67 dBm, RSRP 27 below, RSRQ -10 dB
			m := join(t, record(t, sim), modem.Config{})
			if err := m.Measure(t.Context(), nil); err != nil {
				t.Fatal(err)
			}
			s := m.Status()
			if s.Signal == nil || s.Signal.Access != "LTE" || s.Signal.RSRP == nil || *s.Signal.RSRP < -108 || *s.Signal.RSRP > -92 {
				t.Fatalf("Signal = %+v, want LTE with an RSRP about -100 dBm", s.Signal)
			}
			if q := s.Signal.RSRQ; q == nil || *q < -11 || *q > -9 {
				t.Errorf("RSRQ = %v by %s, want about -10 dB", q, s.Signal.Query)
			}
			if s.SignalDBm == nil || *s.SignalDBm < -79 || *s.SignalDBm > -67 {
				t.Errorf("RSSI by +CSQ = %v, want about -73 dBm", s.SignalDBm)
			}
			if !s.Registered || sim.DataActive() && !p.DefaultBearer {
				t.Errorf("Measure left %+v, data %v", s, sim.DataActive())
			}
			if err := m.Down(t.Context()); err != nil || sim.RadioOn() {
				t.Errorf("Down = %v, radio on %v", err, sim.RadioOn())
			}
		})
	}
}

// TestMeasureWithoutNetwork: why there is none is told, and the attempt leaves a radio that Down switches off.
func TestMeasureWithoutNetwork(t *testing.T) {
	sim := modemsim.New(modemsim.Config{Faults: modemsim.Faults{Stuck: true}})
	m := join(t, record(t, sim), modem.Config{})
	if fault := faultOf(t, "Measure", m.Measure(t.Context(), nil)); fault.Kind != modem.NoNetwork {
		t.Errorf("Measure = %v", fault)
	}
	if s := m.Status(); s.SignalDBm == nil || s.Radio != "on" {
		t.Errorf("Status = %+v, want what the receiver hears", s)
	}
}

// TestInspect: the radio stays as it is, and everything that can be asked without it is told.
func TestInspect(t *testing.T) {
	for _, p := range modemsim.Personalities() {
		t.Run(p.Name, func(t *testing.T) {
			t.Parallel()
			sim := modemsim.New(modemsim.Config{Personality: p, Function: 4, SIM: modemsim.SIM{PIN: "4711", PINLeft: 2}})
			m := join(t, record(t, sim), modem.Config{PIN: "4711"})
			h := m.Status
			for range 50 { // the card takes its time after boot
				if err := m.Inspect(t.Context()); err != nil {
					t.Fatal(err)
				}
				if h().SIM == "pin" {
					break
				}
			}
			s := h()
			if s.SIM != "pin" || s.ICCID == "" || s.PINTries == nil || *s.PINTries != 2 || s.PUKTries == nil || *s.PUKTries != 10 ||
				s.Radio != "off" || s.IMEI == "" || s.Profile == "" {
				t.Errorf("Status = %+v, want pin, two and ten tries, radio off", s)
			}
			if sim.RadioOn() || sim.PINLeft() != 2 {
				t.Errorf("Inspect changed something: radio %v, tries %d", sim.RadioOn(), sim.PINLeft())
			}
		})
	}
}

// TestInspectOn: with the radio on the network is told as well.
func TestInspectOn(t *testing.T) {
	sim := modemsim.New(modemsim.Config{LeftOn: true, Network: modemsim.Network{Roaming: true}})
	m := join(t, record(t, sim), modem.Config{})
	if err := m.Inspect(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s := m.Status(); s.Radio != "on" || !s.Registered || !s.Roaming || s.Operator != "Airlock Mobile" || s.Signal == nil || s.Clock == nil {
		t.Errorf("Status = %+v", s)
	}
}

// TestRaw: replies come as they are, refusals are replies, and what would end the dialogue or go around the guard is not sent.
func TestRaw(t *testing.T) {
	sim := modemsim.New(modemsim.Config{SIM: modemsim.SIM{PIN: "4711"}})
	r := record(t, sim)
	m := join(t, r, modem.Config{})
	for _, c := range []struct {
		command string
		want    []string
	}{
		{"AT+CGMM", []string{"EC25", "OK"}},
		{"at+cfun?", []string{"+CFUN: 1", "OK"}},
		{"+CGDCONT?", []string{`+CGDCONT: 1,"IP","internet","0.0.0.0",0,0`, "OK"}},
		{"AT+NOSUCH", []string{"+CME ERROR: 4 (operation not supported)"}},
		{"ATI", []string{"Quectel", "EC25", "Revision: EC25EUGAR06A07M4G", "OK"}},
		{"AT+CMEE=?", []string{"+CMEE: (0-2)", "OK"}},
		{"AT+CPIN?", []string{"+CPIN: SIM PIN", "OK"}},
		{"AT+CFUN=4", []string{"OK"}},
		{"AT+CFUN=?  ", []string{"+CFUN: (0,1,4),(0,1)", "OK"}},
	} {
		command, want := c.command, c.want
		lines, err := m.Raw(t.Context(), command)
		for n := 0; n < 100 && err == nil && command == "AT+CPIN?" && len(lines) == 1; n++ { // the card is still busy
			lines, err = m.Raw(t.Context(), command)
		}
		if err != nil || !slices.Equal(lines, want) {
			t.Errorf("Raw(%q) = %q, %v, want %q", command, lines, err, want)
		}
	}
	if got := m.Status().Radio; got == "unknown" {
		t.Errorf("radio %q after a command that may have changed it", got)
	}
	for _, command := range []string{"", "AT", "AT+CSQ\r+CFUN=1", "ATD*99#", "ATE1", "ATZ", "AT&F", "ATE0+CSQ", `AT+CPIN="4711"`, `at+cpin = 4711`, `AT+CSQ;+CPIN="4711"`,
		`AT+CSIM=26,"002000010830303030FFFFFFFF"`, `AT+CLCK="SC",0,"4711"`, `AT+CPWD="SC","4711","1"`, `AT^CPIN="4711"`, `AT+CGDATA="PPP",1`, "AT+CMUX=0",
		"AT+Ü", "AT" + strings.Repeat("+", 600)} {
		lines, err := m.Raw(t.Context(), command)
		if err == nil || strings.Contains(err.Error(), "4711") {
			t.Errorf("Raw(%q) = %q, %v, want a refusal without secrets", command, lines, err)
		}
	}
	if n := len(r.commands("+CPIN=")) + len(r.commands("+CLCK")) + len(r.commands("D")) + len(r.commands("+CSIM")); n != 0 || sim.PINLeft() != 3 {
		t.Errorf("%d forbidden commands were sent, %d tries left", n, sim.PINLeft())
	}
	if at.Redact(`+CSIM=26,"00"`) != "+CSIM=…" {
		t.Error("the card's commands are not redacted")
	}
}

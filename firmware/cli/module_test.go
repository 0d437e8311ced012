package cli

import (
	"strings"
	"testing"
	"time"

	"airlock/netd/windows"
)

// troubled is a module of which everything is known, after a window that needed help.
func troubled() windows.ModemStatus {
	at := time.Date(2026, 11, 22, 3, 59, 58, 0, time.UTC)
	return windows.ModemStatus{
		Present: true, Model: "Quectel EC25", Firmware: "EC25EFAR06A03M4G", IMEI: "860425000000000", Profile: "quectel-ec2x", Port: "ttyUSB2",
		SIM: "ready", ICCID: "89490200001234567890", PINTries: new(2), PUKTries: new(10), Slot: 1, Radio: "on", Registered: true, Roaming: true,
		Operator: "Mobil", Access: "LTE", Reject: "PLMN not allowed (cause 11)", SignalDBm: new(-71),
		Signal: &windows.Signal{Query: "AT+QCSQ", Access: "LTE", RSSI: new(-65.0), RSRP: new(-97.0), RSRQ: new(-11.5), SINR: new(14.2)},
		Bearer: "interface", Address: "10.64.1.7", MTU: 1430, FlashWrites: 3,
		Clock:    &windows.NetworkTime{At: at, ZoneMin: 60, Source: "AT+QLTS=2", ReadAt: at.Add(-2 * time.Hour)},
		Recovery: []windows.RecoveryStep{{At: at, Rung: "resync", Why: "no answer to AT+CSQ"}, {At: at.Add(time.Second), Rung: "cfun", Why: "not registered", Err: "+CME ERROR: 3"}},
		Problem:  "the hub does not answer",
	}
}

func TestModulePage(t *testing.T) {
	want := `module    Quectel EC25, firmware EC25EFAR06A03M4G
profile   quectel-ec2x
IMEI      860425000000000
port      ttyUSB2
SIM       ready, ICCID 894902...7890, slot 1, 2 PIN tries left
radio     on
network   registered
signal    Mobil LTE, roaming, fair (RSRP -97 dBm, RSRQ -11.5 dB, SINR 14.2 dB)
refused   PLMN not allowed (cause 11)
data      by interface, address 10.64.1.7, MTU 1430
clock     2026-11-22 03:59:58Z by AT+QLTS=2, 2h0m0s from the node's; NOT
          believed
recovery  03:59:58Z resync: no answer to AT+CSQ
          03:59:59Z cfun: not registered; failed: +CME ERROR: 3
flash     3 writes
problem   the hub does not answer
`
	if got := modulePage(troubled()); got != want {
		t.Errorf("modulePage() =\n%s\nwant\n%s", got, want)
	}
	if got, want := modulePage(windows.ModemStatus{Problem: "no port answers"}), "module    none found\nproblem   no port answers\n"; got != want {
		t.Errorf("modulePage(none) =\n%s\nwant\n%s", got, want)
	}
}

// TestStatusPageOfTheModule: the whole page tells all, the console's banner only what is out of order.
func TestStatusPageOfTheModule(t *testing.T) {
	page := func(all bool) string {
		p := &sheet{}
		p.module(troubled(), all)
		return p.b.String()
	}
	const first = `modem     Quectel EC25, SIM ready, radio on
`
	banner := first + `          ICCID 894902...7890, slot 1, 2 PIN tries left
signal    Mobil LTE, roaming, fair (RSRP -97 dBm, RSRQ -11.5 dB, SINR 14.2 dB)
refused   PLMN not allowed (cause 11)
`
	if got := page(false); got != banner {
		t.Errorf("in the banner:\n%s\nwant\n%s", got, banner)
	}
	whole := page(true)
	for _, want := range []string{"profile quectel-ec2x, ICCID 894902...7890, slot 1, 2 PIN tries left\n", "MTU 1430\n", "clock     2026-11-22", "recovery  03:59:58Z resync"} {
		if !strings.Contains(whole, want) {
			t.Errorf("the page lacks %q:\n%s", want, whole)
		}
	}
}

func TestTries(t *testing.T) {
	for _, c := range []struct {
		sim       string
		pin, puk  *int
		few, long string
	}{
		{"pin", new(3), new(10), "", "3 PIN tries left"},
		{"pin", new(1), new(10), "1 PIN try left", "1 PIN try left"},
		{"puk", new(0), new(10), "10 PUK tries left", "10 PUK tries left"},
		{"puk", nil, new(1), "", "1 PUK try left"},
		{"pin", nil, nil, "", ""},
	} {
		m := windows.ModemStatus{SIM: c.sim, PINTries: c.pin, PUKTries: c.puk}
		if few, long := fewTries(m), triesWords(m); few != c.few || long != c.long {
			t.Errorf("%s: fewTries = %q, triesWords = %q, want %q, %q", c.sim, few, long, c.few, c.long)
		}
	}
}

// TestLevels: the word is that of the worst figure, and each family is measured by its own.
func TestLevels(t *testing.T) {
	for _, c := range []struct {
		s    windows.Signal
		want string
	}{
		{windows.Signal{RSRP: new(-75.0), RSRQ: new(-9.0), SINR: new(22.0)}, "excellent: RSRP -75 dBm, RSRQ -9 dB, SINR 22 dB"},
		{windows.Signal{RSRP: new(-75.0), RSRQ: new(-9.0), SINR: new(-3.0)}, "poor: RSRP -75 dBm, RSRQ -9 dB, SINR -3 dB"},
		{windows.Signal{RSRP: new(-90.0)}, "good: RSRP -90 dBm"},
		{windows.Signal{RSRP: new(-90.1)}, "fair: RSRP -90.1 dBm"},
		{windows.Signal{RSRP: new(-111.0), RSSI: new(-60.0)}, "hardly any: RSRP -111 dBm"},
		{windows.Signal{RSCP: new(-80.0), EcIo: new(-7.0)}, "fair: RSCP -80 dBm, Ec/Io -7 dB"},
		{windows.Signal{RSSI: new(-71.0)}, "good: RSSI -71 dBm"},
		{windows.Signal{}, ": "},
	} {
		if word, figures := levels(&c.s); word+": "+figures != c.want {
			t.Errorf("levels() = %s: %s, want %s", word, figures, c.want)
		}
	}
	if got, want := signalWords(windows.ModemStatus{Signal: &windows.Signal{}, SignalDBm: new(-71)}), "no operator, good (-71 dBm)"; got != want {
		t.Errorf("signalWords() = %q, want %q", got, want)
	}
}

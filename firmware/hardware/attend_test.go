package hardware

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"airlock/drivers/modem"
	"airlock/drivers/modem/reply"
	"airlock/firmware/config"
	"airlock/netd/windows"
)

// TestMemory: what was saved is loaded by another process, alone and private; nothing is an empty memory, and a broken
// file is none.
func TestMemory(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "netd")
	if r, err := Remember(folder).Load(); err != nil || !reflect.DeepEqual(r, modem.Remembered{}) {
		t.Errorf("Load() of nothing = %+v, %v", r, err)
	}
	want := modem.Remembered{RefusedPIN: map[string]string{"8988": "refused:aa:bb"}, FlashWrites: 7, Rung: "cfun", Failures: 2}
	if err := Remember(folder).Save(want); err != nil {
		t.Fatal(err)
	}
	if r, err := Remember(folder).Load(); err != nil || !reflect.DeepEqual(r, want) {
		t.Errorf("Load() = %+v, %v, want %+v", r, err, want)
	}
	file := filepath.Join(folder, memoryFile)
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%s: %v, %v, want mode 0600", file, info.Mode(), err)
	}
	if err := os.WriteFile(file, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if r, err := Remember(folder).Load(); err == nil || !strings.Contains(err.Error(), memoryFile) {
		t.Errorf("Load() of half a file = %+v, %v, want an error that names it", r, err)
	}
}

// TestSession: each key of node.yaml reaches the driver, and none is made up.
func TestSession(t *testing.T) {
	if got, want := session(config.Default().Modem), (modem.Config{Type: "IP"}); !reflect.DeepEqual(got, want) {
		t.Errorf("session(defaults) = %+v, want %+v", got, want)
	}
	got := session(config.Modem{APN: "a", Type: "ipv4v6", User: "u", Password: "p", Auth: "chap", AttachAPN: "b", Operator: "26201",
		Slot: 2, PIN: "0815", Bearer: "ppp"})
	want := modem.Config{APN: "a", Type: "IPV4V6", User: "u", Password: "p", Auth: "chap", AttachAPN: "b", Operator: "26201",
		Slot: 2, PIN: "0815", Bearer: modem.ByPPP}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("session() = %+v, want %+v", got, want)
	}
}

// TestStatusOf: nothing of the driver's status is lost on its way to the console.
func TestStatusOf(t *testing.T) {
	three, ten, csq, rsrp, snr := 3, 10, -71, -98.5, 12.0
	at := time.Date(2026, 11, 25, 3, 0, 0, 0, time.UTC)
	got := statusOf(modem.Status{
		Present: true, Port: "ttyUSB2", Manufacturer: "Quectel", Model: "EC25", Firmware: "F", IMEI: "I", Profile: "quectel-ec2x",
		SIM: "ready", ICCID: "8988", PINTries: &three, PUKTries: &ten, Slot: 2, Radio: "on", Registered: true, Roaming: true,
		Operator: "Airlock Mobile", Access: "LTE", Reject: "R", SignalDBm: &csq,
		Signal: &modem.Signal{Query: "+XCESQ?", Access: "LTE", Levels: reply.Levels{RSRP: &rsrp, SNR: &snr}},
		Data:   true, Address: "10.64.0.2", Clock: &modem.NetworkTime{At: at, Zone: 2 * time.Hour, Source: "+CCLK?", ReadAt: at, Plausible: true},
		Recovery: []modem.RecoveryStep{{At: at, Rung: "cfun", Why: "W", Err: "E"}}, FlashWrites: 9, Problem: "P",
	})
	want := windows.ModemStatus{
		Present: true, Model: "Quectel EC25", Firmware: "F", IMEI: "I", Profile: "quectel-ec2x", Port: "ttyUSB2",
		SIM: "ready", ICCID: "8988", PINTries: &three, PUKTries: &ten, Slot: 2, Radio: "on", Registered: true, Roaming: true,
		Operator: "Airlock Mobile", Access: "LTE", Reject: "R", SignalDBm: &csq,
		Signal:  &windows.Signal{Query: "+XCESQ?", Access: "LTE", RSRP: &rsrp, SINR: &snr},
		Address: "10.64.0.2", Clock: &windows.NetworkTime{At: at, ZoneMin: 120, Source: "+CCLK?", ReadAt: at, Plausible: true},
		Recovery: []windows.RecoveryStep{{At: at, Rung: "cfun", Why: "W", Err: "E"}}, FlashWrites: 9, Problem: "P",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("statusOf() = %+v, want %+v", got, want)
	}
}

// TestAttendWithoutModule: every question has an answer with a status, and a code.
func TestAttendWithoutModule(t *testing.T) {
	driver := modem.New(modem.Config{Times: modem.Times{Find: 20 * time.Millisecond, Setup: 10 * time.Millisecond, Poll: 5 * time.Millisecond}},
		fixedPort("/nowhere/ttyUSB0", quiet(), func() (string, error) { return "", nil }))
	m := &Modem{driver}
	for do, code := range map[windows.ModuleVerb]string{
		windows.Inspect: windows.CodeNoModem, windows.Measure: windows.CodeNoModem, windows.ScanAir: windows.CodeNoModem,
		windows.Select: windows.CodeNoModem, windows.EnterPIN: windows.CodeNoModem, windows.Unblock: windows.CodeNoModem,
		windows.UseSlot: windows.CodeNoModem, windows.RawCommand: windows.CodeNoModem, "dance": windows.CodeBadRequest,
	} {
		answer, err := m.Attend(t.Context(), windows.ModuleRequest{Do: do, Command: "AT+CSQ"}, func(string) {})
		var p *windows.Problem
		if !errors.As(err, &p) || p.Code != code || answer.Status.Radio != "unknown" {
			t.Errorf("Attend(%s) = %+v, %v, want code %s", do, answer, err, code)
		}
		if bounds(do) < time.Minute {
			t.Errorf("bounds(%s) = %s", do, bounds(do))
		}
	}
}

// TestOperators: the long name is taken before the short one, and states are words.
func TestOperators(t *testing.T) {
	long, short := "Airlock Mobile", "Airlock"
	got := operators([]reply.Network{{Status: "CURRENT", Long: &long, Short: &short, Code: "00101", Access: "LTE"}, {Status: "FORBIDDEN", Code: "00102", Access: "5GNR"}})
	want := []windows.Operator{{PLMN: "00101", Name: "Airlock Mobile", State: "current", Access: "LTE"}, {PLMN: "00102", State: "forbidden", Access: "5G"}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("operators() = %+v, want %+v", got, want)
	}
}

package cli_test

import (
	"context"
	"strings"
	"testing"

	"airlock/deployd/api"
	"airlock/firmware/cli"
	"airlock/netd/netdtest"
	"airlock/netd/windows"
)

// typed runs a command against a real doorkeeper; stderr may be nil.
func typed(ctx context.Context, n *netdtest.Node, stderr func(string), args ...string) (code int, out string, err error) {
	var stdout page
	heard := writer(func(p []byte) {
		if stderr != nil {
			stderr(string(p))
		}
	})
	code, err = cli.Execute(ctx, cli.Env{Stdout: &stdout, Stderr: heard, Name: "airlock ",
		Console: func(context.Context, string) error { return nil },
		Connect: func(string) (cli.Doorkeeper, cli.Courier, error) {
			return windows.NewClient(n.Socket), api.NewClient("/nowhere/d.sock"), nil
		}}, args)
	return code, stdout.String(), err
}

// TestAgainstTheDoorkeeper: the commands and netd itself fit together, up to the record.
func TestAgainstTheDoorkeeper(t *testing.T) {
	w := netdtest.NewWorld()
	w.Attend = func(ctx context.Context, r windows.ModuleRequest, say func(string)) (windows.ModuleAnswer, error) {
		a := windows.ModuleAnswer{Status: windows.ModemStatus{Present: true, SIM: "ready", Radio: "on", Registered: true, Operator: "Mobil", SignalDBm: new(-71)}}
		switch r.Do {
		case windows.ScanAir:
			say("Listing the operators")
			<-ctx.Done()
			return a, context.Cause(ctx)
		case windows.RawCommand:
			a.Lines = []string{"+CSQ: 21,99", "OK"}
		}
		return a, nil
	}
	n := netdtest.Start(t, w, "")
	dark := func(after string) {
		t.Helper()
		if err := w.Shut(); err != nil {
			t.Errorf("after %s: %v", after, err)
		}
	}
	if code, out, err := typed(t.Context(), n, nil, "modem", "signal"); code != cli.ExitOK || out != "Mobil, good (-71 dBm)\n" {
		t.Errorf("modem signal = %d, %q, %v", code, out, err)
	}
	dark("modem signal")
	if code, out, err := typed(t.Context(), n, nil, "modem", "at", "AT+CSQ", "--yes"); code != cli.ExitOK || out != "+CSQ: 21,99\nOK\n" {
		t.Errorf("modem at = %d, %q, %v", code, out, err)
	}
	dark("modem at")
	if code, _, err := typed(t.Context(), n, nil, "modem", "at", "AT+CPIN=\"1234\"", "--yes"); code != cli.ExitRefused || !strings.Contains(err.Error(), "modem pin") {
		t.Errorf("modem at with a PIN = %d, %v", code, err)
	}
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	code, _, err := typed(ctx, n, func(line string) {
		if strings.Contains(line, "Listing") {
			interrupt()
		}
	}, "modem", "scan")
	if code != cli.ExitFailed || err == nil || err.Error() != "interrupted" {
		t.Errorf("a scan that was interrupted = %d, %v", code, err)
	}
	dark("an interrupted scan")
	if code, _, err := typed(t.Context(), n, nil, "record", "verify"); code != cli.ExitOK {
		t.Errorf("record verify = %d, %v", code, err)
	}
	_, record, err := typed(t.Context(), n, nil, "record", "show")
	for _, want := range []string{
		"module-asked   window 1 outer to service for airlock signal\n",
		"module-ended   window 1 outer to service for airlock signal: SIM ready, radio on, registered with Mobil\n",
		"module-asked   window 2 outer to service for airlock at AT+CSQ\n", "airlock at: OK\n",
		"airlock scan\n", "airlock [not-allowed] scan: ", // which end netd sees first is chance: the question's or the window's
	} {
		if !strings.Contains(record, want) {
			t.Errorf("the record lacks %q (%v):\n%s", want, err, record)
		}
	}
	if strings.Contains(record, "1234") {
		t.Errorf("a PIN stands in the record:\n%s", record)
	}
}

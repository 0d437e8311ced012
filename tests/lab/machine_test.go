package lab

import (
	"context"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"airlock/tests/lab/evidence"
)

// needQEMU skips where no machine can be started.
func needQEMU(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("starts QEMU: not with -short")
	}
	if _, err := exec.LookPath(qemuProgram); err != nil {
		t.Skipf("%v; `make setup` installs it", err)
	}
	if _, err := findFirmware(); err != nil {
		t.Skip(err)
	}
}

// deaf is a module that takes what is sent to it and says nothing.
func deaf(_ context.Context, conn net.Conn) error {
	_, err := io.Copy(io.Discard, conn)
	return err
}

var shellPrompt = regexp.MustCompile(`(?m)^Shell> ?$`)

// TestMachineRunsFirmware needs no image: without a disk, the firmware comes to its shell. The machine has no LAN card
// here, since this firmware would try to boot over it when there is no disk.
func TestMachineRunsFirmware(t *testing.T) {
	needQEMU(t)
	outer, path := newTestCapture(t)
	carrier, err := NewCarrier(outer, quietLog())
	if err != nil {
		t.Fatal(err)
	}
	carrier.SetData(true) // what the firmware sends shall be answered, so that more would come
	logPath := filepath.Join(t.TempDir(), "console.log")
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	begun := time.Now()
	m, err := StartMachine(ctx, MachineConfig{Module: deaf, Outer: carrier.Serve, ConsoleLog: logPath, Log: quietLog()})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if _, err := m.Console.Expect(ctx, shellPrompt); err != nil {
		t.Fatalf("%v\nQEMU said: %s", err, m.Complaints())
	}
	t.Logf("the firmware's shell is there after %.1f s", time.Since(begun).Seconds())
	if err := m.Console.SendLine("echo door-%lasterror%"); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Console.Expect(ctx, regexp.MustCompile(`door-0x0`)); err != nil {
		t.Fatal(err)
	}
	if err := m.UnplugModule(ctx); err != nil {
		t.Errorf("unplug the module: %v", err)
	}
	if err := m.PlugModule(ctx); err != nil {
		t.Errorf("plug the module in again: %v", err)
	}
	if err := m.Reset(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Console.Expect(ctx, shellPrompt); err != nil {
		t.Fatalf("after a reset: %v", err)
	}
	if frames, _ := outer.Count(); frames != 0 {
		t.Errorf("the firmware sent %d frames to the carrier; the first: % x", frames, readCapture(t, path)[0])
	}
	if err := m.Quit(ctx); err != nil {
		t.Errorf("quit: %v", err)
	}
	log, err := os.ReadFile(logPath)
	if err != nil || !regexp.MustCompile(`(?m)^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z `).Match(log) {
		t.Errorf("console log has no times: %v\n%s", err, log)
	}
}

func TestMachineEndsWithItsContext(t *testing.T) {
	needQEMU(t)
	ctx, cancel := context.WithCancel(t.Context())
	m, err := StartMachine(ctx, MachineConfig{Log: quietLog()})
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	select {
	case <-m.Done():
	case <-time.After(patience):
		t.Fatal("QEMU outlives its context")
	}
	if err := m.Close(); err != nil {
		t.Errorf("Close = %v, want nil: that it was switched off is no error", err)
	}
	if _, err := m.Console.Expect(t.Context(), regexp.MustCompile("never")); err == nil || !strings.Contains(err.Error(), "ended") {
		t.Errorf("Expect on a machine that is off = %v, want an error", err)
	}
	if err := m.Reset(t.Context()); err == nil {
		t.Error("Reset of a machine that is off = nil, want an error")
	}
}

func TestStartMachineRefuses(t *testing.T) {
	needQEMU(t)
	if _, err := StartMachine(t.Context(), MachineConfig{Image: "/nonexistent.img", Log: quietLog()}); err == nil || !strings.Contains(err.Error(), "make image") {
		t.Errorf("missing image: %v, want what to do", err)
	}
	if _, err := StartMachine(t.Context(), MachineConfig{Memory: -5, Log: quietLog()}); err == nil || !strings.Contains(err.Error(), "QEMU said") {
		t.Errorf("bad memory: %v, want QEMU's own words", err)
	}
}

func TestChooseAccelRuns(t *testing.T) {
	needQEMU(t)
	begun := time.Now()
	accel := ChooseAccel(t.Context(), "", nil, quietLog())
	t.Logf("%s after %.1f s", accel, time.Since(begun).Seconds())
	if accel != KVM && accel != TCG {
		t.Errorf("ChooseAccel = %q", accel)
	}
	if took := time.Since(begun); took > firmwareWithin+5*time.Second {
		t.Errorf("the probe took %s", took)
	}
}

// pipeConsole is a console whose machine is the test.
func pipeConsole(t *testing.T, logPath string) (*Console, net.Conn) {
	t.Helper()
	near, far := testPipe(t)
	c, err := newConsole(near, logPath)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- c.serve(context.Background()) }()
	t.Cleanup(func() {
		far.Close()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return c, far
}

func TestConsoleExpect(t *testing.T) {
	c, machine := pipeConsole(t, "")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	go func() {
		// Cut in the middle of an escape sequence, of a word, and of a line's end.
		for _, part := range []string{"boo", "ting\r", "\n\x1b[", "1;33mto", "ken:\x1b[0m ", "second 42 third"} {
			machine.Write([]byte(part))
			time.Sleep(2 * time.Millisecond)
		}
	}()
	for _, want := range [][]string{{"booting\n"}, {"token: "}, {"second 42", "42"}, {" third"}} {
		pattern := map[string]string{"booting\n": `booting\n`, "token: ": `token: `, "second 42": `second (\d+)\b`, " third": `^ third`}[want[0]]
		got, err := c.Expect(ctx, regexp.MustCompile(pattern))
		if err != nil || strings.Join(got, "|") != strings.Join(want, "|") {
			t.Fatalf("Expect(%q) = %q, %v, want %q", pattern, got, err, want)
		}
	}
	short, stop := context.WithTimeout(ctx, 20*time.Millisecond)
	defer stop()
	machine.Write([]byte("something else\r\n"))
	if _, err := c.Expect(short, regexp.MustCompile("never")); err == nil || !strings.Contains(err.Error(), "something else") {
		t.Errorf("Expect = %v, want an error that shows what was printed", err)
	}
	if err := c.SendLine("AIRLOCK1-abc"); err != nil {
		t.Fatal(err)
	}
	typed := make([]byte, 13)
	if _, err := io.ReadFull(machine, typed); err != nil || string(typed) != "AIRLOCK1-abc\r" {
		t.Errorf("typed %q, %v, want the line and a carriage return", typed, err)
	}
}

func TestDeviceArguments(t *testing.T) {
	got := deviceArguments("usb-net,bus=xhci.0,id=n")
	if len(got) != 3 || got["driver"] != "usb-net" || got["bus"] != "xhci.0" || got["id"] != "n" {
		t.Errorf("deviceArguments = %v", got)
	}
}

// TestMachineIsOnTheCarrier lets the firmware, which has no disk here, ask for an address over its network card: a
// real guest's frames go through QEMU and the relay to the gateway, and its offer comes back to QEMU. (This firmware
// takes only an offer of a boot server, so the guest is not seen to accept it.)
func TestMachineIsOnTheCarrier(t *testing.T) {
	needQEMU(t)
	capture, path := newTestCapture(t)
	carrier, err := NewCarrier(capture, quietLog())
	if err != nil {
		t.Fatal(err)
	}
	carrier.SetData(true)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	m, err := StartMachine(ctx, MachineConfig{Inner: carrier.Serve, Log: quietLog()})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	for got := carrier.Traffic(); got.FramesOut == 0 || got.FramesIn == 0; got = carrier.Traffic() {
		select {
		case <-ctx.Done():
			t.Fatalf("Traffic() = %+v, want frames both ways\nQEMU said: %s", got, m.Complaints())
		case <-time.After(50 * time.Millisecond):
		}
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	card, err := net.ParseMAC(evidence.InnerMAC)
	if err != nil {
		t.Fatal(err)
	}
	checkCounts(t, carrier.Traffic(), readCapture(t, path), card)
}

// testImage returns the appliance's image, or skips.
func testImage(t *testing.T) string {
	t.Helper()
	needQEMU(t)
	image := os.Getenv("AIRLOCK_IMAGE")
	if image == "" {
		image = filepath.Join("..", "..", "build", "airlock.img")
	}
	if _, err := os.Stat(image); err != nil {
		t.Skipf("boots the image: %v; `make image` builds it", err)
	}
	return image
}

// TestImageBootsInSilence boots the image with a module whose data context seems active and a LAN that would pass
// anything: until somebody asks for a window, neither firmware nor image sends a frame. Then the same after a reset.
func TestImageBootsInSilence(t *testing.T) {
	image := testImage(t)
	outer, outerPath := newTestCapture(t)
	inner, innerPath := newTestCapture(t)
	carrier, err := NewCarrier(outer, quietLog())
	if err != nil {
		t.Fatal(err)
	}
	carrier.SetData(true)
	lan := NewLAN(inner, quietLog())
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	logPath := filepath.Join(t.TempDir(), "console.log")
	begun := time.Now()
	m, err := StartMachine(ctx, MachineConfig{Image: image, Module: deaf, Outer: carrier.Serve, Inner: lan.ServeNode, ConsoleLog: logPath, Log: quietLog()})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	for _, how := range []string{"power on", "a reset"} {
		if _, err := m.Console.Expect(ctx, consoleAlive); err != nil {
			log, _ := os.ReadFile(logPath)
			t.Fatalf("after %s: %v\nQEMU said: %s\n%s", how, err, m.Complaints(), log)
		}
		t.Logf("the console is there %.1f s after %s", time.Since(begun).Seconds(), how)
		for path, c := range map[string]*Capture{outerPath: outer, innerPath: inner} {
			if frames, _ := c.Count(); frames != 0 {
				t.Errorf("after %s, %d frames were sent; the first: % x", how, frames, readCapture(t, path)[0])
			}
		}
		begun = time.Now()
		if err := m.Reset(ctx); err != nil {
			t.Fatal(err)
		}
	}
}

// consoleAlive is what the field console prints and the firmware never does.
var consoleAlive = regexp.MustCompile(`(?i)airlock.*\n`)

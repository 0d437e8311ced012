package journal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	sd "github.com/coreos/go-systemd/v22/journal"
	"golang.org/x/sys/unix"

	"airlock/netd/recorder"
)

var quiet = slog.New(slog.DiscardHandler)

// sink takes what is sent.
type sink struct {
	fail error
	mu   sync.Mutex
	got  []map[string]string
}

func (s *sink) send(message string, p sd.Priority, f map[string]string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	f = maps.Clone(f)
	f["MESSAGE"], f["PRIORITY"] = message, fmt.Sprint(p)
	s.got = append(s.got, f)
	return s.fail
}

func TestFields(t *testing.T) {
	in, out := uint64(10), uint64(0)
	closed := recorder.Entry{Seq: 9, Event: recorder.WindowClosed, Window: 3, Door: "outer", Purpose: "fetch", Asker: "deployd",
		In: &in, Out: &out, Code: "time-up", Text: "its time is up", Account: &recorder.Account{Capture: &recorder.Capture{FramesIn: 5, FramesOut: 6}}}
	s := &sink{}
	j := &Journal{send: s.send, log: quiet, lines: make(chan recorder.Entry, waiting)}
	j.Tell(closed)
	j.Tell(recorder.Entry{Seq: 10, Event: recorder.FaultLatched, Text: "stuck"})
	over, stop := context.WithCancel(t.Context())
	stop()
	if err := j.Run(over); err != nil { // hands over what waits, although its time is up
		t.Fatal(err)
	}
	want := []map[string]string{
		{"MESSAGE": "window-closed window 3 outer fetch time-up its time is up", "PRIORITY": "5", "SYSLOG_IDENTIFIER": "netd", "AIRLOCK_SEQ": "9",
			"AIRLOCK_EVENT": "window-closed", "AIRLOCK_WINDOW": "3", "AIRLOCK_DOOR": "outer", "AIRLOCK_PURPOSE": "fetch", "AIRLOCK_ASKER": "deployd",
			"AIRLOCK_CODE": "time-up", "AIRLOCK_BYTES_IN": "10", "AIRLOCK_BYTES_OUT": "0", "AIRLOCK_FRAMES_IN": "5", "AIRLOCK_FRAMES_OUT": "6"},
		{"MESSAGE": "fault-latched stuck", "PRIORITY": "2", "SYSLOG_IDENTIFIER": "netd", "AIRLOCK_SEQ": "10", "AIRLOCK_EVENT": "fault-latched"},
	}
	if !slices.EqualFunc(s.got, want, maps.Equal) {
		t.Errorf("sent %v,\nwant %v", s.got, want)
	}
}

// A journal that does not answer delays nobody; how many lines it has missed stands in the next.
func TestSlowJournalDelaysNobody(t *testing.T) {
	s := &sink{fail: errors.New("no room")}
	j := &Journal{send: s.send, log: quiet, lines: make(chan recorder.Entry, 2)}
	for n := range uint64(7) {
		j.Tell(recorder.Entry{Seq: n + 1, Event: recorder.Dialled}) // nobody runs: comes back all the same
	}
	over, stop := context.WithCancel(t.Context())
	stop()
	if err := j.Run(over); err != nil {
		t.Fatal(err)
	}
	if len(s.got) != 2 || s.got[0]["AIRLOCK_LOST"] != "5" || s.got[1]["AIRLOCK_LOST"] != "" {
		t.Errorf("sent %v", s.got)
	}
}

func TestNothingOffSystemd(t *testing.T) {
	j := &Journal{log: quiet, lines: make(chan recorder.Entry)}
	j.Tell(recorder.Entry{Event: recorder.Started}) // would wait for ever if it went anywhere
	over, stop := context.WithCancel(t.Context())
	stop()
	if err := j.Run(over); err != nil {
		t.Error(err)
	}
}

// inside marks the process that has a /run of its own.
const inside = "AIRLOCK_JOURNAL_RUN"

// The lines arrive at the journal's own socket, in its native protocol. The socket's path is fixed, so the test runs
// again in a mount namespace whose /run is its own.
func TestJournalSocket(t *testing.T) {
	if os.Getenv(inside) != "" {
		fakeJournald(t)
		return
	}
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestJournalSocket$", "-test.v")
	cmd.Env = append(os.Environ(), inside+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	if os.Getuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
	}
	b, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Skipf("a mount namespace cannot be made here: %v", err)
	}
	if err != nil || strings.Contains(string(b), "SKIP") {
		t.Fatalf("%v\n%s", err, b)
	}
}

func fakeJournald(t *testing.T) {
	if err := errors.Join(unix.Mount("none", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""), unix.Mount("tmpfs", "/run", "tmpfs", 0, "")); err != nil {
		t.Fatal(err)
	}
	const socket = "/run/systemd/journal/socket"
	if err := os.MkdirAll(filepath.Dir(socket), 0o700); err != nil {
		t.Fatal(err)
	}
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	j := New(quiet)
	j.Tell(recorder.Entry{Seq: 4, Event: recorder.WindowAsked, Window: 2, Door: "inner", Text: "two\nlines"})
	over, stop := context.WithCancel(t.Context())
	stop()
	if err := j.Run(over); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 4096)
	n, err := l.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"AIRLOCK_EVENT=window-asked\n", "AIRLOCK_WINDOW=2\n", "AIRLOCK_DOOR=inner\n", "PRIORITY=5\n", "AIRLOCK_SEQ=4\n"} {
		if !strings.Contains(string(b[:n]), want) {
			t.Errorf("%q is not in %q", want, b[:n])
		}
	}
}

package run

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// manager is a service manager that keeps what it was told, and refuses what systemd would not
// understand: a line without a key, or anything but STOPPING before READY.
type manager struct {
	t    *testing.T
	mu   sync.Mutex
	told []string
	news chan struct{} // gets a value, without blocking, at each message
}

func newManager(t *testing.T) *manager { return &manager{t: t, news: make(chan struct{}, 100)} }

func (m *manager) notify(state string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for line := range strings.SplitSeq(state, "\n") {
		key, _, ok := strings.Cut(line, "=")
		if !ok || key == "" || key != strings.ToUpper(key) {
			m.t.Errorf("service manager was told %q, which has a line that is not KEY=value", state)
		}
	}
	if strings.HasPrefix(state, "WATCHDOG") && !slices.Contains(m.heads(), "READY=1") {
		m.t.Errorf("watchdog pinged before READY=1: %q", m.told)
	}
	m.told = append(m.told, state)
	m.news <- struct{}{}
	return nil
}

func (m *manager) heads() []string {
	var out []string
	for _, s := range m.told {
		head, _, _ := strings.Cut(s, "\n")
		out = append(out, head)
	}
	return out
}

func (m *manager) count(head string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := 0
	for _, h := range m.heads() {
		if h == head {
			n++
		}
	}
	return n
}

func (m *manager) wait(head string, n int) {
	m.t.Helper()
	timeout := time.After(5 * time.Second)
	for m.count(head) < n {
		select {
		case <-m.news:
		case <-timeout:
			m.t.Fatalf("service manager was told %q, want %d times %s", m.told, n, head)
		}
	}
}

func untilDone(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// start runs All and returns how to stop it, and the channel with its result.
func start(t *testing.T, o Options, tasks ...Task) (context.CancelFunc, <-chan error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	o.Log = quiet()
	result := make(chan error, 1)
	go func() { result <- All(ctx, o, tasks...) }()
	return cancel, result
}

func TestReadyOnlyWhenAllAreReady(t *testing.T) {
	m := newManager(t)
	late := make(chan struct{})
	cancel, result := start(t, Options{Notify: m.notify, Status: func() string { return "both doors\nshut" }},
		Func("early", untilDone, nil, nil), Func("late", untilDone, late, nil))
	select {
	case <-m.news:
		t.Fatalf("told %q although a task is not ready", m.told)
	case <-time.After(30 * time.Millisecond):
	}
	close(late)
	m.wait("READY=1", 1)
	cancel()
	if err := <-result; err != nil {
		t.Fatalf("All() = %v after a cancel, want nil", err)
	}
	want := []string{"READY=1\nSTATUS=both doors shut", "STOPPING=1"}
	if !slices.Equal(m.told, want) {
		t.Errorf("told %q, want %q", m.told, want)
	}
}

func TestOneFailureEndsAll(t *testing.T) {
	broken := errors.New("no more doors")
	stopped := make(chan struct{})
	for name, c := range map[string]struct{ give, want error }{
		"error":      {broken, broken},
		"early end":  {nil, ErrEnded},
		"own cancel": {context.DeadlineExceeded, context.DeadlineExceeded},
	} {
		t.Run(name, func(t *testing.T) {
			stopped = make(chan struct{})
			m := newManager(t)
			err := All(t.Context(), Options{Log: quiet(), Notify: m.notify},
				Func("other", func(ctx context.Context) error { <-ctx.Done(); close(stopped); return nil }, nil, nil),
				Func("door", func(context.Context) error { return c.give }, nil, nil))
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), "run door") {
				t.Errorf("All() = %v, want %v naming the task", err, c.want)
			}
			select {
			case <-stopped:
			default:
				t.Error("All() returned before the other task had ended")
			}
			if m.count("STOPPING=1") != 1 {
				t.Errorf("told %q, want STOPPING=1 once", m.told)
			}
		})
	}
}

func TestSignalEndsInGoodOrder(t *testing.T) {
	m := newManager(t)
	_, result := start(t, Options{Notify: m.notify}, Signals(syscall.SIGUSR1), Func("work", untilDone, nil, nil))
	m.wait("READY=1", 1)
	if err := syscall.Kill(os.Getpid(), syscall.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	if err := <-result; err != nil {
		t.Errorf("All() = %v after a signal, want nil", err)
	}
}

func TestWatchdogIsPingedOnlyWhileHealthy(t *testing.T) {
	m := newManager(t)
	var mu sync.Mutex
	var sick error
	asked := 0
	health := func() error { mu.Lock(); defer mu.Unlock(); asked++; return sick }
	cancel, result := start(t, Options{Notify: m.notify, Watchdog: 4 * time.Millisecond},
		Func("fine", untilDone, nil, func() error { return nil }), Func("door", untilDone, nil, health))
	m.wait("WATCHDOG=1", 3)

	mu.Lock()
	sick, asked = errors.New("stuck for 40 s"), 0
	mu.Unlock()
	before := m.count("WATCHDOG=1")
	deadline := time.After(5 * time.Second)
	for n := 0; n < 5; {
		select {
		case <-deadline:
			t.Fatal("health is no longer asked")
		case <-time.After(time.Millisecond):
		}
		mu.Lock()
		n = asked
		mu.Unlock()
	}
	// One ping may have been on its way while the task fell sick.
	if after := m.count("WATCHDOG=1"); after > before+1 {
		t.Errorf("%d pings while a task was sick", after-before)
	}
	mu.Lock()
	sick = nil
	mu.Unlock()
	m.wait("WATCHDOG=1", m.count("WATCHDOG=1")+2)
	cancel()
	<-result
}

// TestPingsUntilTheDoorsAreShut: what takes long to stop is not killed by the watchdog meanwhile.
func TestPingsUntilTheDoorsAreShut(t *testing.T) {
	m := newManager(t)
	shut := make(chan struct{})
	slow := func(ctx context.Context) error { <-ctx.Done(); <-shut; return nil }
	cancel, result := start(t, Options{Notify: m.notify, Watchdog: 4 * time.Millisecond}, Func("door", slow, nil, nil))
	m.wait("READY=1", 1)
	cancel()
	m.wait("STOPPING=1", 1)
	m.wait("WATCHDOG=1", m.count("WATCHDOG=1")+3)
	close(shut)
	if err := <-result; err != nil {
		t.Errorf("All() = %v, want nil", err)
	}
}

// TestManagerThatCannotBeTold: a daemon with Type=notify whose READY=1 is lost would be killed later; it ends now and says why.
func TestManagerThatCannotBeTold(t *testing.T) {
	gone := errors.New("socket is gone")
	err := All(t.Context(), Options{Log: quiet(), Notify: func(string) error { return gone }}, Func("door", untilDone, nil, nil))
	if !errors.Is(err, gone) {
		t.Errorf("All() = %v, want %v", err, gone)
	}
}

// TestSystemdSocket speaks to a real datagram socket as systemd opens it.
func TestSystemdSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	t.Setenv("NOTIFY_SOCKET", path)
	t.Setenv("WATCHDOG_USEC", "30000000")
	t.Setenv("WATCHDOG_PID", "")
	notify, watchdog, err := Systemd()
	if err != nil || watchdog != 30*time.Second {
		t.Fatalf("Systemd() = %v, %v, want 30s", watchdog, err)
	}
	if err := notify("READY=1"); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 100)
	n, err := conn.Read(buf)
	if err != nil || string(buf[:n]) != "READY=1" {
		t.Errorf("read %q, %v, want READY=1", buf[:n], err)
	}
}

func TestOffSystemdNothingHappens(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	t.Setenv("WATCHDOG_USEC", "")
	notify, watchdog, err := Systemd()
	if err != nil || watchdog != 0 {
		t.Errorf("Systemd() = %v, %v, want none", watchdog, err)
	}
	if err := notify("READY=1"); err != nil {
		t.Errorf("notify() = %v, want nil", err)
	}
}

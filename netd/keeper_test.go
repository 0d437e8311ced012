package netd_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"airlock/netd/netdtest"
	"airlock/netd/recorder"
	"airlock/netd/windows"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	fetch  = windows.Request{Door: windows.Outer, Purpose: windows.Fetch, Asker: "test"}
	deploy = windows.Request{Door: windows.Inner, Purpose: windows.Deploy, Asker: "test"}
)

// publisher is a World with a publisher behind its tunnel that answers every GET with its path.
func publisher(t *testing.T) *netdtest.World {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "you asked for %s", r.URL.Path)
	}))
	t.Cleanup(srv.Close)
	w := netdtest.NewWorld()
	w.Publisher = srv.Listener.Addr().String()
	return w
}

// target is a server on loopback that sends back what comes, and counts how its connections ended.
func target(t *testing.T) (place string, ends <-chan error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := make(chan error, 10)
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer conn.Close()
				_, err := io.Copy(conn, conn)
				c <- err
			})
		}
	})
	t.Cleanup(func() { l.Close(); running.Wait() })
	return l.Addr().String(), c
}

// enrolled is a running node that knows its publisher and its site.
func enrolled(t *testing.T, w *netdtest.World, places ...string) *netdtest.Node {
	t.Helper()
	n := netdtest.Start(t, w, "")
	ctx := t.Context()
	if err := n.Client.SetIdentity(ctx, netdtest.Identity()); err != nil {
		t.Fatal(err)
	}
	if err := n.Client.SetSite(ctx, netdtest.Site(places...)); err != nil {
		t.Fatal(err)
	}
	return n
}

// states collects a window's states, without repetitions.
type states struct {
	mu  sync.Mutex
	all []windows.State
}

func (s *states) progress(e windows.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.all) == 0 || s.all[len(s.all)-1] != e.State {
		s.all = append(s.all, e.State)
	}
}

func code(err error) string {
	var p *windows.Problem
	if errors.As(err, &p) {
		return p.Code
	}
	return fmt.Sprintf("%v", err)
}

func wantCode(t *testing.T, what string, err error, want string) {
	t.Helper()
	if code(err) != want {
		t.Errorf("%s: %v, want code %s", what, err, want)
	}
}

// events gives the record's events, after verifying it.
func events(t *testing.T, n *netdtest.Node) (all []recorder.Entry) {
	t.Helper()
	r, err := n.Client.Record(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := recorder.Read(r, func(e recorder.Entry) error { all = append(all, e); return nil }); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestFetchThroughTheOuterDoor(t *testing.T) {
	w := publisher(t)
	n := enrolled(t, w, "127.0.0.1:22")
	if err := w.Shut(); err != nil {
		t.Fatalf("after the start: %v", err)
	}
	ctx := t.Context()
	var seen states
	win, err := n.Client.Open(ctx, fetch, seen.progress)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := win.Opened.PublisherAddress, netdtest.Identity().PublisherAddress; got != want {
		t.Errorf("PublisherAddress = %q, want %q", got, want)
	}
	tr := &http.Transport{DialContext: win.DialContext}
	resp, err := (&http.Client{Transport: tr}).Get("http://" + win.Opened.PublisherAddress + "/v1/x")
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(resp.Body)
	resp.Body.Close()
	if string(body) != "you asked for /v1/x" {
		t.Errorf("body = %q", body)
	}
	if s, err := n.Client.Status(ctx); err != nil || s.Outer.State != "open" || s.Inner.State != "shut" || s.Outer.Purpose != windows.Fetch || !s.Tunnel.Up {
		t.Errorf("Status = %+v, %v", s, err)
	}
	_, err = n.Client.Open(ctx, deploy, nil)
	wantCode(t, "a second window", err, windows.CodeBusy)
	tr.CloseIdleConnections()
	last, err := win.Close(ctx)
	if err != nil || last.State != windows.Closed {
		t.Errorf("Close = %+v, %v", last, err)
	}
	if again, err := win.Close(ctx); err != nil || again != last {
		t.Errorf("a second Close = %+v, %v", again, err)
	}
	if err := w.Shut(); err != nil {
		t.Errorf("after the window: %v", err)
	}
	want := []windows.State{windows.Asked, windows.Raising, windows.Open, windows.Lowering, windows.Closed}
	if !slices.Equal(seen.all, want) {
		t.Errorf("states %v, want %v", seen.all, want)
	}
	checkRecord(t, events(t, n))
}

// checkRecord wants one whole window in the record, with its bytes.
func checkRecord(t *testing.T, all []recorder.Entry) {
	t.Helper()
	var of []recorder.Event
	for _, e := range all {
		if e.Window != 1 {
			continue
		}
		of = append(of, e.Event)
		if e.Event == recorder.Dialled && (e.In == nil || *e.In < 100 || *e.Out < 50) {
			t.Errorf("a dial without its bytes: %+v", e)
		}
		if e.Event == recorder.WindowClosed && (e.In == nil || *e.In != 100 || *e.Out != 100) {
			t.Errorf("a window without the interface's bytes: %+v", e)
		}
	}
	want := []recorder.Event{
		recorder.WindowAsked, recorder.RadioOn, recorder.InterlockOpen, recorder.LinkUp, recorder.TunnelUp, recorder.WindowOpened,
		recorder.Dialled, recorder.TunnelDown, recorder.InterlockShut, recorder.LinkDown, recorder.RadioOff, recorder.WindowClosed,
		recorder.Checkpoint,
	}
	if !slices.Equal(of, want) {
		t.Errorf("recorded %v,\nwant %v", of, want)
	}
}

func TestDeployThroughTheInnerDoor(t *testing.T) {
	w := publisher(t)
	place, ends := target(t)
	n := enrolled(t, w, place)
	ctx := t.Context()
	win, err := n.Client.Open(ctx, deploy, nil)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := win.DialContext(ctx, "tcp", place)
	if err != nil {
		t.Fatal(err)
	}
	if got := conn.RemoteAddr().String(); got != place {
		t.Errorf("RemoteAddr = %s, want %s", got, place)
	}
	fmt.Fprint(conn, "hello")
	got := make([]byte, 5)
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != "hello" {
		t.Fatalf("read %q, %v", got, err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(20 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(got); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a read beyond its deadline: %v", err)
	}
	if err := conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	_ = conn.SetReadDeadline(time.Time{})
	if rest, err := io.ReadAll(conn); err != nil || len(rest) != 0 {
		t.Errorf("after CloseWrite: %q, %v", rest, err)
	}
	if err := <-ends; err != nil {
		t.Errorf("the target's connection ended with %v", err)
	}
	conn.Close()
	// A connection that is left open is ended in order with the window: the target sees its end, not a
	// reset, and has nothing to send again to a link that is gone.
	if _, err := win.DialContext(ctx, "tcp", place); err != nil {
		t.Fatal(err)
	}
	if last, err := win.Close(ctx); err != nil || last.State != windows.Closed {
		t.Errorf("Close = %+v, %v", last, err)
	}
	if err := <-ends; err != nil {
		t.Errorf("the connection that was left open ended with %v", err)
	}
	if err := w.Shut(); err != nil {
		t.Error(err)
	}
}

// A window lives as long as the connection that asked for it.
func TestLostAskerShutsTheDoor(t *testing.T) {
	for _, stage := range []string{"asked", "raising", "open"} {
		t.Run(stage, func(t *testing.T) {
			w := publisher(t)
			n := enrolled(t, w)
			if stage != "open" {
				release := w.Hang("tunnel up")
				time.AfterFunc(50*time.Millisecond, release)
			}
			raw, err := net.Dial("unix", n.Socket)
			if err != nil {
				t.Fatal(err)
			}
			body := `{"door":"outer","purpose":"fetch","asker":"test"}`
			fmt.Fprintf(raw, "POST /v1/windows HTTP/1.1\r\nHost: netd\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
			lines := bufio.NewScanner(raw)
			for lines.Scan() && !strings.Contains(lines.Text(), `"state":"`+stage+`"`) {
			}
			raw.Close()
			wait(t, w, "the door to shut", func() bool {
				s, err := n.Client.Status(t.Context())
				return err == nil && s.Machine == "shut" && w.Shut() == nil
			})
			wait(t, w, "the window's line", func() bool {
				all := events(t, n)
				last := all[len(all)-2:]
				return last[1].Event == recorder.Checkpoint && (last[0].Event == recorder.WindowClosed || last[0].Event == recorder.WindowFailed)
			})
			if win, err := n.Client.Open(t.Context(), fetch, nil); err != nil {
				t.Errorf("the next window: %v", err)
			} else if _, err := win.Close(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

func wait(t *testing.T, w fmt.Stringer, what string, is func() bool) {
	t.Helper()
	limit := time.After(10 * time.Second)
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	for !is() {
		select {
		case <-limit:
			t.Fatalf("waited in vain for %s\n%s", what, w)
		case <-poll.C:
		}
	}
}

// Whatever fails on the way up, the door is shut again, the sentence comes to the asker, and the
// next window opens.
func TestFailureAtEachStepShutsTheDoor(t *testing.T) {
	for _, step := range []string{
		"modem up", "attach wwan0", "open wwan0", "wwan0 up", "tunnel up",
		"find lan0", "attach lan0", "open lan0", "lan0 up",
	} {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			w := publisher(t)
			place, _ := target(t)
			n := enrolled(t, w, place)
			r := fetch
			if strings.Contains(step, "lan0") {
				r = deploy
			}
			w.Fail(step, fmt.Errorf("the cat sat on %s", step))
			var seen states
			_, err := n.Client.Open(t.Context(), r, seen.progress)
			if err == nil || !strings.Contains(err.Error(), "the cat sat on "+step) {
				t.Errorf("Open = %v", err)
			}
			if got := seen.all[len(seen.all)-1]; got != windows.Failed {
				t.Errorf("the last state is %s", got)
			}
			if err := w.Shut(); err != nil {
				t.Errorf("%v\n%s", err, w)
			}
			win, err := n.Client.Open(t.Context(), r, nil)
			if err != nil {
				t.Fatalf("the next window: %v", err)
			}
			if _, err := win.Close(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestStateOutlivesTheProcess(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "netd")
	w := publisher(t)
	n := netdtest.Start(t, w, dir)
	ctx := t.Context()
	if err := errors.Join(n.Client.SetIdentity(ctx, netdtest.Identity()), n.Client.SetSite(ctx, netdtest.Site("127.0.0.1:22"))); err != nil {
		t.Fatal(err)
	}
	win, err := n.Client.Open(ctx, fetch, nil)
	if err != nil {
		t.Fatal(err)
	}
	before, _ := n.Client.Status(ctx)
	n.Stop() // as by SIGTERM, with a window open
	if err := w.Shut(); err != nil {
		t.Errorf("after the stop: %v", err)
	}
	if last, err := win.Close(ctx); last.State != windows.Failed || code(err) != windows.CodeInternal {
		t.Errorf("the window's end: %+v, %v", last, err)
	}
	_, err = n.Client.Status(ctx)
	if err == nil || !strings.Contains(err.Error(), "netd does not answer") {
		t.Errorf("Status of a stopped netd: %v", err)
	}
	m := netdtest.Start(t, w, dir)
	after, err := m.Client.Status(ctx)
	if err != nil || after.Tunnel.PublicKey != before.Tunnel.PublicKey || *after.Identity != *before.Identity || after.Site == nil {
		t.Errorf("after a restart: %+v, %v", after, err)
	}
	win, err = m.Client.Open(ctx, fetch, nil)
	if err != nil || win.ID != 2 {
		t.Fatalf("Open = %+v, %v, want window 2", win, err)
	}
	if _, err := win.Close(ctx); err != nil {
		t.Error(err)
	}
	info, err := os.Stat(filepath.Join(dir, "key"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key's file: %v, %v", info, err)
	}
}

func TestOpenGivenUp(t *testing.T) {
	w := publisher(t)
	n := enrolled(t, w)
	release := w.Hang("modem up")
	ctx, stop := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer stop()
	_, err := n.Client.Open(ctx, fetch, nil)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Open = %v", err)
	}
	release()
	wait(t, w, "the door to shut", func() bool { return w.Shut() == nil })
}

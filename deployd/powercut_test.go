package deployd

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"airlock/deployd/api"
	"airlock/deployd/durable"
	"airlock/deployd/release"
	"airlock/netd/windows"
)

// cut says to a victim where it dies: at the Nth boundary. A boundary is each change of a file and each
// begin and end of a step on a target.
type cut struct {
	Dir  string
	At   int    // 0: not by number
	Name string // or at the boundary of that name
}

// openDoor is a door for a victim, which has no test to complain to: everything may be dialled.
type openDoor struct{ done chan struct{} }

func (d openDoor) Open(context.Context, windows.Request, func(windows.Event)) (Window, error) {
	return openDoor{make(chan struct{})}, nil
}
func (d openDoor) SetIdentity(context.Context, windows.Identity) error { return nil }
func (d openDoor) Event() windows.Event                                { return windows.Event{} }
func (d openDoor) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, network, address)
}
func (d openDoor) Close(context.Context) (windows.Event, error) { return windows.Event{}, nil }
func (d openDoor) Done() <-chan struct{}                        { return d.done }

// victim is a node that deploys what is fetched, and kills itself without a word at one boundary.
func victim(spec string) {
	var c cut
	if err := json.Unmarshal([]byte(spec), &c); err != nil {
		panic(err)
	}
	var mu sync.Mutex
	n := 0
	pass := func(name string) {
		mu.Lock()
		defer mu.Unlock()
		if n++; n == c.At || name == c.Name {
			fmt.Println("cut", name)
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	}
	node, err := newCourier(Config{Windows: openDoor{}, Dir: c.Dir, Log: slog.New(slog.DiscardHandler)},
		durable.Disk{Before: func(op, path string) error { pass(op + " " + path); return nil }})
	if err != nil {
		panic(err)
	}
	node.boundary = pass
	if _, err := node.deploy(context.Background(), func(api.Progress) {}); err != nil {
		fmt.Println("ended:", err)
	}
	os.Exit(0)
}

// die lets a victim deploy the node's release and die; it returns where, or "" when it came to the end.
func (e *edge) die(at cut) string {
	e.Helper()
	at.Dir = e.dir
	spec, _ := json.Marshal(at)
	self, err := os.Executable()
	if err != nil {
		e.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), "AIRLOCK_TEST_VICTIM="+string(spec))
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err = cmd.Run()
	if where, ok := strings.CutPrefix(out.String(), "cut "); ok {
		return strings.ReplaceAll(strings.TrimSpace(where), e.dir, "")
	}
	if err != nil {
		e.Fatalf("victim: %v: %s", err, out.String())
	}
	return ""
}

// The power goes at every boundary of a deployment, one after the other. After the next start the
// whole site is on the old release or the whole site is on the new one, and the report says which.
func TestPowerCutAtEveryBoundary(t *testing.T) {
	for _, second := range []struct{ name, status string }{{"good release", "good"}, {"release that is not healthy", "broken"}} {
		t.Run(second.name, func(t *testing.T) {
			e := newEdge(t)
			e.addTargets(2)
			e.enrolled()
			e.publish("demo-1", "good")
			e.publish("demo-2", second.status)
			e.assign("demo-2", 1)
			e.must(e.do(job(e.fetch)))
			e.assign("demo-1", 2)
			e.must(e.do(job(e.fetch)))
			e.must(e.do(e.deploy))
			// All boundaries take minutes: each run of the tests takes every third, `go test -run PowerCut -args all` all.
			stride := 3
			if len(os.Args) > 0 && os.Args[len(os.Args)-1] == "all" {
				stride = 1
			}
			now, cuts := "demo-1", 0
			for at := 1 + int(time.Now().UnixNano())%stride; ; at += stride {
				old, next := now, map[string]string{"demo-1": "demo-2", "demo-2": "demo-1"}[now]
				if second.status != "good" {
					next = "demo-2"
				}
				if err := e.state.update(func(s *state) { s.Fetched, s.Assignment.Release = next, next }); err != nil {
					t.Fatal(err)
				}
				where := e.die(cut{At: at})
				if where == "" {
					break
				}
				cuts++
				now = e.bootAfter(where, old, next)
			}
			t.Logf("%d cuts", cuts)
			if cuts < 8 {
				t.Errorf("cuts = %d: are the boundaries passed?", cuts)
			}
		})
	}
}

// bootAfter starts the node after a cut and asserts a uniform site; it returns what runs.
func (e *edge) bootAfter(where, old, next string) string {
	e.Helper()
	e.restart(durable.Disk{})
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	e.bringBack(ctx)
	e.doors.shut()
	s := e.Status()
	if e.state.get().Deployment != nil {
		e.Fatalf("cut %q: the deployment is still not at its end", where)
	}
	if s.Running != old && s.Running != next {
		e.Errorf("cut %q: running = %q, want %s or %s", where, s.Running, old, next)
	}
	before := e.Failed()
	e.runs(s.Running)
	if e.Failed() && !before {
		e.Fatalf("cut %q: the site is not uniform", where)
	}
	if s.Last == nil || (s.Last.Release == next) && (s.Last.Outcome == release.Deployed) != (s.Running == next) {
		e.Errorf("cut %q: the last report says %+v, running is %s", where, s.Last, s.Running)
	}
	return s.Running
}

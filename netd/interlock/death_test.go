package interlock

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
)

// renewer marks the process that holds a door open until it is killed or stopped.
const renewer = "AIRLOCK_INTERLOCK_RENEWER"

// beRenewer opens the door of a device and renews it each half second. It says when it begins and when it has done so.
// It is netd's part in TestDeadRenewer.
func beRenewer(name string) error {
	i, err := Load()
	if err != nil {
		return err
	}
	if err := i.Attach(name); err != nil {
		return err
	}
	renew := func() error { return i.Open(name, time.Minute, everyday()) }
	for {
		fmt.Println("begins")
		if err := renew(); err != nil {
			return err
		}
		fmt.Println(time.Now().UnixNano())
		l, err := netlink.LinkByName(name)
		if err == nil {
			err = netlink.LinkSetUp(l)
		}
		if err != nil {
			return err
		}
		renew = func() error { return i.Renew(name) }
		<-time.After(500 * time.Millisecond)
	}
}

// deaths is how often the renewer is killed, and how often stopped; `make soak` sets it to 100.
func deaths() int {
	if n, err := strconv.Atoi(os.Getenv("AIRLOCK_DEATHS")); err == nil {
		return n
	}
	return 2
}

// TestDeadRenewer kills and stops, at random moments, the process that renews a lease. The last frame comes out of the
// door no later than the lease after the last renewal, whoever sends.
func TestDeadRenewer(t *testing.T) {
	needNamespace(t)
	if testing.Short() {
		t.Skip("skipped: -short leaves out what takes seconds of real time")
	}
	for _, sig := range []syscall.Signal{syscall.SIGKILL, syscall.SIGSTOP} {
		var mu sync.Mutex
		var worst time.Duration
		for range deaths() {
			late := deathOf(t, sig)
			mu.Lock()
			worst = max(worst, late)
			mu.Unlock()
			if late > Lease+50*time.Millisecond {
				t.Errorf("%v: the last frame came %v after the last renewal began, want %v at most", sig, late, Lease+50*time.Millisecond)
			}
		}
		t.Logf("%v, %d times: the last frame came %v after the last renewal at the latest", sig, deaths(), worst.Round(time.Millisecond))
	}
}

// deathOf is one death; it returns the time from the last renewal to the last frame.
func deathOf(t *testing.T, sig syscall.Signal) time.Duration {
	t.Helper()
	c := plug(t, outer)
	defer c.pull()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), inside+"=1", renewer+"="+outer)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	said, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	var lines bytes.Buffer
	var reading sync.WaitGroup
	reading.Go(func() { _, _ = io.Copy(&lines, said) })
	near, far := open(t, c.index, false), c.far()
	f := kinds()["udp unicast"]
	started := time.Now()
	life := 1200*time.Millisecond + time.Duration(rand.Int64N(int64(600*time.Millisecond)))
	var died, seen time.Time
	for time.Since(started) < life+Lease+400*time.Millisecond {
		if died.IsZero() && time.Since(started) >= life {
			if err := cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			died = time.Now()
		}
		sent := time.Now()
		near.send(f)
		if far.heard(4*time.Millisecond, func(got []byte) bool { return bytes.HasPrefix(got, f[:14]) }) > 0 {
			seen = sent
		}
	}
	_ = cmd.Process.Kill()
	reading.Wait()
	var exit *exec.ExitError
	if err := cmd.Wait(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	all := strings.Fields(lines.String())
	if len(all) < 2 || seen.IsZero() {
		t.Fatalf("the renewer said %q, and the last frame came at %v: it never held the door", lines.String(), seen)
	}
	if last, err := strconv.ParseInt(all[len(all)-1], 10, 64); err == nil {
		return seen.Sub(time.Unix(0, last))
	}
	return seen.Sub(died) // it died in the middle of a renewal, which then was not later than that
}

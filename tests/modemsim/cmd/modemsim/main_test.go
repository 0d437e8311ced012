package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"airlock/drivers/serial"
	"airlock/tests/modemsim"
)

// TestUsage: what is wrong is said in a sentence, with exit code 2; what cannot be served has 1.
func TestUsage(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "faults.txt")
	if err := os.WriteFile(bad, []byte("# ok\ndata: explode\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	plain := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(plain, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args string
		code int
		want string
	}{
		{"--help", 0, "modemsim --profile quectel-ec25 --pty /run/modem"},
		{"-h", 0, "reject CAUSE [DURATION]"},
		{"--list", 0, "fibocom-l850     2cb7:0007"},
		{"", 2, "give one of --listen ADDRESS and --pty PATH; see modemsim --help"},
		{"--listen 127.0.0.1:0 --pty x", 2, "give one of"},
		{"--profile nokia --pty x", 2, "no such module; there are quectel-ec25, quectel-unisoc"},
		{"--listen nowhere", 2, "want unix:PATH, tcp:HOST:PORT or HOST:PORT"},
		{"--faults " + bad + " --pty x", 2, bad + `:2: "explode" is no fault; want one of`},
		{"--rssi 99 --pty x", 2, "want 1 to 31"},
		{"--pty x extra", 2, `"extra" is no option`},
		{"--nonsense", 2, "nonsense"},
		{"--listen unix:" + plain, 1, "is no socket: remove it, or choose another path"},
		{"--pty " + plain, 1, "link the pseudo terminal"},
	} {
		var out bytes.Buffer
		code := run(t.Context(), strings.Fields(c.args), &out, &out)
		if code != c.code || !strings.Contains(out.String(), c.want) {
			t.Errorf("modemsim %s → %d %q, want %d and %q", c.args, code, out.String(), c.code, c.want)
		}
	}
	var out bytes.Buffer
	run(t.Context(), []string{"--list"}, &out, &out)
	if got, want := strings.Count(out.String(), "\n"), len(modemsim.Personalities()); got != want {
		t.Errorf("--list has %d lines, want %d", got, want)
	}
}

// program runs modemsim and gives its JSON lines.
func program(t *testing.T, args ...string) <-chan modemsim.StateChange {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r, w := io.Pipe()
	changes, exit := make(chan modemsim.StateChange, 64), make(chan int, 1)
	go func() { defer w.Close(); exit <- run(ctx, args, w, os.Stderr) }()
	go func() {
		for lines := json.NewDecoder(r); ; {
			var c modemsim.StateChange
			if lines.Decode(&c) != nil {
				return
			}
			changes <- c
		}
	}()
	t.Cleanup(func() {
		cancel()
		if code := <-exit; code != exitDone {
			t.Errorf("exit code when stopped = %d, want %d", code, exitDone)
		}
	})
	return changes
}

// TestTerminal: over a pseudo terminal the module is used, restarts by a fault, and its link comes back.
func TestTerminal(t *testing.T) {
	link, script := filepath.Join(t.TempDir(), "modem"), filepath.Join(t.TempDir(), "faults.txt")
	if err := os.WriteFile(script, []byte("command AT+CRASH: reset 100ms\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	changes := program(t, "--profile", "huawei", "--fast", "--faults", script, "--pty", link)
	first := openLink(t, link)
	ask(t, first, "AT+CGMM", "ME909s-120")
	io.WriteString(first, "AT+CRASH\r")
	for _, want := range []string{modemsim.RadioOn, modemsim.Registered, modemsim.FaultStruck, modemsim.RadioOff} {
		expect(t, changes, want)
	}
	first.Close()
	expect(t, changes, modemsim.Enumerated)
	second := openLink(t, link)
	defer second.Close()
	ask(t, second, "AT+CGMM", "ME909s-120")
}

func expect(t *testing.T, changes <-chan modemsim.StateChange, what string) {
	t.Helper()
	for {
		select {
		case c := <-changes:
			if c.What == what {
				return
			}
		case <-time.After(3 * time.Second):
			t.Fatalf("the program does not say %q", what)
		}
	}
}

func openLink(t *testing.T, link string) io.ReadWriteCloser {
	t.Helper()
	for deadline := time.Now().Add(3 * time.Second); ; {
		if _, err := os.Lstat(link); err == nil {
			port, err := serial.Open(link)
			if err == nil {
				return port
			}
		}
		if time.Now().After(deadline) {
			t.Fatal("the link does not appear")
		}
		<-time.After(5 * time.Millisecond)
	}
}

// ask sends a command until a line with want comes.
func ask(t *testing.T, port io.ReadWriter, cmd, want string) {
	t.Helper()
	found := make(chan bool, 1)
	go func() {
		for lines := bufio.NewScanner(port); lines.Scan(); {
			if strings.Contains(lines.Text(), want) {
				found <- true
				return
			}
		}
	}()
	for deadline := time.After(3 * time.Second); ; {
		io.WriteString(port, cmd+"\r")
		select {
		case <-found:
			return
		case <-deadline:
			t.Fatalf("%s: no %q came", cmd, want)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// TestPowered: the first command of the first host is answered, over an abstract socket.
func TestPowered(t *testing.T) {
	name := fmt.Sprintf("@abstract:powered%d", os.Getpid())
	program(t, "--powered", "--listen", "unix:"+name)
	for deadline := time.Now().Add(5 * time.Second); ; <-time.After(5 * time.Millisecond) {
		conn, err := net.Dial("unix", name)
		if err != nil && time.Now().Before(deadline) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.SetDeadline(deadline)
		io.WriteString(conn, "AT+CPIN?\r")
		var reply [64]byte
		n, err := io.ReadAtLeast(conn, reply[:], len("AT+CPIN?\r\r\n+CPIN: READY\r\n"))
		if got := string(reply[:n]); err != nil || !strings.Contains(got, "+CPIN: READY") {
			t.Errorf("the first command → %q (%v)", got, err)
		}
		return
	}
}

// TestListens: over TCP, by the short form of the address.
func TestListens(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	program(t, "--fast", "--listen", addr)
	for deadline := time.Now().Add(3 * time.Second); ; {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			defer conn.Close()
			ask(t, conn, "AT+CGMM", "EC25")
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		<-time.After(5 * time.Millisecond)
	}
}

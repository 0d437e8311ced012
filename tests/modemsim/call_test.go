package modemsim_test

import (
	"bytes"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"airlock/tests/modemsim"
	"airlock/tests/modemsim/ppp/ppptest"
)

// tape keeps what a PPP dialler read, so that a test finds the text between the frames.
type tape struct {
	r  io.Reader
	w  io.Writer
	mu sync.Mutex
	b  bytes.Buffer
}

func (p *tape) Read(b []byte) (int, error) {
	n, err := p.r.Read(b)
	p.mu.Lock()
	p.b.Write(b[:n])
	p.mu.Unlock()
	return n, err
}

func (p *tape) Write(b []byte) (int, error) { return p.w.Write(b) }

func (p *tape) has(text string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Contains(p.b.String(), text)
}

// online registers and dials.
func online(t *testing.T, sim *modemsim.Sim, dial string) (*host, *ppptest.Client, *tape) {
	t.Helper()
	h := attachAny(t, sim)
	h.ask("AT+CMEE=1")
	eventually(t, "registration", func() bool { return strings.Contains(h.ask("AT+CEREG?"), ",1") })
	if got := h.ask(dial); got != "CONNECT" {
		t.Fatalf("%s → %q, want CONNECT", dial, got)
	}
	h.conn.SetDeadline(time.Time{})
	rec := &tape{r: h.in, w: h.conn}
	return h, ppptest.New(t, rec), rec
}

// TestCalls: every module carries packets over PPP, on its context, as long as the call lasts.
func TestCalls(t *testing.T) {
	for _, p := range modemsim.Personalities() {
		t.Run(p.Name, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			var heard [][]byte
			sim := modemsim.New(modemsim.Config{Personality: quick(p), OnPacket: func(ip []byte) {
				mu.Lock()
				defer mu.Unlock()
				heard = append(heard, ip)
			}})
			_, c, rec := online(t, sim, "ATD*99***1#")
			if p.Binding && sim.DataActive() {
				t.Error("data flows before PPP has its addresses")
			}
			if got := c.IPv4(); got != netip.MustParseAddr("10.64.0.2") {
				t.Errorf("address = %v", got)
			}
			eventually(t, "data", sim.DataActive)
			c.Write(ppptest.Raw(0x21, []byte{0x45, 1, 2, 3}))
			eventually(t, "a packet", func() bool { mu.Lock(); defer mu.Unlock(); return len(heard) == 1 })
			if err := sim.SendPacket([]byte{0x45, 9}); err != nil {
				t.Error(err)
			}
			if f := c.Next(); f.Proto != 0x21 || !bytes.Equal(f.Data, []byte{0x45, 9}) {
				t.Errorf("packet = %v", f)
			}
			c.Send(0xc021, 5, 1, nil)
			c.Await(0xc021, 6)
			eventually(t, "NO CARRIER", func() bool { return rec.has("\r\nNO CARRIER\r\n") })
			if p.Binding && sim.DataActive() {
				t.Error("data flows after the call")
			}
		})
	}
}

// quick is the module without its refusal of a first activation.
func quick(p modemsim.Personality) modemsim.Personality { p.Stammer = 0; return p }

// TestEscape: +++ in silence brings the commands back, ATO the data, ATH the end; +++ among data is data.
func TestEscape(t *testing.T) {
	guard := 30 * time.Millisecond
	sim := modemsim.New(modemsim.Config{Times: modemsim.Times{Guard: guard}})
	h, c, rec := online(t, sim, `AT+CGDATA="PPP",1`)
	c.IPv4()
	c.Write(ppptest.Raw(0x21, []byte{0x45}))
	c.Write([]byte("+++")) // no silence before
	c.Send(0xc021, 9, 1, []byte{0, 0, 0, 0})
	c.Await(0xc021, 10)
	if rec.has("OK") {
		t.Fatal("+++ without silence was an escape")
	}
	<-time.After(2 * guard)
	for range 3 {
		c.Write([]byte("+"))
	}
	eventually(t, "OK behind +++", func() bool { return rec.has("\r\nOK\r\n") })
	io.WriteString(h.conn, "AT+CGMM\r")
	eventually(t, "an answer while the call waits", func() bool { return rec.has("\r\nEC25\r\n") })
	io.WriteString(h.conn, "ATO\r")
	eventually(t, "CONNECT", func() bool { return rec.has("\r\nCONNECT\r\n") })
	eventually(t, "an echo after ATO", func() bool {
		c.Send(0xc021, 9, 2, []byte{0, 0, 0, 0})
		return c.Next().Code == 10
	})
	<-time.After(2 * guard)
	c.Write([]byte("+++"))
	eventually(t, "the second OK", func() bool { return rec.count("\r\nOK\r\n") == 3 }) // of +++, +CGMM and +++
	io.WriteString(h.conn, "ATH\r")
	eventually(t, "the OK of ATH", func() bool { return rec.count("\r\nOK\r\n") == 4 })
	if sim.DataActive() || rec.has("NO CARRIER") {
		t.Errorf("after ATH data = %v, text %q", sim.DataActive(), rec.text())
	}
}

func (p *tape) count(text string) int { return strings.Count(p.text(), text) }

func (p *tape) text() string { p.mu.Lock(); defer p.mu.Unlock(); return p.b.String() }

// TestCallLost: the fault in the middle of a call, the loss of the radio's context and a closed port end it.
func TestCallLost(t *testing.T) {
	sim := scripted(t, modemsim.Config{Personality: modemsim.Generic3GPP()}, "at 150ms: no-carrier")
	h, c, rec := online(t, sim, "ATDT*99#")
	c.IPv4()
	eventually(t, "NO CARRIER", func() bool { return rec.has("\r\nNO CARRIER\r\n") })
	if sim.DataActive() {
		t.Error("data flows after NO CARRIER")
	}
	h.conn.Close()

	sim = modemsim.New(modemsim.Config{Network: modemsim.Network{User: "node", Password: "secret"}})
	h, c, _ = online(t, sim, "ATD*99***1#")
	c.Open(0xc021)
	c.CHAP("node", "secret")
	c.Open(0x8021, 3, 6, 0, 0, 0, 0)
	eventually(t, "data", sim.DataActive)
	h.conn.Close()
	eventually(t, "data off with the port", func() bool { return !sim.DataActive() })
}

// TestNoCall: what is no packet call, or cannot be now, ends in NO CARRIER or with a code.
func TestNoCall(t *testing.T) {
	h := attach(t, modemsim.New(modemsim.Config{Function: 4}))
	h.ask("ATE0+CMEE=1")
	for cmd, want := range map[string]string{"ATD*99***1#": "NO CARRIER", "ATD5551234;": "NO CARRIER", "ATO": "NO CARRIER", "ATH": "OK",
		"ATD*99***9#": "+CME ERROR: 50", `AT+CGDATA="PPP",1`: "+CME ERROR: 3", `AT+CGDATA="M-RAW_IP",1`: "+CME ERROR: 50", "AT+CGDATA=?": `+CGDATA: ("PPP")|OK`} {
		h.expect(cmd, want)
	}
}

// TestDebianPPPD dials with the real pppd, where the kernel has PPP.
func TestDebianPPPD(t *testing.T) {
	if _, err := os.Stat("/dev/ppp"); err != nil {
		t.Skipf("skipped: this kernel has no PPP: %v", err)
	}
	pppd, err := exec.LookPath("pppd")
	if err != nil {
		t.Skipf("skipped: no pppd here: %v", err)
	}
	tty, err := modemsim.OpenPTY()
	if err != nil {
		t.Skipf("skipped: no pseudo terminal here: %v", err)
	}
	sim := modemsim.New(modemsim.Config{Personality: modemsim.Generic3GPP()})
	var serving sync.WaitGroup
	serving.Go(func() { sim.Serve(t.Context(), tty) })
	t.Cleanup(func() { tty.Close(); serving.Wait() })
	cmd := exec.CommandContext(t.Context(), pppd, tty.Host, "nodetach", "noauth", "nodefaultroute", "usepeerdns", "noipdefault",
		"local", "nocrtscts", "maxfail", "1", "connect", `chat -t 5 '' 'AT+CGACT=1,1' OK 'ATD*99***1#' CONNECT`)
	out := &tape{w: io.Discard}
	cmd.Stdout, cmd.Stderr = out.writer(), out.writer()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Signal(os.Interrupt); _ = cmd.Wait() }()
	for deadline := time.Now().Add(15 * time.Second); !out.has("local  IP address 10.64.0.2"); {
		if time.Now().After(deadline) {
			t.Fatalf("pppd: %s", out.text())
		}
		<-time.After(50 * time.Millisecond)
	}
}

// writer lets a program print onto the tape.
func (p *tape) writer() io.Writer { return io.MultiWriter(&lockedBuffer{p}) }

type lockedBuffer struct{ p *tape }

func (l *lockedBuffer) Write(b []byte) (int, error) {
	l.p.mu.Lock()
	defer l.p.mu.Unlock()
	return l.p.b.Write(b)
}

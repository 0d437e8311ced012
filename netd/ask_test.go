package netd_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"airlock/netd"
	"airlock/netd/netdtest"
	"airlock/netd/recorder"
	"airlock/netd/windows"
)

var service = windows.Request{Door: windows.Outer, Purpose: windows.Service, Asker: "test"}

// patient is a module that ponders until its asker gives up, and then needs a while to stop.
func patient(stopping time.Duration) func(context.Context, windows.ModuleRequest, func(string)) (windows.ModuleAnswer, error) {
	return func(ctx context.Context, _ windows.ModuleRequest, say func(string)) (windows.ModuleAnswer, error) {
		say("Listing the operators")
		<-ctx.Done()
		time.Sleep(stopping) // in a bubble
		return windows.ModuleAnswer{}, context.Cause(ctx)
	}
}

// moduleLines are the record's lines about questions.
func moduleLines(t *testing.T, n *netdtest.Node) (lines []string) {
	t.Helper()
	for _, e := range events(t, n) {
		if e.Event == recorder.ModuleAsked || e.Event == recorder.ModuleEnded {
			lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s %d %s %s %s", e.Event, e.Window, e.Purpose, e.Code, e.Text)))
		}
	}
	return lines
}

// A node that belongs to nobody yet can be asked: nothing but the radio comes on, and that is read back as off.
func TestTheModuleIsAsked(t *testing.T) {
	w := netdtest.NewWorld()
	n := netdtest.Start(t, w, "")
	ctx := t.Context()
	begun := len(w.Log())
	var said []string
	win, err := n.Client.Open(ctx, service, func(e windows.Event) { said = append(said, string(e.State)+" "+e.Text) })
	if err != nil {
		t.Fatal(err)
	}
	a, err := win.Ask(ctx, windows.ModuleRequest{Do: windows.Measure})
	if err != nil || a.Status.Radio != "on" {
		t.Errorf("Ask(signal) = %+v, %v", a, err)
	}
	s, err := n.Client.Status(ctx)
	if err != nil || s.Outer.State != "open" || s.Outer.Purpose != windows.Service || s.Tunnel.Up {
		t.Errorf("Status in the window = %+v, %v", s, err)
	}
	_, err = win.DialContext(ctx, "tcp", netdtest.Identity().PublisherAddress)
	wantCode(t, "a dial in a window for service", err, windows.CodeNotAllowed)
	if _, err := win.Close(ctx); err != nil {
		t.Error(err)
	}
	want := []string{"attend", "tunnel down", "shut", "wwan0 down", "modem down"}
	if got := w.Log()[begun:]; !slices.Equal(got, want) {
		t.Errorf("the steps were %q, want %q", got, want)
	}
	if err := w.Shut(); err != nil {
		t.Error(err)
	}
	if !slices.Contains(said, "open Asking the module") {
		t.Errorf("the asker heard %q, want what the module was asked", said)
	}
	wantLines := []string{"module-asked 1 service  signal", "module-ended 1 service  signal: SIM ready, radio on"}
	if got := moduleLines(t, n); !slices.Equal(got, wantLines) {
		t.Errorf("recorded %q, want %q", got, wantLines)
	}
	_, err = win.Ask(ctx, windows.ModuleRequest{Do: windows.Inspect})
	wantCode(t, "a question after the window", err, windows.CodeNotAllowed)
}

func TestQuestionsThatAreNotPut(t *testing.T) {
	w := publisher(t)
	n := enrolled(t, w, "127.0.0.1:22")
	ctx := t.Context()
	other, err := n.Client.Open(ctx, fetch, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = other.Ask(ctx, windows.ModuleRequest{Do: windows.Inspect})
	wantCode(t, "a question in a window to fetch", err, windows.CodeNotAllowed)
	if _, err := other.Close(ctx); err != nil {
		t.Error(err)
	}
	_, err = n.Client.Open(ctx, windows.Request{Door: windows.Inner, Purpose: windows.Service, Asker: "x"}, nil)
	wantCode(t, "service at the inner door", err, windows.CodeBadRequest)
	win, err := n.Client.Open(ctx, service, nil)
	if err != nil {
		t.Fatal(err)
	}
	raw := func(command string) windows.ModuleRequest {
		return windows.ModuleRequest{Do: windows.RawCommand, Command: command}
	}
	for want, questions := range map[string][]windows.ModuleRequest{
		windows.CodeBadRequest: {
			{}, {Do: "dance"}, {Do: windows.Select, Operator: "2620"}, {Do: windows.Select, Operator: "26201x"},
			{Do: windows.EnterPIN, PIN: "123"}, {Do: windows.EnterPIN, PIN: "123456789"}, {Do: windows.EnterPIN, PIN: "12a4"}, {Do: windows.EnterPIN},
			{Do: windows.Unblock, PUK: "12345678"}, {Do: windows.Unblock, PUK: "1234567", PIN: "1234"},
			{Do: windows.UseSlot}, {Do: windows.UseSlot, Slot: 9},
			raw(""), raw("CSQ"), raw("A/"), raw("AT+CSQ\rAT+CFUN=1"), raw("AT+CSQ\u00e4"), raw("AT" + strings.Repeat("x", 400)),
		},
		windows.CodeNotAllowed: {
			raw("AT+CPIN=1234"), raw("at + cpin = 1234"), raw("AT+CSQ;+CPIN=1234"), raw("AT^CPIN=1234"), raw("AT+CPWD=\"SC\",\"1\",\"2\""),
			raw("AT+CLCK=\"SC\",0,\"1234\""), raw("AT+CSIM=26,\"00200001\""), raw("ATD**04*1234*5678*5678#"), raw("AT+CUSD=1,\"**05*1*2*2#\""),
		},
	} {
		for _, q := range questions {
			_, err := win.Ask(ctx, q)
			wantCode(t, fmt.Sprintf("Ask(%+v)", q), err, want)
		}
	}
	if slices.Contains(w.Log(), "attend") {
		t.Error("the module was asked one of them")
	}
	refused := 0
	for _, e := range events(t, n) {
		if e.Event == recorder.Refused {
			refused++
			if strings.Contains(e.Text, "1234") || !strings.HasPrefix(e.Text, "at ") {
				t.Errorf("recorded as refused: %q", e.Text)
			}
		}
	}
	if refused != 9 {
		t.Errorf("%d refused questions are recorded, want 9", refused)
	}
	if _, err := win.Ask(ctx, raw("AT+CLCK=\"SC\",2")); err != nil {
		t.Errorf("a look at the lock: %v", err)
	}
	if _, err := win.Close(ctx); err != nil {
		t.Error(err)
	}
}

func TestDriverThatTakesNoQuestions(t *testing.T) {
	w := netdtest.NewWorld()
	w.Mute = true
	n := netdtest.Start(t, w, "")
	_, err := n.Client.Open(t.Context(), service, nil)
	wantCode(t, "Open", err, windows.CodeNotAllowed)
	if !strings.Contains(err.Error(), "takes no questions") {
		t.Errorf("the sentence is %q", err)
	}
}

// Neither a PIN nor a password comes into the record, even when the module's answer quotes it.
func TestRecordHoldsNoSecret(t *testing.T) {
	w := netdtest.NewWorld()
	w.Attend = func(_ context.Context, r windows.ModuleRequest, _ func(string)) (windows.ModuleAnswer, error) {
		if r.Do == windows.RawCommand {
			return windows.ModuleAnswer{Lines: []string{r.Command, "+CME ERROR: " + r.Command}}, nil
		}
		return windows.ModuleAnswer{}, fmt.Errorf("the card refused %q, PUK %q", r.PIN, r.PUK)
	}
	n := netdtest.Start(t, w, "")
	ctx := t.Context()
	win, err := n.Client.Open(ctx, service, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range []windows.ModuleRequest{{Do: windows.EnterPIN, PIN: "4711"}, {Do: windows.Unblock, PUK: "81549300", PIN: "4711"}} {
		_, err := win.Ask(ctx, q)
		if code(err) != windows.CodeInternal || strings.Contains(err.Error(), "4711") || strings.Contains(err.Error(), "81549300") {
			t.Errorf("Ask(%s) = %v", q.Do, err)
		}
	}
	for _, c := range []string{"at+cgauth = 1,2,\"user\",\"s3cret\"", "AT+CSQ;+QICSGP=1,1,\"apn\",\"u\",\"s3cret\",1", "AT+CSQ"} {
		if a, err := win.Ask(ctx, windows.ModuleRequest{Do: windows.RawCommand, Command: c}); err != nil || len(a.Lines) != 2 {
			t.Errorf("Ask(at %s) = %+v, %v", c, a, err)
		}
	}
	if _, err := win.Close(ctx); err != nil {
		t.Error(err)
	}
	got := strings.Join(moduleLines(t, n), "\n")
	want := `module-asked 1 service  pin
module-ended 1 service internal pin: the card refused "...", PUK ""
module-asked 1 service  puk
module-ended 1 service internal puk: the card refused "...", PUK "..."
module-asked 1 service  at AT+CGAUTH=...
module-ended 1 service  at: +CME ERROR: AT+CGAUTH=...
module-asked 1 service  at AT+CSQ;+QICSGP=...
module-ended 1 service  at: +CME ERROR: AT+CSQ;+QICSGP=...
module-asked 1 service  at AT+CSQ
module-ended 1 service  at: +CME ERROR: AT+CSQ`
	if got != want {
		t.Errorf("recorded\n%s\nwant\n%s", got, want)
	}
}

// Whoever dies in the middle of a question, it is broken off and awaited before the module is told to be silent.
func TestQuestionIsJoinedBeforeTheLower(t *testing.T) {
	for name, end := range map[string]func(*netdtest.Node, *windows.Window, context.CancelFunc){
		"given back":  func(n *netdtest.Node, w *windows.Window, _ context.CancelFunc) { _ = n.Keeper.GiveBack(w.ID) },
		"client dies": func(_ *netdtest.Node, w *windows.Window, die context.CancelFunc) { die(); closeNow(w) },
		"netd stops":  func(n *netdtest.Node, _ *windows.Window, _ context.CancelFunc) { n.Stop() },
	} {
		t.Run(name, func(t *testing.T) {
			w := netdtest.NewWorld()
			w.Attend = patient(20 * time.Millisecond)
			n := netdtest.Start(t, w, "")
			heard := make(chan struct{}, 1)
			win, err := n.Client.Open(t.Context(), service, func(e windows.Event) {
				if e.Text == "Listing the operators" {
					heard <- struct{}{}
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			ctx, die := context.WithCancel(t.Context())
			defer die()
			answered := make(chan error, 1)
			go func() {
				_, err := win.Ask(ctx, windows.ModuleRequest{Do: windows.ScanAir})
				answered <- err
			}()
			<-heard
			_, err = win.Ask(t.Context(), windows.ModuleRequest{Do: windows.Inspect})
			wantCode(t, "a second question", err, windows.CodeBusy)
			end(n, win, die)
			if err := <-answered; err == nil {
				t.Error("the question was answered")
			}
			wait(t, w, "the door to shut", func() bool { return w.Shut() == nil && n.Keeper.Status().Machine == "shut" })
		})
	}
}

// closeNow breaks the window's connection, as the death of its holder does.
func closeNow(w *windows.Window) {
	ctx, stop := context.WithCancel(context.Background())
	stop()
	_, _ = w.Close(ctx) // given up: that is what is wanted
}

// A question that fails ends nothing: the next one is taken, and the radio is read back as off.
func TestQuestionThatFails(t *testing.T) {
	w := netdtest.NewWorld()
	n := netdtest.Start(t, w, "")
	ctx := t.Context()
	win, err := n.Client.Open(ctx, service, nil)
	if err != nil {
		t.Fatal(err)
	}
	w.Fail("attend", &windows.Problem{Code: windows.CodeNoSIM, Detail: "the SIM is missing"})
	_, err = win.Ask(ctx, windows.ModuleRequest{Do: windows.Measure})
	wantCode(t, "Ask", err, windows.CodeNoSIM)
	if _, err := win.Ask(ctx, windows.ModuleRequest{Do: windows.Measure}); err != nil {
		t.Errorf("the next question: %v", err)
	}
	w.Fail("modem down", errStuck) // the radio that ignores it once
	if _, err := win.Close(ctx); err != nil {
		t.Error(err)
	}
	if err := w.Shut(); err != nil {
		t.Error(err)
	}
}

// A window for service lasts as long as its limit, and no question outlives it.
func TestServiceIsBounded(t *testing.T) {
	w := netdtest.NewWorld()
	w.Attend = patient(5 * time.Second)
	inBubble(t, w, func(t *testing.T, b *bubble) {
		r := service
		r.MaxSeconds = int(time.Hour / time.Second)
		a := b.ask(r)
		e := <-a.opened
		begun := time.Now()
		_, err := b.k.Ask(t.Context(), e.Window, windows.ModuleRequest{Do: windows.ScanAir})
		wantCode(t, "Ask", err, windows.CodeNotAllowed)
		if took := time.Since(begun); took != netd.MaxService+5*time.Second {
			t.Errorf("the question lasted %v, want %v", took, netd.MaxService+5*time.Second)
		}
		b.wantEnd(a, windows.Failed, windows.CodeTimeUp)
		if err := w.Shut(); err != nil {
			t.Error(err)
		}
	})
}

// A driver that does not come back from a question is awaited, since nobody else may command the module; the
// watchdog learns of it, and a new netd reads both doors back.
func TestQuestionThatHangs(t *testing.T) {
	w := netdtest.NewWorld()
	inBubble(t, w, func(t *testing.T, b *bubble) {
		release := w.Hang("attend")
		a := b.ask(service)
		e := <-a.opened
		answered := make(chan error, 1)
		go func() {
			_, err := b.k.Ask(t.Context(), e.Window, windows.ModuleRequest{Do: windows.Inspect})
			answered <- err
		}()
		time.Sleep(time.Second)
		before := len(w.Log())
		a.give()
		time.Sleep(2 * time.Minute)
		b.wantMachine("lowering-outer")
		if got := w.Log()[before:]; len(got) > 0 {
			t.Errorf("%q while the module is asked", got)
		}
		if err := b.k.Healthy(); err == nil || !strings.Contains(err.Error(), "lower-outer does not come to an end") {
			t.Errorf("Healthy = %v", err)
		}
		release()
		if err := <-answered; code(err) != windows.CodeNotAllowed {
			t.Errorf("Ask = %v", err)
		}
		b.wantEnd(a, windows.Closed, "")
	})
}

// The module may leave the bus while it is asked, as with a reset; the window stays.
func TestModuleMayLeaveWhileItIsAsked(t *testing.T) {
	w := netdtest.NewWorld()
	inBubble(t, w, func(t *testing.T, b *bubble) {
		a := b.ask(service)
		e := <-a.opened
		w.Unplug()
		time.Sleep(10 * time.Second)
		_, err := b.k.Ask(t.Context(), e.Window, windows.ModuleRequest{Do: windows.Inspect})
		wantCode(t, "Ask without a module", err, windows.CodeNoModem)
		w.Plug()
		if _, err := b.k.Ask(t.Context(), e.Window, windows.ModuleRequest{Do: windows.Inspect}); err != nil {
			t.Error(err)
		}
		b.wantEnd(b.ask(deploy), "", windows.CodeBusy)
		a.give()
		b.wantEnd(a, windows.Closed, "")
		if err := w.Shut(); err != nil {
			t.Error(err)
		}
	})
}

// A radio that stays on after a question latches a fault, like one that stays on after a fetch.
func TestRadioThatStaysOnAfterAQuestion(t *testing.T) {
	w := netdtest.NewWorld()
	inBubble(t, w, func(t *testing.T, b *bubble) {
		a := b.ask(service)
		e := <-a.opened
		if _, err := b.k.Ask(t.Context(), e.Window, windows.ModuleRequest{Do: windows.ScanAir}); err != nil {
			t.Error(err)
		}
		w.Fail("modem down", errStuck, errStuck, errStuck)
		a.give()
		b.wantEnd(a, windows.Failed, windows.CodeFault)
		time.Sleep(time.Minute)
		b.wantMachine("fault")
		if err := w.Shut(); err != nil {
			t.Error(err)
		}
	})
}

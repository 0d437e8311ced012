package vm

import (
	"context"
	"strings"
	"testing"
	"time"

	"airlock/netd/recorder"
	"airlock/tests/lab/evidence"
	"airlock/tests/modemsim"
	"airlock/tests/system"
)

// callsDir keeps what TestSiteByPPP leaves behind.
const callsDir = "../../build/vm-ppp"

// TestSiteByPPP boots the image with a module that has its AT port and no network interface: the windows of the outer door
// go by PPP over USB serial, with the guest's pppd and the guest's kernel.
func TestSiteByPPP(t *testing.T) {
	s := bootAs(t, callsDir, system.Config{NoCard: true, Module: modemsim.Config{Personality: modemsim.QuectelEC25()}})
	for _, step := range []struct {
		name string
		do   func(ctx context.Context, t *testing.T)
	}{
		{"no frame before the first window", s.silentAtBoot},
		{"enrolment by PPP", s.enrolByPPP},
		{"a second call", s.nothingAssigned},
		{"what the captures say", s.verdictOfCalls},
	} {
		if !t.Run(step.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
			defer cancel()
			step.do(ctx, t)
		}) {
			t.Fatalf("%s failed; the logs are in %s", step.name, callsDir)
		}
	}
}

func (s *site) enrolByPPP(ctx context.Context, t *testing.T) {
	var heard []string
	token := s.token(ctx, t, system.NodeName)
	if _, err := s.Node.Run(ctx, "enrol "+token, func(line string) { heard = append(heard, line); t.Log("node | " + line) }); err != nil {
		t.Fatal(err)
	}
	if text := strings.Join(heard, "\n"); !strings.Contains(text, "ppp0") {
		t.Errorf("the window was not by PPP: %s", text)
	}
	if status := s.shut(ctx, t); status.Identity == nil || status.Identity.Node != system.NodeName {
		t.Errorf("the node believes to be %+v, want %s", status.Identity, system.NodeName)
	}
}

// verdictOfCalls wants the doors to have held, the outer one by packets of calls alone, and the LAN untouched.
func (s *site) verdictOfCalls(ctx context.Context, t *testing.T) {
	timeline, verdict, err := s.Judge(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	if err := evidence.Print(&text, timeline, verdict); err != nil {
		t.Fatal(err)
	}
	t.Logf("\n%s", text.String())
	if !verdict.Held {
		t.Error("the airlock did not hold")
	}
	if inner := s.LAN.Traffic(); inner.FramesIn+inner.FramesOut != 0 {
		t.Errorf("frames on the LAN: %+v, want none", inner)
	}
	// What the gateway still sent when a call had ended counts as refused; what the node sent is the verdict's to judge.
	if outer := s.Carrier.Traffic(); outer.FramesIn == 0 || outer.FramesOut == 0 {
		t.Errorf("packets of the calls: %+v, want some both ways", outer)
	}
	s.linksDown(ctx, t)
	if s.Module.RadioOn() || s.Module.DataActive() {
		t.Errorf("the module's radio is on: %+v", s.Module.States())
	}
	if lines, err := s.Node.Run(ctx, "record verify", nil); err != nil {
		t.Errorf("record verify: %v, %q", err, lines)
	}
}

// linksDown wants the record to say of each window of a call that its interface was read back as gone, before the radio was
// read back as off.
func (s *site) linksDown(ctx context.Context, t *testing.T) {
	t.Helper()
	entries, err := s.Node.Record(ctx)
	if err != nil {
		t.Fatal(err)
	}
	raised, lowered := 0, 0
	for _, e := range entries {
		switch {
		case e.Window == 0:
		case e.Event == recorder.LinkUp:
			raised++
		case e.Event == recorder.LinkDown:
			lowered++
		case e.Event == recorder.RadioOff && lowered != raised:
			t.Errorf("entry %d: the radio was off with %d links up of %d", e.Seq, raised-lowered, raised)
		}
	}
	if raised != 2 || lowered != 2 {
		t.Errorf("the record has %d links raised and %d lowered, want 2 each", raised, lowered)
	}
}

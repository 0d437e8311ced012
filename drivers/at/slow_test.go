package at

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestSlowModule: a module whose every answer takes longer than a probe waits is in step as soon as one probe has been
// answered. Each probe used to be given up before its answer came and the next sent behind it, so that a port with
// 0.8 s between command and answer was taken for silent by a finder that gives it 3 s.
func TestSlowModule(t *testing.T) {
	for _, takes := range []time.Duration{300, 800, 1100} {
		synctest.Test(t, func(t *testing.T) {
			m, near := newBubbleModule(t, map[string]func(*module){"+CSQ": says("+CSQ: 11,99", "OK")})
			m.slow = takes * time.Millisecond
			var served sync.WaitGroup
			served.Go(m.serve)
			a := New(near, Options{Command: 3 * time.Second})
			began := time.Now()
			err := a.Sync(t.Context())
			if took := time.Since(began); err != nil || took > 2*m.slow+600*time.Millisecond {
				t.Errorf("answers take %s: Sync = %v after %s; sent %q", m.slow, err, took, m.commands())
			}
			if lines, err := a.Command(t.Context(), "+CSQ"); err != nil || !slices.Equal(lines, []string{"+CSQ: 11,99"}) {
				t.Errorf("answers take %s: Command(+CSQ) = %q, %v", m.slow, lines, err)
			}
			a.Close()
			m.port.Close()
			served.Wait()
		})
	}
}

// TestRestOfAProbe: the rows of a probe that was given up come while the next one waits. The rest of five rows is two, and two
// was what the next probe asked for: it took the old probe's OK for its own, and from there on every command got the
// reply of the one before it.
func TestRestOfAProbe(t *testing.T) {
	for pause := 20 * time.Millisecond; pause < 400*time.Millisecond; pause += 9 * time.Millisecond {
		synctest.Test(t, func(t *testing.T) {
			m, near := newBubbleModule(t, map[string]func(*module){
				"+CGMM": says("ERROR"), "+CPIN?": says("+CPIN: READY", "OK"), "+CIMI": says("001010123456789", "OK"),
			})
			m.pause = pause // before each line: a slow line
			var served sync.WaitGroup
			served.Go(m.serve)
			a := New(near, Options{Probe: 100 * time.Millisecond, Command: 10 * time.Second})
			for range 8 {
				_, _ = a.Command(t.Context(), "+CGMM") // what is refused is followed by a probe
				if lines, err := a.Command(t.Context(), "+CIMI"); err != nil || !slices.Equal(lines, []string{"001010123456789"}) {
					t.Errorf("pause %s: Command(+CIMI) = %q, %v; sent %q", pause, lines, err, m.commands())
				}
				if lines, err := a.Command(t.Context(), "+CPIN?"); err != nil || !slices.Equal(lines, []string{"+CPIN: READY"}) {
					t.Errorf("pause %s: Command(+CPIN?) = %q, %v; sent %q", pause, lines, err, m.commands())
				}
			}
			a.Close()
			m.port.Close()
			served.Wait()
		})
	}
}

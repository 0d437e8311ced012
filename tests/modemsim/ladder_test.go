package modemsim_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"airlock/drivers/at"
	"airlock/drivers/modem"
	"airlock/tests/modemsim"
)

// upTime is what netd gives to Up, and downTime to one Down.
const (
	upTime   = 195 * time.Second
	downTime = 45 * time.Second
)

// board is a module on a board with levers, in a bubble's time. The session's times are the appliance's.
type board struct {
	t     *testing.T
	sim   *modemsim.Sim
	modem *modem.Modem
	kept  modem.Remembered

	mu      sync.Mutex
	last    net.Conn
	sent    []string             // commands that the host sent
	pulled  []string             // levers
	heard   func(command string) // called with each command; nil: nobody listens
	relieve func(lever string)   // what a pull mends; nil: nothing
	tasks   sync.WaitGroup
}

// onBoard runs f with a module on a board that has the levers named.
func onBoard(t *testing.T, cfg modemsim.Config, levers []string, f func(t *testing.T, b *board)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &board{t: t, sim: modemsim.New(cfg)}
		c := modem.Config{APN: "internet", Memory: b}
		for _, name := range levers {
			c.Levers = append(c.Levers, lever{b, name})
		}
		b.modem = modem.New(c, b.open)
		f(t, b)
		b.modem.Close()
		b.cut()
		b.tasks.Wait()
	})
}

// Load implements modem.Memory.
func (b *board) Load() (modem.Remembered, error) { return b.kept, nil }

// Save implements modem.Memory.
func (b *board) Save(r modem.Remembered) error { b.kept = r; return nil }

// open is the session's modem.Opener, as patient as serial.Finder.
func (b *board) open(ctx context.Context) (modem.Port, error) {
	near, far := net.Pipe()
	b.mu.Lock()
	b.last = far
	b.mu.Unlock()
	b.tasks.Go(func() { b.sim.Serve(context.Background(), far) })
	port := at.New(overheard{near, b}, at.Options{})
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	if err := port.Sync(ctx); err != nil {
		port.Close()
		return nil, err
	}
	return port, nil
}

// cut ends the port, as when the device leaves the bus.
func (b *board) cut() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.last != nil {
		b.last.Close()
	}
}

// overheard is a port that tells what the host sends.
type overheard struct {
	net.Conn
	b *board
}

// Write passes on.
func (p overheard) Write(bytes []byte) (int, error) {
	command := strings.Trim(string(bytes), "\r\x1b")
	p.b.mu.Lock()
	p.b.sent = append(p.b.sent, command)
	heard := p.b.heard
	p.b.mu.Unlock()
	if heard != nil {
		heard(command)
	}
	return p.Conn.Write(bytes)
}

// lever restarts the module: its port ends, and it boots when it is opened again.
type lever struct {
	b    *board
	name string
}

// Pull implements modem.Lever.
func (l lever) Pull(context.Context) error {
	l.b.pulled = append(l.b.pulled, l.name)
	if l.b.relieve != nil {
		l.b.relieve(l.name)
	}
	l.b.sim.SetSIM(modemsim.SIM{})
	l.b.cut()
	return nil
}

// String implements modem.Lever.
func (l lever) String() string { return l.name }

func (b *board) up(limit time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	began := time.Now()
	err := b.modem.Up(ctx, nil)
	if took := time.Since(began); took > limit+time.Second {
		b.t.Errorf("Up took %s, of %s", took, limit)
	}
	return err
}

// down is netd's lowering: three tries.
func (b *board) down() (err error) {
	for range 3 {
		ctx, cancel := context.WithTimeout(context.Background(), downTime)
		err = b.modem.Down(ctx)
		cancel()
		if err == nil {
			if b.sim.RadioOn() {
				b.t.Errorf("Down = nil, and the radio is on: %v", whats(b.sim.States()))
			}
			return nil
		}
	}
	return err
}

func (b *board) rungs() (names []string) {
	for _, s := range b.modem.Status().Recovery {
		names = append(names, s.Rung)
	}
	return names
}

func (b *board) wantRungs(want ...string) {
	b.t.Helper()
	if got := b.rungs(); !slices.Equal(got, want) {
		b.t.Errorf("recovery took %v, want %v: %+v", got, want, b.modem.Status().Recovery)
	}
}

func (b *board) wantFault(err error, kind modem.Kind, words string) {
	b.t.Helper()
	fault, ok := errors.AsType[*modem.Error](err)
	if !ok || fault.Kind != kind || !strings.Contains(err.Error(), words) {
		b.t.Errorf("%v, want kind %s with %q", err, kind, words)
	}
}

// A module that searches for ever, until its vendor's reset, is reset within one window, by its own verb.
func TestStuckUntilReset(t *testing.T) {
	for _, p := range modemsim.Personalities() {
		t.Run(p.Name, func(t *testing.T) {
			verb := "AT+CFUN=1,1"
			if own := modem.ProfileOf(p.Manufacturer, p.Model).Reset; own != nil {
				verb = "AT" + own.Command
			}
			cfg := modemsim.Config{Personality: p, Faults: modemsim.Faults{Stuck: true}, Times: modemsim.Lifelike()}
			onBoard(t, cfg, []string{"usb-reset", "power"}, func(t *testing.T, b *board) {
				b.heard = func(command string) {
					if command == verb {
						b.sim.SetFaults(modemsim.Faults{})
					}
				}
				if err := b.up(upTime); err != nil {
					t.Fatalf("Up = %v after %v", err, b.rungs())
				}
				if !b.sim.DataActive() {
					t.Error("Up returned, and no data flows")
				}
				b.wantRungs("cfun", "vendor-reset")
				if err := b.down(); err != nil {
					t.Error(err)
				}
				if b.kept.Rung != "" || b.kept.Failures != 0 || b.kept.FlashWrites == 0 {
					t.Errorf("remembered %+v, want nothing but the flash's writes", b.kept)
				}
			})
		})
	}
}

// A port that says nothing is brought back by the levers, the gentlest first.
func TestSilentUntilPowerIsCut(t *testing.T) {
	cfg := modemsim.Config{LeftOn: true, Faults: modemsim.Faults{Silent: true}, Times: modemsim.Lifelike()}
	onBoard(t, cfg, []string{"usb-reset", "power"}, func(t *testing.T, b *board) {
		b.relieve = func(name string) { b.sim.SetFaults(modemsim.Faults{Silent: name != "power"}) }
		if err := b.up(upTime); err != nil {
			t.Fatalf("Up = %v", err)
		}
		b.wantRungs("usb-reset", "power")
		if err := b.down(); err != nil {
			t.Error(err)
		}
	})
}

// A module that hangs in the middle of a window's way up is found again by a new dialogue.
func TestSilentForAWhile(t *testing.T) {
	cfg := modemsim.Config{Times: modemsim.Lifelike(), Script: parsed(t, "command AT+CGMM: dead 12s")}
	onBoard(t, cfg, nil, func(t *testing.T, b *board) {
		if err := b.up(upTime); err != nil {
			t.Fatalf("Up = %v", err)
		}
		if got := b.rungs(); len(got) == 0 || got[0] != "resync" {
			t.Errorf("recovery took %v", got)
		}
		if err := b.down(); err != nil {
			t.Error(err)
		}
	})
}

func parsed(t *testing.T, lines ...string) *modemsim.Script {
	t.Helper()
	s, err := modemsim.ParseScript("test", strings.NewReader(strings.Join(lines, "\n")))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A dead module is restarted ever more rarely; each window ends in time with a diagnosis.
func TestDeadModuleIsNotSwitchedForEver(t *testing.T) {
	const windows = 40
	onBoard(t, modemsim.Config{Faults: modemsim.Faults{Silent: true}}, []string{"usb-reset", "power"}, func(t *testing.T, b *board) {
		for n := range windows {
			b.wantFault(b.up(upTime), modem.NoModem, "no cellular modem answers")
			if b.kept.Failures != n+1 {
				t.Fatalf("after %d windows %d failures are remembered", n+1, b.kept.Failures)
			}
		}
		cuts := 0
		for _, name := range b.pulled {
			if name == "power" {
				cuts++
			}
		}
		if cuts < 3 || cuts > 8 {
			t.Errorf("in %d windows the power was cut %d times, want a few: %v", windows, cuts, b.pulled)
		}
		t.Logf("in %d windows: %d of %d pulls were the power's", windows, cuts, len(b.pulled))
	})
}

// The next window goes on where one was in vain.
func TestNextWindowBeginsHigher(t *testing.T) {
	cfg := modemsim.Config{Faults: modemsim.Faults{Stuck: true}, Times: modemsim.Lifelike()}
	onBoard(t, cfg, []string{"power"}, func(t *testing.T, b *board) {
		b.wantFault(b.up(70*time.Second), modem.NoNetwork, "tried in vain: switching the radio off and on")
		if err := b.down(); err != nil {
			t.Fatal(err)
		}
		if b.kept.Rung != "cfun" || b.kept.Failures != 1 {
			t.Fatalf("remembered %+v", b.kept)
		}
		b.heard = func(command string) {
			if command == "AT+CFUN=1,1" {
				b.sim.SetFaults(modemsim.Faults{})
			}
		}
		if err := b.up(upTime); err != nil {
			t.Fatal(err)
		}
		b.wantRungs("vendor-reset")
		if err := b.down(); err != nil || b.kept.Rung != "" {
			t.Errorf("Down = %v, remembered %+v", err, b.kept)
		}
	})
}

// What another try does not change stops the ladder at once: nothing is reset, no lever is pulled.
func TestRefusalsAreNotClimbed(t *testing.T) {
	for name, c := range map[string]struct {
		cfg   modemsim.Config
		apn   string
		kind  modem.Kind
		words string
	}{
		"illegal SIM (3)":       {modemsim.Config{Faults: modemsim.Faults{RejectCause: 3}}, "internet", modem.NoNetwork, ""},
		"PLMN not allowed (11)": {modemsim.Config{Faults: modemsim.Faults{RejectCause: 11}}, "internet", modem.NoNetwork, ""},
		"no SIM":                {modemsim.Config{SIM: modemsim.SIM{Missing: true}}, "internet", modem.NoSIM, ""},
		"PIN":                   {modemsim.Config{SIM: modemsim.SIM{PIN: "1234"}}, "internet", modem.NoSIM, ""},
		"wrong APN":             {modemsim.Config{}, "wrong.example", modem.NoNetwork, "APN"},
	} {
		t.Run(name, func(t *testing.T) {
			c.cfg.Times = modemsim.Lifelike()
			onBoard(t, c.cfg, []string{"usb-reset", "power"}, func(t *testing.T, b *board) {
				b.modem = modem.New(modem.Config{APN: c.apn, Memory: b, Levers: []modem.Lever{lever{b, "usb-reset"}, lever{b, "power"}}}, b.open)
				b.wantFault(b.up(upTime), c.kind, c.words)
				b.wantRungs()
				if len(b.pulled) > 0 || slices.Contains(b.sent, "AT+CFUN=1,1") {
					t.Errorf("pulled %v, sent %v", b.pulled, b.sent)
				}
				if b.kept.Rung != "" || b.kept.Failures != 0 {
					t.Errorf("remembered %+v", b.kept)
				}
				if err := b.down(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// A radio that ignores +CFUN=4 is told again, then restarted, and only a radio that was read back as off is said to be.
func TestRadioIsSilencedByLevers(t *testing.T) {
	for _, c := range []struct {
		ignores int
		cure    string // the rung that ends the fault
		want    []string
	}{
		{3, "", nil},
		{1 << 20, "vendor-reset", []string{"vendor-reset"}},
		{1 << 20, "usb-reset", []string{"vendor-reset", "usb-reset"}},
		{1 << 20, "power", []string{"vendor-reset", "usb-reset", "power"}},
	} {
		t.Run(fmt.Sprintf("%d until %q", c.ignores, c.cure), func(t *testing.T) {
			cfg := modemsim.Config{LeftOn: true, Faults: modemsim.Faults{IgnoreOff: c.ignores}, Times: modemsim.Lifelike()}
			onBoard(t, cfg, []string{"usb-reset", "power"}, func(t *testing.T, b *board) {
				cure := func(rung string) {
					if rung == c.cure {
						b.sim.SetFaults(modemsim.Faults{})
					}
				}
				b.relieve = cure
				b.heard = func(command string) {
					if command == "AT+CFUN=1,1" {
						cure("vendor-reset")
					}
				}
				if err := b.down(); err != nil {
					t.Errorf("Down = %v", err)
				}
				b.wantRungs(c.want...)
			})
		})
	}
}

// A radio that nothing silences is never said to be off, and its module is not restarted for ever.
func TestRadioThatNothingSilences(t *testing.T) {
	cfg := modemsim.Config{LeftOn: true, Faults: modemsim.Faults{IgnoreOff: 1 << 20}, Times: modemsim.Lifelike()}
	onBoard(t, cfg, []string{"usb-reset", "power"}, func(t *testing.T, b *board) {
		for range 30 {
			b.wantFault(b.down(), modem.RadioOn, "could not be proven off")
		}
		if n := len(b.pulled); n < 2 || n > 20 {
			t.Errorf("in 90 Downs %d levers were pulled", n)
		}
		if !slices.Contains(b.sent, "AT+COPS=2") {
			t.Error("the module was never told to leave its network")
		}
	})
}

// A lease without traffic is cured by a new binding, then by ever harder means, and else named.
func TestLameLease(t *testing.T) {
	for _, c := range []struct {
		lame int
		want []string
		ends string // in the last error; empty: it carries at last
	}{
		{1, []string{"rebind"}, ""},
		{2, []string{"rebind", "cfun"}, ""},
		{3, []string{"rebind", "cfun", "vendor-reset"}, ""},
		{99, []string{"rebind", "cfun", "vendor-reset", "give-up"}, "carries no traffic"},
	} {
		t.Run(fmt.Sprint(c.lame), func(t *testing.T) {
			cfg := modemsim.Config{Faults: modemsim.Faults{NoTraffic: c.lame}, Times: modemsim.Lifelike()}
			onBoard(t, cfg, nil, func(t *testing.T, b *board) {
				if err := b.up(upTime); err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithTimeout(t.Context(), upTime)
				defer cancel()
				var err error
				for mends := 0; err == nil && !b.sim.DataActive(); mends++ {
					if mends > 5 {
						t.Fatal("mending has no end")
					}
					err = b.modem.Mend(ctx, nil)
				}
				if b.wantRungs(c.want...); c.ends == "" && err != nil {
					t.Error(err)
				}
				if c.ends != "" {
					b.wantFault(err, modem.NoNetwork, c.ends)
				}
				if err := b.down(); err != nil {
					t.Error(err)
				}
				if harder := len(c.want) > 1; (b.kept.Failures > 0) != harder {
					t.Errorf("remembered %+v", b.kept)
				}
			})
		})
	}
}

// An asker who goes in the middle of a climb is heard at once, whatever rung is under way.
func TestClimbIsCancelled(t *testing.T) {
	for after := time.Second; after < 3*time.Minute; after += 3700 * time.Millisecond {
		cfg := modemsim.Config{Faults: modemsim.Faults{Stuck: true}, Times: modemsim.Lifelike()}
		onBoard(t, cfg, []string{"usb-reset", "power"}, func(t *testing.T, b *board) {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(after, cancel)
			began := time.Now()
			err := b.modem.Up(ctx, nil)
			if took := time.Since(began); !errors.Is(err, context.Canceled) || took > after+100*time.Millisecond {
				t.Errorf("Up cancelled after %s = %v after %s", after, err, took)
			}
			if b.kept.Failures != 0 {
				t.Errorf("a window that was given back counts as failed: %+v", b.kept)
			}
			if err := b.down(); err != nil {
				t.Errorf("Down after a climb cancelled at %s = %v", after, err)
			}
		})
	}
}

// A module that restarts by itself on the way up is found again, without any lever.
func TestRestartOnTheWayUp(t *testing.T) {
	for _, at := range []string{"AT+CGMM", "AT+CPIN?", "AT+CFUN=1", "2 AT+CEREG?", "AT+CGPADDR"} {
		cfg := modemsim.Config{Times: modemsim.Lifelike(), Script: parsed(t, "command "+at+": reset 6s")}
		onBoard(t, cfg, nil, func(t *testing.T, b *board) {
			if err := b.up(upTime); err != nil {
				t.Errorf("reset at %s: Up = %v", at, err)
			}
			b.wantRungs("resync")
			if err := b.down(); err != nil {
				t.Errorf("reset at %s: Down = %v", at, err)
			}
		})
	}
}

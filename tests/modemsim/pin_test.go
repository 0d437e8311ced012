package modemsim_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"airlock/drivers/modem"
	"airlock/tests/modemsim"
)

// TestPINUnlocks: with every personality the right PIN is sent once, and leads to data; afterwards nothing of it is remembered.
func TestPINUnlocks(t *testing.T) {
	for _, p := range modemsim.Personalities() {
		t.Run(p.Name, func(t *testing.T) {
			t.Parallel()
			sim := modemsim.New(modemsim.Config{Personality: p, SIM: modemsim.SIM{PIN: "4711"}})
			r, memory := record(t, sim), &disk{}
			times := brisk()
			times.SIM = 10 * time.Second // some families want three quiet seconds
			m := join(t, r, modem.Config{PIN: "4711", APN: "internet", Memory: memory, Times: times})
			began := time.Now()
			if err := m.Up(t.Context(), nil); err != nil {
				t.Fatalf("Up = %v", err)
			}
			r.expectSent(t, "+CPIN=", `+CPIN="4711"`)
			kept, _ := memory.Load()
			if s := m.Status(); s.SIM != "ready" || s.ICCID != "8988211000000123456" || s.PINTries == nil || *s.PINTries != 3 || len(kept.RefusedPIN) != 0 {
				t.Errorf("Status = %+v, remembered %v", s, kept)
			}
			if took := time.Since(began); (p.Name == "huawei" || strings.HasPrefix(p.Name, "sierra")) != (took > 3*time.Second) {
				t.Errorf("Up took %s: Huawei and Sierra get three quiet seconds after the PIN, and nobody else", took)
			}
		})
	}
}

// TestPINRefused: one try is used, whatever happens afterwards, with the same memory.
func TestPINRefused(t *testing.T) {
	for _, p := range modemsim.Personalities() {
		t.Run(p.Name, func(t *testing.T) {
			t.Parallel()
			sim := modemsim.New(modemsim.Config{Personality: p, SIM: modemsim.SIM{PIN: "4711"}})
			r, memory := record(t, sim), &disk{}
			for n := range 3 {
				m := join(t, r, modem.Config{PIN: "0000", Memory: memory})
				fault := faultOf(t, "Up", m.Up(t.Context(), nil))
				if fault.Kind != modem.NoSIM || !fault.Final || !strings.Contains(fault.Detail, "refused") || !strings.Contains(fault.Detail, "2 tries left") {
					t.Errorf("Up number %d = %+v", n, fault)
				}
				if s := m.Status(); s.SIM != "pin" || s.PINTries == nil || *s.PINTries != 2 {
					t.Errorf("Status = %+v, want two tries", s)
				}
				m.Close()
				sim.SetSIM(modemsim.SIM{PIN: "4711"}) // power off and on
			}
			r.expectSent(t, "+CPIN=", `+CPIN="0000"`)
			if left := sim.PINLeft(); left != 2 {
				t.Errorf("tries left = %d, want 2", left)
			}
		})
	}
}

// TestPINGuard: every reason not to send.
func TestPINGuard(t *testing.T) {
	deaf := modemsim.Generic3GPP() // tells no count and no card
	for _, c := range []struct {
		name   string
		cfg    modemsim.Config
		pin    string
		memory *disk
		word   string
	}{
		{"one left", modemsim.Config{SIM: modemsim.SIM{PIN: "4711", PINLeft: 1}}, "4711", &disk{}, "one try left"},
		{"no PIN given", modemsim.Config{SIM: modemsim.SIM{PIN: "4711"}}, "", &disk{}, "asks for its PIN"},
		{"no PIN at all", modemsim.Config{SIM: modemsim.SIM{PIN: "4711"}}, `1"2`, &disk{}, "four to eight digits"},
		{"memory fails", modemsim.Config{SIM: modemsim.SIM{PIN: "4711"}}, "4711", &disk{broken: errors.New("disk full")}, "could not be remembered"},
		{"memory unreadable", modemsim.Config{SIM: modemsim.SIM{PIN: "4711"}}, "4711", &disk{text: []byte("{")}, "cannot be read"},
		{"blocked", modemsim.Config{SIM: modemsim.SIM{PIN: "4711", PINLeft: -1}}, "4711", &disk{}, "PUK"},
		{"missing", modemsim.Config{SIM: modemsim.SIM{Missing: true}}, "4711", &disk{}, "no SIM"},
		{"count and card not told", modemsim.Config{Personality: deaf, SIM: modemsim.SIM{PIN: "4711", ICCID: "none"}}, "4711", &disk{}, "not be remembered"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			sim := modemsim.New(c.cfg)
			r := record(t, sim)
			before := sim.PINLeft()
			m := join(t, r, modem.Config{PIN: c.pin, Memory: c.memory})
			if fault := faultOf(t, "Up", m.Up(t.Context(), nil)); fault.Kind != modem.NoSIM || !strings.Contains(fault.Error(), c.word) {
				t.Errorf("Up = %v, want %q", fault, c.word)
			}
			r.expectSent(t, "+CPIN=")
			if sim.PINLeft() != before {
				t.Errorf("tries left = %d, want %d", sim.PINLeft(), before)
			}
		})
	}
}

// TestBogusPIN: a state that passes is not answered, though a PIN is at hand.
func TestBogusPIN(t *testing.T) {
	sim := modemsim.New(modemsim.Config{Faults: modemsim.Faults{BogusPIN: 40 * time.Millisecond}})
	r := record(t, sim)
	times := short()
	times.Locked = 500 * time.Millisecond // far from the fault's 40 ms, however busy the machine is
	m := join(t, r, modem.Config{PIN: "0000", APN: "internet", Times: times})
	if err := m.Up(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	r.expectSent(t, "+CPIN=")
}

// TestPINOutcomeUnknown: the answer to the right PIN never comes. It counts as a try, and only a person repeats it.
func TestPINOutcomeUnknown(t *testing.T) {
	sim := modemsim.New(modemsim.Config{SIM: modemsim.SIM{PIN: "4711"}, Faults: modemsim.Faults{
		Late: modemsim.Late{Command: "+CPIN=", Delay: time.Second, Times: 1}}})
	r, memory := record(t, sim), &disk{}
	ctx, cancel := context.WithCancel(t.Context())
	m := join(t, r, modem.Config{PIN: "4711", Memory: memory})
	done := make(chan error, 1)
	go func() { done <- m.Up(ctx, nil) }()
	for len(r.commands("+CPIN=")) == 0 {
		time.Sleep(time.Millisecond)
	}
	cancel() // as a process that dies
	if err := <-done; err == nil {
		t.Fatal("Up = nil without an answer to the PIN")
	}
	m.Close()
	sim.SetFaults(modemsim.Faults{})
	sim.SetSIM(modemsim.SIM{PIN: "4711"})

	m = join(t, r, modem.Config{PIN: "4711", APN: "internet", Memory: memory})
	if fault := faultOf(t, "Up", m.Up(t.Context(), nil)); !strings.Contains(fault.Detail, "answer was lost") || !fault.Final {
		t.Errorf("Up after the crash = %+v", fault)
	}
	r.expectSent(t, "+CPIN=", `+CPIN="4711"`)
	if err := m.EnterPIN(t.Context(), "4711"); err != nil {
		t.Fatalf("EnterPIN = %v", err)
	}
	if sim.RadioOn() {
		t.Error("the radio is on after EnterPIN")
	}
	if err := m.Up(t.Context(), nil); err != nil {
		t.Errorf("Up after the PIN was typed = %v", err)
	}
}

// TestEnterPIN: a person is told what is left, gets no more than the guard allows, and unblocks the card.
func TestEnterPIN(t *testing.T) {
	for _, p := range modemsim.Personalities() {
		t.Run(p.Name, func(t *testing.T) {
			t.Parallel()
			sim := modemsim.New(modemsim.Config{Personality: p, SIM: modemsim.SIM{PIN: "4711"}})
			r := record(t, sim)
			times := brisk()
			times.SIM = 10 * time.Second
			m := join(t, r, modem.Config{Memory: &disk{}, Times: times})
			for _, c := range []struct{ pin, word string }{
				{"12", "four to eight"}, {"0000", "2 tries left"}, {"0000", "refused this PIN before"}, {"1111", "one try left"}, {"4711", "one try left"},
			} {
				if fault := faultOf(t, "EnterPIN", m.EnterPIN(t.Context(), c.pin)); !strings.Contains(fault.Detail, c.word) {
					t.Errorf("EnterPIN(%s) = %v, want %q", c.pin, fault, c.word)
				}
			}
			r.expectSent(t, "+CPIN=", `+CPIN="0000"`, `+CPIN="1111"`)
			if fault := faultOf(t, "Unblock", m.Unblock(t.Context(), "12345678", "2222")); !strings.Contains(fault.Detail, "asks for its PIN") {
				t.Errorf("Unblock of a card that is not blocked = %v", fault)
			}

			sim.SwapSIM(modemsim.SIM{PIN: "4711", PINLeft: -1, ICCID: "8988211000000777777"})
			for _, c := range []struct{ puk, pin, word string }{
				{"123", "2222", "eight digits"}, {"12345678", "2", "new PIN"}, {"00000000", "2222", "9 tries left"},
			} {
				if fault := faultOf(t, "Unblock", m.Unblock(t.Context(), c.puk, c.pin)); !strings.Contains(fault.Detail, c.word) {
					t.Errorf("Unblock(%s, %s) = %v, want %q", c.puk, c.pin, fault, c.word)
				}
			}
			if s := m.Status(); s.SIM != "puk" || s.PUKTries == nil || *s.PUKTries != 9 {
				t.Errorf("Status = %+v, want puk and 9 tries", s)
			}
			if err := m.Unblock(t.Context(), "12345678", "2222"); err != nil || sim.PINLeft() != 3 {
				t.Errorf("Unblock = %v, %d tries of the PIN", err, sim.PINLeft())
			}
			if fault := faultOf(t, "EnterPIN", m.EnterPIN(t.Context(), "2222")); !strings.Contains(fault.Detail, "asks for no PIN") {
				t.Errorf("EnterPIN when it is open = %v", fault)
			}
		})
	}
}

// TestPUKGuard: the last try of a PUK is not made here.
func TestPUKGuard(t *testing.T) {
	sim := modemsim.New(modemsim.Config{SIM: modemsim.SIM{PIN: "4711", PINLeft: -1, PUKLeft: 1}})
	r := record(t, sim)
	m := join(t, r, modem.Config{})
	if fault := faultOf(t, "Unblock", m.Unblock(t.Context(), "12345678", "2222")); !strings.Contains(fault.Detail, "would be dead") {
		t.Errorf("Unblock = %v", fault)
	}
	r.expectSent(t, "+CPIN=")
}

// TestNoPINBurns: whatever cards, PINs, restarts and faults come in whatever order, no wrong PIN reaches the same card twice,
// the last try of a card is never used, and with one configured PIN a card never has less than two.
func TestNoPINBurns(t *testing.T) {
	sequences := 60
	if testing.Short() {
		sequences = 12
	}
	var refused, right atomic.Int64
	t.Run("sequences", func(t *testing.T) {
		for seed := range sequences {
			t.Run(fmt.Sprint(seed), func(t *testing.T) {
				t.Parallel()
				r, w := burn(t, rand.New(rand.NewPCG(uint64(seed), 17)))
				right.Add(int64(r))
				refused.Add(int64(w))
			})
		}
	})
	t.Logf("%d right and %d wrong PINs were sent in %d sequences", right.Load(), refused.Load(), sequences)
	if right.Load() == 0 || refused.Load() == 0 {
		t.Error("nothing was tried: the sequences show nothing")
	}
}

// burn is one sequence; it tells how many right and wrong PINs were sent.
func burn(t *testing.T, rng *rand.Rand) (right, refused int) {
	all := modemsim.Personalities()
	cards := []modemsim.SIM{{PIN: "4711", ICCID: "8988211000000000001"}, {PIN: "0815", ICCID: "8988211000000000002"}, {ICCID: "8988211000000000003"}}
	pins := []string{"4711", "0815", "1234", "9999"}
	if rng.IntN(2) == 0 {
		pins = pins[rng.IntN(len(pins)):][:1]
	}
	card := cards[0]
	sim := modemsim.New(modemsim.Config{Personality: all[rng.IntN(len(all))], SIM: card, Seed: rng.Uint64()})
	r, memory := record(t, sim), &disk{}
	times := short()
	times.Locked, times.Poll, times.SIM, times.Register, times.Data = 8*time.Millisecond, 3*time.Millisecond, 4*time.Second, 300*time.Millisecond, 300*time.Millisecond
	wrong := map[string]int{} // card and PIN
	var history []string
	for range 8 {
		sim.SetFaults([]modemsim.Faults{{}, {URCInReply: true}, {Late: modemsim.Late{Command: "+CPIN=", Delay: 60 * time.Millisecond, Times: 1}},
			{BogusPIN: time.Second}, {StrayErrors: 2}, {Silent: true}}[rng.IntN(6)])
		if rng.IntN(3) == 0 {
			card = cards[rng.IntN(len(cards))]
		}
		if rng.IntN(2) == 0 {
			sim.SetSIM(card)
		} else {
			sim.SwapSIM(card)
		}
		m := modem.New(modem.Config{PIN: pins[rng.IntN(len(pins))], Memory: memory, Times: times}, r.open)
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(1+rng.IntN(800))*time.Millisecond)
		seen := len(r.commands("+CPIN="))
		var ends sync.WaitGroup
		if rng.IntN(4) == 0 {
			ends.Go(func() {
				<-time.After(time.Duration(rng.IntN(60)) * time.Millisecond)
				r.hangUp()
			})
		}
		err := m.Up(ctx, nil) // how it ends is not the point here
		ends.Wait()
		cancel()
		m.Close()
		r.hangUp()
		r.tasks.Wait() // nobody changes a card within the millisecond in which a command is under way to it
		history = append(history, fmt.Sprintf("card %s, %d tries left, sent %q: %v", card.ICCID, sim.PINLeft(), r.commands("+CPIN=")[seen:], err))
		for _, sent := range r.commands("+CPIN=")[seen:] {
			switch {
			case sent == fmt.Sprintf(`+CPIN="%s"`, card.PIN):
				right++
			case card.PIN == "": // a bogus state outlasted our doubt: the module refuses, and the card hears nothing of it
				if sim.PINLeft() != 3 {
					t.Errorf("a card without a PIN has %d tries left", sim.PINLeft())
				}
			default:
				refused++
				wrong[card.ICCID+sent]++
			}
		}
		if left := sim.PINLeft(); left < 1 || len(pins) == 1 && left < 2 {
			t.Fatalf("tries left = %d of %s; sent %q; log:\n%s", left, card.ICCID, r.commands("+CPIN="), strings.Join(history, "\n"))
		}
	}
	for what, n := range wrong {
		if n > 1 {
			t.Errorf("%s was sent %d times", what, n)
		}
	}
	return right, refused
}

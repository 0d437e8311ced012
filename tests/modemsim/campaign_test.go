package modemsim_test

import (
	"errors"
	"sync"
	"testing"

	"airlock/drivers/modem"
	"airlock/tests/modemsim"
)

// campaignFaults are scripted faults of every kind, each met in a window.
func campaignFaults() []string {
	return []string{
		`command AT+CEREG?: urc "+CEREG: 2"`, "command 2 AT+CGACT?: late 200ms", "command AT+CFUN=1: split", "command AT+CIMI: merge",
		"command AT+CGACT?: delay 5ms", "command AT+CFUN=1: stuck 100ms", "command AT+CFUN=1: stuck", "command AT+CFUN=1: reject 11",
		"data: no-traffic", "data: dead 100ms", "data: dead", "command AT+CFUN=4: ignore-cfun", "command AT+CFUN=1: ignore-cfun",
		"data: reject 3 100ms", "command AT+CGPADDR: reset 50ms",
	}
}

// TestFaultsByScript: every module under every scripted fault ends with data or a named diagnosis, and then with its
// radio off, or said to be on, and its PIN's tries untouched. The windows mostly wait, so many run at once.
func TestFaultsByScript(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: -short leaves out the faults of every module")
	}
	var running sync.WaitGroup
	var mu sync.Mutex
	ends := map[string]int{}
	places := make(chan struct{}, 48)
	for _, fault := range campaignFaults() {
		for _, p := range modemsim.Personalities() {
			sim := scripted(t, modemsim.Config{Personality: p}, fault)
			m := session(t, newPlug(t, sim), "internet")
			places <- struct{}{}
			running.Go(func() {
				defer func() { <-places }()
				end := underFault(t, p.Name+", "+fault, sim, m)
				mu.Lock()
				ends[end]++
				mu.Unlock()
			})
		}
	}
	running.Wait()
	t.Logf("windows by their end: %v", ends)
	if ends["data"] == 0 || len(ends) < 3 {
		t.Errorf("windows by their end: %v, want data and several diagnoses", ends)
	}
}

// underFault is one window; it returns "data" or the kind of the diagnosis.
func underFault(t *testing.T, name string, sim *modemsim.Sim, m *modem.Modem) (end string) {
	end = "data"
	if err := m.Up(t.Context(), nil); err != nil {
		named, ok := errors.AsType[*modem.Error](err)
		if !ok {
			t.Errorf("%s: Up = %v, want data or a named diagnosis", name, err)
			return "unnamed"
		}
		end = string(named.Kind)
	}
	err := m.Down(t.Context())
	named, ok := errors.AsType[*modem.Error](err)
	if err != nil && !ok && !errors.Is(err, modem.ErrNotPresent) {
		t.Errorf("%s: Down = %v, want none or a named diagnosis", name, err)
	}
	if sim.RadioOn() && (named == nil || named.Kind != modem.RadioOn) {
		t.Errorf("%s: Down = %v, and the radio is on", name, err)
	}
	if left := sim.PINLeft(); left != 3 {
		t.Errorf("%s: PIN tries left = %d, want 3", name, left)
	}
	return end
}

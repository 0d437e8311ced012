package modemsim_test

import (
	"path/filepath"
	"slices"
	"testing"

	"airlock/tests/modemsim"
)

// TestExampleScripts: each script beside the README strikes, and the window then ends as the script says that it should.
func TestExampleScripts(t *testing.T) {
	ends := map[string][]string{"noisy-line.txt": {"data"}, "empty-lease.txt": {"data"}, "stubborn-radio.txt": {"data"},
		"bad-power.txt": {"data", "no-modem"}, "refused-sim.txt": {"no-network"}}
	files, err := filepath.Glob("faults/*.txt")
	if err != nil || len(files) != len(ends) {
		t.Fatalf("scripts = %v (%v), want %d", files, err, len(ends))
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			script, err := modemsim.ReadScript(file)
			if err != nil {
				t.Fatal(err)
			}
			sim := modemsim.New(modemsim.Config{Script: script, Function: 4})
			m := session(t, newPlug(t, sim), "internet")
			if end, want := underFault(t, file, sim, m), ends[filepath.Base(file)]; !slices.Contains(want, end) {
				t.Errorf("the window ended with %q, want one of %q", end, want)
			}
			if !slices.Contains(whats(sim.States()), modemsim.FaultStruck) {
				t.Errorf("no fault struck: %v", whats(sim.States()))
			}
		})
	}
}

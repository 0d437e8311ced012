package netd_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"airlock/netd/netdtest"
	"airlock/netd/windows"
)

// Anything in any order: askers who come and go, steps that fail, modules that are pulled. Never may
// both doors be open, and at rest both are shut.
func TestAnythingInAnyOrder(t *testing.T) {
	for seed := range uint64(60) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			inBubble(t, netdtest.NewWorld(), func(t *testing.T, b *bubble) {
				random := rand.New(rand.NewPCG(seed, 7))
				var all []*asked
				var questions sync.WaitGroup
				for range 60 {
					switch n := random.IntN(14); {
					case n < 3:
						all = append(all, b.ask([]windows.Request{fetch, deploy, service}[random.IntN(3)]))
					case n < 6 && len(all) > 0:
						all[random.IntN(len(all))].give()
					case n < 8:
						step := netdtest.Steps()[random.IntN(len(netdtest.Steps()))]
						b.w.Fail(step, errStuck)
					case n == 8:
						step := netdtest.Steps()[random.IntN(len(netdtest.Steps()))]
						time.AfterFunc(time.Duration(random.IntN(8000))*time.Millisecond, b.w.Hang(step))
					case n == 9:
						_ = b.k.ClearFault()
					case n == 10:
						b.k.Doubt()
					case n > 11 && len(all) > 0:
						q := windows.ModuleRequest{Do: []windows.ModuleVerb{windows.Inspect, windows.Measure}[random.IntN(2)]}
						id := uint64(random.IntN(len(all)) + 1)
						questions.Go(func() { _, _ = b.k.Ask(t.Context(), id, q) }) // whatever comes of it
					}
					time.Sleep(time.Duration(random.IntN(1500)) * time.Millisecond)
				}
				for _, a := range all {
					a.give()
				}
				time.Sleep(10 * time.Minute)
				for _, a := range all {
					<-a.ended
				}
				questions.Wait()
				if s := b.k.Status().Machine; s != "shut" && s != "fault" {
					t.Errorf("comes to rest in %s\n%s", s, b.w)
				}
				if err := b.w.Shut(); err != nil {
					t.Errorf("at rest: %v\n%s", err, b.w)
				}
			})
		})
	}
}

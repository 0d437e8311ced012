package peers

import (
	"context"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"airlock/tests/modemsim"
)

// TestOfono: oFono brings every module up by its phonesim plugin, which knows nothing but 27.007: to a registered module with
// an active context, and down to the radio off.
func TestOfono(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: -short, and this starts another program; make test-peers runs it")
	}
	modules := serveAll(t)
	addresses := map[string]net.Addr{}
	for name, m := range modules {
		addresses[name] = m.Addr
	}
	o, err := StartOfono(t.Context(), shortDir(t), addresses)
	needs(t, err)
	defer o.Close()
	table := tableOf("module", "card read", "radio on", "registered", "connected", "as", "operator", "signal", "closed", "radio off")
	t.Run("modules", func(t *testing.T) {
		for _, p := range modemsim.Personalities() {
			t.Run(p.Name, func(t *testing.T) {
				t.Parallel()
				table.add(append([]string{p.Name}, ofonoUpAndDown(t, o.Modem(p.Name), modules[p.Name], p)...)...)
			})
		}
	})
	if t.Failed() {
		t.Log(tail(o.Log(), 60))
	}
	t.Logf("oFono %s\n%s", o.Version, table)
}

// serveAll boots all modules at once.
func serveAll(t *testing.T) map[string]*Module {
	all := modemsim.Personalities()
	booted := make([]*Module, len(all))
	var booting sync.WaitGroup
	for i, p := range all {
		booting.Go(func() {
			m, err := Serve(t.Context(), modemsim.Config{Personality: p, Times: modemsim.Lifelike()}, "tcp", "127.0.0.1:0")
			if err != nil {
				t.Error(err)
				return
			}
			t.Cleanup(m.Close)
			booted[i] = m
		})
	}
	booting.Wait()
	if t.Failed() {
		t.FailNow()
	}
	modules := map[string]*Module{}
	for i, p := range all {
		modules[p.Name] = booted[i]
	}
	return modules
}

// ofonoUpAndDown gives the cells of the table as far as it came.
func ofonoUpAndDown(t *testing.T, m *OfonoModem, module *Module, p modemsim.Personality) (cells []string) {
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	step := func(what string, do func() error) {
		t.Helper()
		began := time.Now()
		if err := do(); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		cells = append(cells, fmt.Sprintf("%.1f s", time.Since(began).Seconds()))
	}
	step("power up", func() error {
		if err := m.PowerUp(ctx); err != nil {
			return err
		}
		return m.UntilCard(ctx)
	})
	step("radio on", func() error { return m.Online(ctx, true) })
	step("register", func() error { return m.UntilRegistered(ctx) })
	var context OfonoContext
	step("connect", func() (err error) {
		context, err = m.Connect(ctx, "internet")
		if err != nil && p.Stammer != 0 { // FM350 refuses the first; oFono does not try again by itself
			context, err = m.Connect(ctx, "internet")
		}
		return err
	})
	r, err := m.Read(ctx)
	if !r.Powered || !r.Online || r.IMEI != p.IMEI || r.IMSI != "001010123456789" || r.ICCID != "8988211000000123456" ||
		r.Operator != "Airlock Mobile" || r.MCC != "001" || r.MNC != "01" || !r.Attached {
		t.Errorf("oFono reads %+v (%v)", r, err)
	}
	cells = append(cells, r.Manufacturer+" "+r.Model, r.Operator, fmt.Sprintf("%d %%", r.Strength))
	if !p.Binding && !module.DataActive() {
		t.Errorf("oFono says that the context is active, and the module has no data")
	}
	if p.DefaultBearer {
		cells = append(cells, refusedLast(t, m.Disconnect(ctx, context)))
	} else {
		step("disconnect", func() error { return m.Disconnect(ctx, context) })
	}
	step("radio off", func() error { return m.Online(ctx, false) })
	if module.RadioOn() || module.DataActive() {
		t.Errorf("oFono says that the modem is offline, and the module's history is %v", module.States())
	}
	if err := m.PowerDown(ctx); err != nil {
		t.Errorf("power down: %v", err)
	}
	return cells
}

// refusedLast: an LTE module does not give up its last context while it is attached (24.301, ESM cause 49), and oFono's
// phonesim plugin asks for just that.
func refusedLast(t *testing.T, err error) string {
	if err == nil {
		t.Error("the module gave its last context up")
	}
	return "last one"
}

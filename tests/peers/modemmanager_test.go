package peers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"airlock/tests/modemsim"
)

// shortDir is a folder whose path fits into the address of a socket, which a test's own does not.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "peers")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// needs skips where a program is not to be had, and fails on every other error.
func needs(t *testing.T, err error) {
	t.Helper()
	if errors.Is(err, ErrMissing) {
		t.Skip("skipped:", err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func startMM(t *testing.T) *ModemManager {
	t.Helper()
	if testing.Short() {
		t.Skip("skipped: -short, and this starts another program; make test-peers runs it")
	}
	mm, err := StartModemManager(t.Context(), shortDir(t), LogAll)
	needs(t, err)
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(tail(mm.Log(), 60))
		}
		mm.Close()
	})
	return mm
}

// tail is the end of a log.
func tail(path string, lines int) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	all := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// pluginOf is ModemManager's for a module.
func pluginOf(p modemsim.Personality) string {
	for _, known := range [...][2]string{{"quectel", "quectel"}, {"simcom", "simtech"}, {"sierra", "sierra"}, {"telit", "telit"},
		{"ublox", "u-blox"}, {"huawei", "huawei"}, {"fibocom", "fibocom"}} {
		if strings.HasPrefix(p.Name, known[0]) {
			return known[1]
		}
	}
	return "generic"
}

// refusal is what ModemManager does not do with a module, by what its log says, and why. A later ModemManager may.
type refusal struct{ log, why string }

// refusals stand by plugin and module.
func refusals() map[string]refusal {
	return map[string]refusal{
		"huawei huawei": {"propagate_port_type_hints: assertion failed: (probes != NULL)",
			"1.20.4 aborts: its huawei plugin takes no port that was not probed, and Test.SetProfile gives it one (mm-plugin-huawei.c:600)"},
	}
}

// TestModemManager: ModemManager brings every module up with the plugin that it has for it and with its generic one, up to a
// data call, and down again. Each plugin has a ModemManager of its own, since one that aborts takes all modems along.
func TestModemManager(t *testing.T) {
	table := tableOf("module", "plugin", "identified", "enabled", "connected", "as", "operator", "signal", "by", "closed", "radio after Disable", "and low power")
	version := ""
	for _, plugin := range []string{"generic", "quectel", "simtech", "sierra", "telit", "u-blox", "huawei", "fibocom"} {
		t.Run(plugin, func(t *testing.T) {
			mm := startMM(t)
			version = mm.Version
			for _, p := range modemsim.Personalities() {
				if plugin != "generic" && plugin != pluginOf(p) {
					continue
				}
				t.Run(p.Name, func(t *testing.T) {
					t.Parallel()
					cells, err := upAndDown(t, mm, p, plugin)
					switch known, there := refusals()[plugin+" "+p.Name]; {
					case err == nil:
					case there && strings.Contains(tail(mm.Log(), 20), known.log):
						cells = append(cells, "("+known.why+")")
					default:
						t.Errorf("%v\n%s", err, tail(mm.Log(), 60))
					}
					table.add(append([]string{p.Name, plugin}, cells...)...)
				})
			}
		})
	}
	t.Logf("%s\n%s", version, table)
}

// upAndDown gives the cells of the table as far as it came.
func upAndDown(t *testing.T, mm *ModemManager, p modemsim.Personality, plugin string) (cells []string, err error) {
	id := p.Name + "-" + plugin
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	module, err := Serve(ctx, modemsim.Config{Personality: p, Times: modemsim.Lifelike()}, "unix", "@abstract:"+id)
	if err != nil {
		return nil, err
	}
	defer module.Close()
	timed := func(do func() error) {
		if err != nil {
			return
		}
		began := time.Now()
		if err = do(); err == nil {
			cells = append(cells, fmt.Sprintf("%.1f s", time.Since(began).Seconds()))
		}
	}
	var m *Modem
	timed(func() (err error) { m, err = mm.Plug(ctx, id, plugin, "abstract:"+id); return err })
	timed(func() error { return m.Enable(ctx, true) })
	timed(func() error { return connect(ctx, m, p) })
	if err != nil {
		return cells, err
	}
	r, err := m.Read(ctx)
	if r.State != Connected || !r.BearerConnected || r.BearerAPN != "internet" || r.OperatorCode != "00101" || r.IMEI != p.IMEI ||
		r.OperatorName != "Airlock Mobile" || r.SignalPercent == 0 || r.AccessTechnologies == 0 {
		t.Errorf("ModemManager reads %+v (%v)", r, err)
	}
	if !module.InCall() && !module.DataActive() {
		t.Errorf("ModemManager says connected, and the module has neither a call nor data")
	}
	cells = append(cells, r.Manufacturer+" "+r.Model, r.OperatorName, fmt.Sprintf("%d %%", r.SignalPercent), r.BearerWay)
	timed(func() error { return m.Disconnect(ctx) })
	if module.InCall() {
		t.Errorf("ModemManager says disconnected, and the module has a call")
	}
	if err == nil {
		err = m.Enable(ctx, false)
	}
	disabled := radio(module)
	low := ""
	if m.Low(ctx) != nil {
		low = " (refused)" // the generic plugin and some others know no low power state
	}
	return append(cells, disabled, radio(module)+low), err
}

func radio(m *Module) string {
	if m.RadioOn() {
		return "on"
	}
	return "off"
}

// connect tries a second time where the module refuses the first (FM350), which ModemManager does not do by itself.
func connect(ctx context.Context, m *Modem, p modemsim.Personality) error {
	err := m.Connect(ctx, "internet")
	if err != nil && p.Stammer != 0 {
		err = m.Connect(ctx, "internet")
	}
	return err
}

package peers

import (
	"context"
	"fmt"

	"github.com/godbus/dbus/v5"
)

// State is MMModemState.
type State int32

// The states that matter here.
const (
	Failed     State = -1
	Locked     State = 2
	Disabled   State = 3
	Enabled    State = 6
	Registered State = 8
	Connected  State = 11
)

// settled: no longer unknown or being initialised.
func (s State) settled() bool { return s != 0 && s != 1 }

func (s State) String() string {
	names := [...]string{"failed", "unknown", "initializing", "locked", "disabled", "disabling", "enabling", "enabled",
		"searching", "registered", "disconnecting", "connecting", "connected"}
	if s < -1 || int(s) >= len(names)-1 {
		return fmt.Sprintf("state %d", int32(s))
	}
	return names[s+1]
}

// Modem is ModemManager's view of a module. Its methods return when ModemManager says that it is done.
type Modem struct {
	manager *ModemManager
	path    dbus.ObjectPath
}

// Reading is what ModemManager has read from the module.
type Reading struct {
	State                                 State
	Manufacturer, Model, Revision, IMEI   string
	OperatorCode, OperatorName            string
	SignalPercent                         uint32
	AccessTechnologies                    uint32 // MMModemAccessTechnology: 1<<14 is LTE
	PowerState                            uint32 // MMModemPowerState: 1 off, 2 low, 3 on
	FailedReason                          uint32
	BearerInterface, BearerAPN, BearerWay string
	BearerConnected                       bool
}

func (m *Modem) call(ctx context.Context, method string, args ...any) *dbus.Call {
	ctx, release := m.manager.daemon.whileAlive(ctx)
	defer release()
	return m.manager.bus.conn.Object(mmName, m.path).CallWithContext(ctx, method, 0, args...)
}

// usable refuses a modem that ModemManager gave up.
func (m *Modem) usable(ctx context.Context) error {
	r, err := m.Read(ctx)
	if err == nil && r.State == Failed {
		return fmt.Errorf("ModemManager gives the modem up, reason %d (MMModemStateFailedReason)", r.FailedReason)
	}
	return err
}

// Enable switches the radio on and asks for unsolicited lines; false is the way back.
func (m *Modem) Enable(ctx context.Context, on bool) error {
	if err := m.call(ctx, mmModem+".Enable", on).Err; err != nil {
		return fmt.Errorf("enable=%v: %w", on, err)
	}
	return nil
}

// Low asks for the low power state: the radio off.
func (m *Modem) Low(ctx context.Context) error {
	if err := m.call(ctx, mmModem+".SetPowerState", uint32(2)).Err; err != nil {
		return fmt.Errorf("set the power state to low: %w", err)
	}
	return nil
}

// UntilRegistered waits for a network.
func (m *Modem) UntilRegistered(ctx context.Context) error {
	ctx, release := m.manager.daemon.whileAlive(ctx)
	defer release()
	err := m.manager.bus.until(ctx, func() (bool, error) {
		r, err := m.Read(ctx)
		return r.State >= Registered && r.OperatorCode != "", err
	})
	if err != nil {
		return fmt.Errorf("wait for registration: %w", err)
	}
	return nil
}

// Connect opens a data connection; it enables the modem and registers where that was not done yet.
func (m *Modem) Connect(ctx context.Context, apn string) error {
	err := m.call(ctx, mmSimple+".Connect", map[string]any{"apn": apn}).Err
	if err != nil {
		return fmt.Errorf("connect to %q: %w", apn, err)
	}
	return nil
}

// Disconnect closes all data connections.
func (m *Modem) Disconnect(ctx context.Context) error {
	if err := m.call(ctx, mmSimple+".Disconnect", dbus.ObjectPath("/")).Err; err != nil {
		return fmt.Errorf("disconnect: %w", err)
	}
	return nil
}

// Read reads the modem's properties and its first bearer's.
func (m *Modem) Read(ctx context.Context) (Reading, error) {
	p, err := m.manager.bus.properties(ctx, mmName, m.path, mmModem)
	if err != nil {
		return Reading{}, err
	}
	r := Reading{
		State: State(value[int32](p, "State")), FailedReason: value[uint32](p, "StateFailedReason"),
		Manufacturer: value[string](p, "Manufacturer"), Model: value[string](p, "Model"),
		Revision: value[string](p, "Revision"), IMEI: value[string](p, "EquipmentIdentifier"),
		AccessTechnologies: value[uint32](p, "AccessTechnologies"), PowerState: value[uint32](p, "PowerState"),
	}
	if quality := value[[]any](p, "SignalQuality"); len(quality) == 2 {
		r.SignalPercent, _ = quality[0].(uint32)
	}
	if r.State == Failed {
		return r, nil // it has no 3GPP interface
	}
	if p3, err := m.manager.bus.properties(ctx, mmName, m.path, mmModem+".Modem3gpp"); err == nil {
		r.OperatorCode, r.OperatorName = value[string](p3, "OperatorCode"), value[string](p3, "OperatorName")
	}
	return r, m.readBearer(ctx, value[[]dbus.ObjectPath](p, "Bearers"), &r)
}

func (m *Modem) readBearer(ctx context.Context, bearers []dbus.ObjectPath, r *Reading) error {
	if len(bearers) == 0 {
		return nil
	}
	b, err := m.manager.bus.properties(ctx, mmName, bearers[0], mmBearer)
	if err != nil {
		return err
	}
	r.BearerConnected, r.BearerInterface = value[bool](b, "Connected"), value[string](b, "Interface")
	r.BearerAPN = value[string](value[map[string]dbus.Variant](b, "Properties"), "apn")
	methods := [...]string{"unknown", "PPP", "static", "DHCP"} // MMBearerIpMethod
	if n := value[uint32](value[map[string]dbus.Variant](b, "Ip4Config"), "method"); int(n) < len(methods) {
		r.BearerWay = methods[n]
	}
	return nil
}

package peers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/godbus/dbus/v5"
)

// Ofono is one running ofonod on a bus of its own, with modules behind its phonesim plugin.
type Ofono struct {
	Version string
	bus     *bus
	daemon  *process
}

// OfonoModem is oFono's view of a module. Its methods return when oFono says that it is done.
type OfonoModem struct {
	*Ofono
	path dbus.ObjectPath
}

const (
	ofonoName    = "org.ofono"
	ofonoModem   = ofonoName + ".Modem"
	ofonoNetwork = ofonoName + ".NetworkRegistration"
	ofonoSIM     = ofonoName + ".SimManager"
	ofonoPackets = ofonoName + ".ConnectionManager"
	ofonoContext = ofonoName + ".ConnectionContext"
)

// StartOfono starts ofonod in dir with the modules at the TCP addresses.
func StartOfono(ctx context.Context, dir string, modules map[string]net.Addr) (*Ofono, error) {
	program, err := find("ofonod")
	if err != nil {
		return nil, err
	}
	config, err := phonesimConfig(dir, modules)
	if err != nil {
		return nil, err
	}
	b, err := startBus(ctx, dir)
	if err != nil {
		return nil, err
	}
	o := &Ofono{Version: program.version(), bus: b}
	env := append(program.libraries(), "DBUS_SYSTEM_BUS_ADDRESS="+b.address, "OFONO_PHONESIM_CONFIG="+config, "OFONO_AT_DEBUG=1")
	name, args, err := apart(program.path, "--nodetach", "--debug=*", "--plugin=phonesim,atmodem")
	if err == nil {
		o.daemon, err = start(o.Log(), env, name, args...)
	}
	if err == nil {
		err = o.await(ctx)
	}
	if err != nil {
		o.Close()
		return nil, err
	}
	return o, nil
}

// phonesimConfig writes the plugin's file: a group for each module, named as its object will be.
func phonesimConfig(dir string, modules map[string]net.Addr) (string, error) {
	var text []byte
	for name, addr := range modules {
		host, port, err := net.SplitHostPort(addr.String())
		if err != nil {
			return "", fmt.Errorf("address of %s: %w", name, err)
		}
		text = fmt.Appendf(text, "[%s]\nAddress=%s\nPort=%s\n", objectName(name), host, port)
	}
	path := filepath.Join(dir, "phonesim.conf")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return "", fmt.Errorf("configure oFono: %w", err)
	}
	return path, nil
}

// objectName is a name that may stand in an object's path.
func objectName(name string) string { return strings.ReplaceAll(name, "-", "_") }

// Modem is the module of that name.
func (o *Ofono) Modem(name string) *OfonoModem {
	return &OfonoModem{o, dbus.ObjectPath("/" + objectName(name))}
}

// apart gives a program an empty /var/lib of its own: ofonod keeps there what it learns of each card, and as root would
// put it among the machine's.
func apart(path string, args ...string) (string, []string, error) {
	bwrap, err := find("bwrap")
	if err != nil {
		return "", nil, err
	}
	return bwrap.path, append([]string{"--dev-bind", "/", "/", "--tmpfs", "/var/lib", "--die-with-parent", path}, args...), nil
}

func (o *Ofono) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	ctx, release := o.daemon.whileAlive(ctx)
	defer release()
	if err := o.bus.untilOwned(ctx, ofonoName); err != nil {
		return fmt.Errorf("wait for oFono: %w", err)
	}
	return nil
}

// Log is the file with all that oFono says.
func (o *Ofono) Log() string { return filepath.Join(o.bus.dir, "ofonod.log") }

// Close stops it and its bus.
func (o *Ofono) Close() {
	o.daemon.stop()
	o.bus.close()
}

func (o *Ofono) call(ctx context.Context, path dbus.ObjectPath, method string, args ...any) *dbus.Call {
	return o.bus.conn.Object(ofonoName, path).CallWithContext(ctx, method, 0, args...)
}

// set changes a property, and waits until oFono has done what that asks for.
func (o *Ofono) set(ctx context.Context, path dbus.ObjectPath, iface, name string, to any) error {
	ctx, release := o.daemon.whileAlive(ctx)
	defer release()
	if err := o.call(ctx, path, iface+".SetProperty", name, dbus.MakeVariant(to)).Err; err != nil {
		return fmt.Errorf("set %s to %v: %w", name, to, err)
	}
	return nil
}

func (o *Ofono) get(ctx context.Context, path dbus.ObjectPath, iface string) (map[string]dbus.Variant, error) {
	var p map[string]dbus.Variant
	if err := o.call(ctx, path, iface+".GetProperties").Store(&p); err != nil {
		return nil, fmt.Errorf("read %s: %w", iface, err)
	}
	return p, nil
}

// until waits until a property of the modem's interface is as wanted. While oFono has not come so far the interface is
// not there.
func (o *OfonoModem) until(ctx context.Context, iface string, as func(map[string]dbus.Variant) bool) error {
	ctx, release := o.daemon.whileAlive(ctx)
	defer release()
	var missing error
	err := o.bus.until(ctx, func() (bool, error) {
		var p map[string]dbus.Variant
		p, missing = o.get(ctx, o.path, iface)
		return missing == nil && as(p), nil
	})
	if err != nil {
		return fmt.Errorf("wait for %s: %w", iface, errors.Join(err, missing))
	}
	return nil
}

// PowerUp opens the port and reads the card.
func (o *OfonoModem) PowerUp(ctx context.Context) error {
	if err := o.until(ctx, ofonoModem, func(map[string]dbus.Variant) bool { return true }); err != nil {
		return err
	}
	return o.set(ctx, o.path, ofonoModem, "Powered", true)
}

// PowerDown lets go of the port.
func (o *OfonoModem) PowerDown(ctx context.Context) error {
	return o.set(ctx, o.path, ofonoModem, "Powered", false)
}

// UntilCard waits until the card was read.
func (o *OfonoModem) UntilCard(ctx context.Context) error {
	return o.until(ctx, ofonoSIM, func(p map[string]dbus.Variant) bool { return value[string](p, "SubscriberIdentity") != "" })
}

// Online switches the radio.
func (o *OfonoModem) Online(ctx context.Context, on bool) error {
	return o.set(ctx, o.path, ofonoModem, "Online", on)
}

// UntilRegistered waits for a network, and for packets on it.
func (o *OfonoModem) UntilRegistered(ctx context.Context) error {
	registered := func(p map[string]dbus.Variant) bool {
		status := value[string](p, "Status")
		return (status == "registered" || status == "roaming") && value[string](p, "Name") != ""
	}
	if err := o.until(ctx, ofonoNetwork, registered); err != nil {
		return err
	}
	if err := o.until(ctx, ofonoPackets, func(map[string]dbus.Variant) bool { return true }); err != nil {
		return err
	}
	if err := o.set(ctx, o.path, ofonoPackets, "Powered", true); err != nil {
		return err
	}
	return o.until(ctx, ofonoPackets, func(p map[string]dbus.Variant) bool { return value[bool](p, "Attached") })
}

// OfonoContext is a data connection.
type OfonoContext struct{ path dbus.ObjectPath }

// Connect activates a new context.
func (o *OfonoModem) Connect(ctx context.Context, apn string) (OfonoContext, error) {
	var c OfonoContext
	if err := o.call(ctx, o.path, ofonoPackets+".AddContext", "internet").Store(&c.path); err != nil {
		return c, fmt.Errorf("add a context: %w", err)
	}
	if err := o.set(ctx, c.path, ofonoContext, "AccessPointName", apn); err != nil {
		return c, err
	}
	return c, o.set(ctx, c.path, ofonoContext, "Active", true)
}

// Disconnect deactivates it.
func (o *OfonoModem) Disconnect(ctx context.Context, c OfonoContext) error {
	return o.set(ctx, c.path, ofonoContext, "Active", false)
}

// OfonoReading is what oFono has read from the module.
type OfonoReading struct {
	Powered, Online                     bool
	Manufacturer, Model, Revision, IMEI string
	IMSI, ICCID                         string
	Status, Operator, MCC, MNC          string
	Technology                          string
	Strength                            uint8 // percent
	Attached                            bool
}

// Read reads the modem's properties; what oFono has not come to is empty.
func (o *OfonoModem) Read(ctx context.Context) (r OfonoReading, err error) {
	p, err := o.get(ctx, o.path, ofonoModem)
	if err != nil {
		return r, err
	}
	r.Powered, r.Online = value[bool](p, "Powered"), value[bool](p, "Online")
	r.Manufacturer, r.Model = value[string](p, "Manufacturer"), value[string](p, "Model")
	r.Revision, r.IMEI = value[string](p, "Revision"), value[string](p, "Serial")
	if p, err := o.get(ctx, o.path, ofonoSIM); err == nil {
		r.IMSI, r.ICCID = value[string](p, "SubscriberIdentity"), value[string](p, "CardIdentifier")
	}
	if p, err := o.get(ctx, o.path, ofonoNetwork); err == nil {
		r.Status, r.Operator, r.Technology = value[string](p, "Status"), value[string](p, "Name"), value[string](p, "Technology")
		r.MCC, r.MNC, r.Strength = value[string](p, "MobileCountryCode"), value[string](p, "MobileNetworkCode"), value[uint8](p, "Strength")
	}
	if p, err := o.get(ctx, o.path, ofonoPackets); err == nil {
		r.Attached = value[bool](p, "Attached")
	}
	return r, nil
}

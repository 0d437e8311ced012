package peers

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/godbus/dbus/v5"
)

// bus is a D-Bus of our own: no service of the machine is on it, and none is started by it.
type bus struct {
	dir     string
	address string
	daemon  *process
	conn    *dbus.Conn
}

// busConfig lets everyone on the bus say everything; only our user gets on it.
const busConfig = `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <listen>unix:path=%s</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*"/>
    <allow receive_sender="*"/>
    <allow own="*"/>
  </policy>
</busconfig>
`

// startBus starts a bus in dir, whose path must be short: a socket's has 107 bytes.
func startBus(ctx context.Context, dir string) (*bus, error) {
	daemon, err := find("dbus-daemon")
	if err != nil {
		return nil, err
	}
	socket, config := filepath.Join(dir, "bus"), filepath.Join(dir, "bus.conf")
	if err := os.WriteFile(config, fmt.Appendf(nil, busConfig, socket), 0o600); err != nil {
		return nil, fmt.Errorf("configure the bus: %w", err)
	}
	b := &bus{dir: dir, address: "unix:path=" + socket}
	b.daemon, err = start(filepath.Join(dir, "bus.log"), daemon.libraries(), daemon.path, "--nofork", "--nopidfile", "--config-file="+config)
	if err != nil {
		return nil, err
	}
	if err := b.connect(ctx); err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

// connect waits for the socket, which is all that a starting dbus-daemon shows.
func (b *bus) connect(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := dbus.Connect(b.address)
		if err == nil {
			b.conn = conn
			return b.listen()
		}
		select {
		case <-tick.C:
		case <-b.daemon.done:
			return b.daemon.ended()
		case <-ctx.Done():
			return fmt.Errorf("connect to the bus: %w", err)
		}
	}
}

// listen subscribes to what until waits for.
func (b *bus) listen() error {
	for _, iface := range [...]string{"org.freedesktop.DBus", "org.freedesktop.DBus.Properties", "org.freedesktop.DBus.ObjectManager",
		"org.ofono.Manager", "org.ofono.Modem", "org.ofono.NetworkRegistration", "org.ofono.ConnectionManager"} {
		if err := b.conn.AddMatchSignal(dbus.WithMatchInterface(iface)); err != nil {
			return fmt.Errorf("listen on the bus: %w", err)
		}
	}
	return nil
}

func (b *bus) close() {
	if b.conn != nil {
		b.conn.Close()
	}
	b.daemon.stop()
}

// until looks again with every signal on the bus until it has been seen.
func (b *bus) until(ctx context.Context, look func() (seen bool, err error)) error {
	signals := make(chan *dbus.Signal, 256)
	b.conn.Signal(signals)
	defer b.conn.RemoveSignal(signals)
	for {
		if seen, err := look(); seen || err != nil {
			return err
		}
		select {
		case <-signals:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// untilOwned waits until a service is on the bus.
func (b *bus) untilOwned(ctx context.Context, name string) error {
	return b.until(ctx, func() (owned bool, err error) {
		err = b.conn.BusObject().CallWithContext(ctx, "org.freedesktop.DBus.NameHasOwner", 0, name).Store(&owned)
		return owned, err
	})
}

// properties reads all of an object's; GetAll of a standard interface.
func (b *bus) properties(ctx context.Context, service string, path dbus.ObjectPath, iface string) (map[string]dbus.Variant, error) {
	var all map[string]dbus.Variant
	err := b.conn.Object(service, path).CallWithContext(ctx, "org.freedesktop.DBus.Properties.GetAll", 0, iface).Store(&all)
	if err != nil {
		return nil, fmt.Errorf("read %s of %s: %w", iface, path, err)
	}
	return all, nil
}

// value gives a property, or the zero value when it is missing or of another type.
func value[T any](properties map[string]dbus.Variant, name string) T {
	v, _ := properties[name].Value().(T)
	return v
}

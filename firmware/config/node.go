package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"airlock/deployd/api"
	"airlock/drivers/gpio"
	"airlock/netd/windows"
)

// Where node.yaml stands on the appliance: the image brings one, and the data partition may hold
// another that takes its place.
const (
	NodeInstalled = "/etc/airlock/node.yaml"
	NodeOverride  = "/data/config/node.yaml"
)

// Auto in place of a port or an interface means: find it.
const Auto = "auto"

// Node is what the appliance is made of.
type Node struct {
	Modem   Modem
	Windows Windows
	State   State
	Sockets Sockets
}

// Modem says which module is the outer door, and how it reaches its network.
type Modem struct {
	Port      string // path of the AT port, or Auto
	Interface string // name of its network interface, or Auto
	APN       string // access point name; empty: the one known of the SIM's operator, else the network's default
	Type      string // of the data context: ip, ipv6, ipv4v6
	User      string
	Password  string
	Auth      string // any, none, pap, chap: how User and Password are proved
	AttachAPN string // of the LTE attachment, where it is another
	Operator  string // number of five or six digits; empty: the module chooses
	Slot      int    // of the SIM, from 1; 0: the one in use
	PIN       string // of the SIM; empty: none is sent
	Bearer    string // Auto, or interface, or ppp
	Power     Power
	USBReset  string // Auto, or Off: the module's USB device is never reset
}

// Off in place of Auto means: never.
const Off = "off"

// Power says by which line the board switches the module's power.
type Power struct {
	GPIO   string        // chip:line; empty: none
	Active string        // High or Low: the level at which the module has its power
	OffFor time.Duration // how long the power stays off
}

// Levels of a line.
const (
	High = "high"
	Low  = "low"
)

// State says where the daemons keep what must survive a power cut.
type State struct {
	Netd    string
	Deployd string
}

// Sockets says where the daemons listen, and which group may ask them.
type Sockets struct {
	Netd    string
	Deployd string
	Group   string // name of a group; empty: the daemon's own
}

// Default is the node that the reference file describes.
func Default() Node {
	return Node{
		Windows: Windows{Outer: DoorWindows{Longest: longest}, Inner: DoorWindows{Longest: longest}},
		Modem: Modem{Port: Auto, Interface: Auto, Type: "ip", Auth: "any", Bearer: Auto, USBReset: Auto,
			Power: Power{Active: High, OffFor: 5 * time.Second}},
		State:   State{Netd: "/data/netd", Deployd: "/data/deployd"},
		Sockets: Sockets{Netd: windows.SocketPath, Deployd: api.SocketPath, Group: "airlock"},
	}
}

type rawNode struct {
	Modem struct {
		Port      string `yaml:"port"`
		Interface string `yaml:"interface"`
		APN       string `yaml:"apn"`
		Type      string `yaml:"type"`
		User      string `yaml:"user"`
		Password  string `yaml:"password"`
		Auth      string `yaml:"auth"`
		AttachAPN string `yaml:"attach_apn"`
		Operator  string `yaml:"operator"`
		Slot      int    `yaml:"slot"`
		PIN       string `yaml:"pin"`
		Bearer    string `yaml:"bearer"`
		USBReset  string `yaml:"usb_reset"`
		Power     struct {
			GPIO   string `yaml:"gpio"`
			Active string `yaml:"active"`
			OffFor string `yaml:"off_for"`
		} `yaml:"power"`
	} `yaml:"modem"`
	Windows rawWindows `yaml:"windows"`
	State   struct {
		Netd    string `yaml:"netd"`
		Deployd string `yaml:"deployd"`
	} `yaml:"state"`
	Sockets struct {
		Netd    string `yaml:"netd"`
		Deployd string `yaml:"deployd"`
		Group   string `yaml:"group"`
	} `yaml:"sockets"`
}

// ParseNode reads a node.yaml. A key that is absent keeps its default. The error is a *FileError.
func ParseNode(file string, data []byte) (Node, error) {
	var raw rawNode
	d, ok := decode(file, data, &raw)
	if !ok {
		return Node{}, d.err()
	}
	n := Default()
	take(&n.Modem.Port, raw.Modem.Port)
	take(&n.Modem.Interface, raw.Modem.Interface)
	take(&n.Modem.APN, raw.Modem.APN)
	n.Windows = d.windows(raw.Windows)
	take(&n.Modem.Type, raw.Modem.Type)
	take(&n.Modem.User, raw.Modem.User)
	take(&n.Modem.Password, raw.Modem.Password)
	take(&n.Modem.Auth, raw.Modem.Auth)
	take(&n.Modem.AttachAPN, raw.Modem.AttachAPN)
	take(&n.Modem.Operator, raw.Modem.Operator)
	take(&n.Modem.PIN, raw.Modem.PIN)
	take(&n.Modem.Bearer, raw.Modem.Bearer)
	n.Modem.Slot = raw.Modem.Slot
	take(&n.Modem.USBReset, raw.Modem.USBReset)
	take(&n.Modem.Power.GPIO, raw.Modem.Power.GPIO)
	take(&n.Modem.Power.Active, raw.Modem.Power.Active)
	d.takeDuration("modem.power.off_for", &n.Modem.Power.OffFor, raw.Modem.Power.OffFor)
	take(&n.State.Netd, raw.State.Netd)
	take(&n.State.Deployd, raw.State.Deployd)
	take(&n.Sockets.Netd, raw.Sockets.Netd)
	take(&n.Sockets.Deployd, raw.Sockets.Deployd)
	take(&n.Sockets.Group, raw.Sockets.Group)
	d.judgeNode(n)
	return n, d.err()
}

func take(field *string, given string) {
	if given != "" {
		*field = given
	}
}

func (d *document) judgeNode(n Node) {
	d.judgeModem(n.Modem)
	if n.Modem.Port != Auto {
		d.wantAbsolute("modem.port", n.Modem.Port, " or the word auto")
	}
	if strings.ContainsAny(n.Modem.Interface, "/ \t") || len(n.Modem.Interface) > 15 {
		d.wrong("modem.interface", "is %q; expected a name of at most 15 characters as `ip link` prints it, or the word auto", n.Modem.Interface)
	}
	d.judgePower(n.Modem)
	d.wantAbsolute("state.netd", n.State.Netd, "")
	d.wantAbsolute("state.deployd", n.State.Deployd, "")
	if n.State.Netd == n.State.Deployd {
		d.wrong("state.deployd", "is the folder of netd; expected one of its own: the two do not trust each other")
	}
	d.wantAbsolute("sockets.netd", n.Sockets.Netd, "")
	d.wantAbsolute("sockets.deployd", n.Sockets.Deployd, "")
}

// Bounds of modem.power.off_for: a supply has to run dry, and the ladder's rung has half a minute.
const (
	offForLeast = 100 * time.Millisecond
	offForMost  = 20 * time.Second
)

func (d *document) judgePower(m Modem) {
	if _, err := gpio.ParsePlace(m.Power.GPIO); m.Power.GPIO != "" && err != nil {
		d.wrong("modem.power.gpio", "is %q; expected chip:line, such as gpiochip0:17, or nothing", cut(m.Power.GPIO, 40))
	}
	if m.Power.Active != High && m.Power.Active != Low {
		d.wrong("modem.power.active", "is %q; expected high or low: the level at which the modem has its power", cut(m.Power.Active, 40))
	}
	if m.Power.OffFor < offForLeast || m.Power.OffFor > offForMost {
		d.wrong("modem.power.off_for", "is %s; expected %s to %s", m.Power.OffFor, offForLeast, offForMost)
	}
	if m.USBReset != Auto && m.USBReset != Off {
		d.wrong("modem.usb_reset", "is %q; expected auto or off", cut(m.USBReset, 40))
	}
}

// takeDuration reads a time such as 5s.
func (d *document) takeDuration(path string, field *time.Duration, given string) {
	if given == "" {
		return
	}
	read, err := time.ParseDuration(given)
	if err != nil {
		d.wrong(path, "is %q; expected a time with its unit, such as 5s or 1500ms", cut(given, 40))
		return
	}
	*field = read
}

func (d *document) wantAbsolute(path, value, or string) {
	if !filepath.IsAbs(value) {
		d.wrong(path, "is %q; expected an absolute path%s", cut(value, 40), or)
	}
}

// LoadNode reads the node.yaml at path.
func LoadNode(path string) (Node, error) {
	data, err := readFile(path)
	if err != nil {
		return Node{}, err
	}
	return ParseNode(path, data)
}

// FindNode reads the first usable of the given files, usually NodeOverride and NodeInstalled. It
// always has an answer, Default at the least, since a node that refuses to start cannot be
// mended from its console; passed says which file was passed over and why, nil when none was. A
// file that this process may not see, such as /data for the console, counts as absent.
func FindNode(files ...string) (node Node, from string, passed error) {
	for _, file := range files {
		n, err := LoadNode(file)
		switch {
		case err == nil:
			return n, file, passed
		case !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission):
			passed = errors.Join(passed, fmt.Errorf("passed over %s: %w", file, err))
		}
	}
	return Default(), "built-in defaults", passed
}

// Choose reads the node.yaml at path, or finds one where path is empty. notice is a sentence about a
// file that was passed over; a path that was given is never passed over.
func Choose(path string) (node Node, notice string, err error) {
	if path != "" {
		node, err = LoadNode(path)
		return node, "", err
	}
	node, _, passed := FindNode(NodeOverride, NodeInstalled)
	if passed != nil {
		notice = passed.Error()
	}
	return node, notice, nil
}

// readFile reads one file whole, and no more than MaxSize and a byte of it.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err // names the path already
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, MaxSize+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return data, nil
}

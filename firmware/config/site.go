package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/crypto/ssh"

	"airlock/deployd/api"
	"airlock/netd/windows"
)

// sshPort is taken for a target that names no port.
const sshPort = 22

// maxTargets bounds a site; a node deploys to all of them in one window.
const maxTargets = 256

type rawSite struct {
	LAN struct {
		Interface string `yaml:"interface"`
		Address   string `yaml:"address"`
		Gateway   string `yaml:"gateway"`
	} `yaml:"lan"`
	Targets []rawTarget `yaml:"targets"`
}

type rawTarget struct {
	Name    string `yaml:"name"`
	Address string `yaml:"address"`
	Port    *int   `yaml:"port"`
	User    string `yaml:"user"`
	HostKey string `yaml:"host_key"`
	Ports   []int  `yaml:"ports"`
}

// Site is one site.yaml, split into what each daemon must know of it.
type Site struct {
	Doors   windows.Site // for netd: the LAN, and what an inner window may reach
	Courier api.Site     // for deployd: the targets
}

// ParseSite reads a site.yaml; the file is named in errors only. The error is a *FileError that
// lists everything wrong at once.
func ParseSite(file string, data []byte) (Site, error) {
	var raw rawSite
	d, ok := decode(file, data, &raw)
	if !ok {
		return Site{}, d.err()
	}
	lan := d.judgeLAN(raw)
	site := Site{Doors: windows.Site{Interface: raw.LAN.Interface, Address: raw.LAN.Address, Gateway: raw.LAN.Gateway}}
	if len(raw.Targets) == 0 {
		d.wrong("targets", "missing; expected at least one server to deploy to, with name, address, user and host_key")
	}
	if len(raw.Targets) > maxTargets {
		d.wrong("targets", "lists %d servers; expected at most %d", len(raw.Targets), maxTargets)
		return Site{}, d.err()
	}
	for i, t := range raw.Targets {
		target := d.judgeTarget(fmt.Sprintf("targets[%d]", i), t, lan)
		d.judgeUnique(i, target, site.Courier.Targets)
		site.Courier.Targets = append(site.Courier.Targets, target)
		for _, port := range append([]int{target.Port}, t.Ports...) {
			site.Doors.Allow = append(site.Doors.Allow, net.JoinHostPort(target.Address, strconv.Itoa(port)))
		}
	}
	slices.Sort(site.Doors.Allow)
	site.Doors.Allow = slices.Compact(site.Doors.Allow)
	if err := d.err(); err != nil {
		return Site{}, err
	}
	return site, nil
}

// LoadSite reads the site.yaml at path.
func LoadSite(path string) (Site, error) {
	data, err := readFile(path)
	if err != nil {
		return Site{}, err
	}
	return ParseSite(path, data)
}

// network is the LAN as far as it could be read; the zero value judges nothing.
type network struct {
	own     netip.Prefix
	gateway netip.Addr
}

func (d *document) judgeLAN(raw rawSite) network {
	var lan network
	own, err := netip.ParsePrefix(raw.LAN.Address)
	switch {
	case raw.LAN.Address == "":
		d.wrong("lan.address", "missing; expected the node's own address with the length of its network, such as 10.90.0.2/24")
		return lan
	case err != nil:
		d.wrong("lan.address", "is %q; expected an address with the length of its network, such as 10.90.0.2/24", cut(raw.LAN.Address, 40))
		return lan
	case unusable(own.Addr()) || own.Bits() == 0:
		d.wrong("lan.address", "is %s; expected the address of a host", own)
	case own.Addr().Is4() && own.Bits() < 31 && (own.Addr() == own.Masked().Addr() || own.Addr() == lastOf(own)):
		d.wrong("lan.address", "is %s, which names the whole network; expected the address of a host in it", own)
	}
	lan.own = own
	lan.gateway = d.judgeGateway(raw.LAN.Gateway, own)
	if strings.ContainsFunc(raw.LAN.Interface, func(r rune) bool { return r <= ' ' || r > '~' }) {
		d.wrong("lan.interface", "is %q; expected a path as `airlock status` lists them, such as pci-0000:00:03.0", cut(raw.LAN.Interface, 40))
	}
	return lan
}

func (d *document) judgeGateway(text string, own netip.Prefix) netip.Addr {
	if text == "" {
		return netip.Addr{}
	}
	gateway, err := netip.ParseAddr(text)
	switch {
	case err != nil || unusable(gateway):
		d.wrong("lan.gateway", "is %q; expected the address of a router, such as %s, or nothing", cut(text, 40), own.Masked().Addr().Next())
		return netip.Addr{}
	case gateway == own.Addr():
		d.wrong("lan.gateway", "is the node's own address; expected that of a router")
	case !own.Contains(gateway):
		d.wrong("lan.gateway", "is %s, which is outside of %s; expected a router on the LAN", gateway, own.Masked())
	}
	return gateway
}

func (d *document) judgeTarget(path string, t rawTarget, lan network) api.Target {
	port := sshPort
	if t.Port != nil {
		port = *t.Port
	}
	if !validName(t.Name) {
		d.wrong(path+".name", "is %q; expected 1 to 63 letters, digits, dots, dashes and underscores", cut(t.Name, 40))
	}
	if !validName(t.User) {
		d.wrong(path+".user", "is %q; expected the name of the user who takes deployments on the server", cut(t.User, 40))
	}
	d.judgePort(path+".port", port)
	for i, extra := range t.Ports {
		d.judgePort(fmt.Sprintf("%s.ports[%d]", path, i), extra)
	}
	if err := checkHostKey(t.HostKey); err != nil {
		d.wrong(path+".host_key", "%v; expected a line such as ssh-ed25519 AAAA..., as `ssh-keyscan` prints it without the host", err)
	}
	return api.Target{
		Name: t.Name, Address: d.judgeAddress(path+".address", t.Address, lan),
		Port: port, User: t.User, HostKey: t.HostKey,
	}
}

// judgeAddress returns the address in its one normal form, so that it equals what netd allows.
func (d *document) judgeAddress(path, text string, lan network) string {
	addr, err := netip.ParseAddr(text)
	switch {
	case err != nil || unusable(addr):
		d.wrong(path, "is %q; expected the IP address of a server, not a name: the node asks no name server", cut(text, 60))
		return text
	case !lan.own.IsValid():
	case addr == lan.own.Addr():
		d.wrong(path, "is the node's own address; expected that of a server")
	case !lan.own.Contains(addr) && !lan.gateway.IsValid():
		d.wrong(path, "is %s, which is outside of the LAN %s; expected one inside, or lan.gateway", addr, lan.own.Masked())
	}
	return addr.String()
}

func (d *document) judgePort(path string, port int) {
	if port < 1 || port > 65535 {
		d.wrong(path, "is %d; expected a TCP port from 1 to 65535", port)
	}
}

func (d *document) judgeUnique(i int, t api.Target, before []api.Target) {
	for j, other := range before {
		if t.Name == other.Name && t.Name != "" {
			d.wrong(fmt.Sprintf("targets[%d].name", i), "is %q as for targets[%d]; expected a name of its own", t.Name, j)
		}
		if t.Address == other.Address && t.Port == other.Port && t.Address != "" {
			d.wrong(fmt.Sprintf("targets[%d].address", i), "and port are those of targets[%d]; expected another server", j)
		}
	}
}

// checkHostKey takes one line of authorized_keys form: a type and a key, and perhaps a comment.
func checkHostKey(line string) error {
	if line == "" {
		return errors.New("missing")
	}
	key, _, options, rest, err := ssh.ParseAuthorizedKey([]byte(line))
	switch {
	case err != nil:
		return fmt.Errorf("is %q, which is no public key", cut(line, 30))
	case len(options) > 0:
		return fmt.Errorf("begins with %q", cut(strings.Join(options, ","), 30))
	case len(rest) > 0:
		return errors.New("holds more than one line")
	case strings.Contains(key.Type(), "-cert-"):
		return fmt.Errorf("is a certificate (%s)", key.Type())
	}
	return nil
}

func validName(s string) bool {
	return s != "" && len(s) <= 63 && s[0] != '-' && s[0] != '.' &&
		!strings.ContainsFunc(s, func(r rune) bool { return notAPN(r) })
}

// unusable addresses can be nobody's on a LAN that we dial.
func unusable(a netip.Addr) bool {
	return !a.IsValid() || a.IsUnspecified() || a.IsLoopback() || a.IsMulticast() || a.Is4In6() || a.Zone() != "" ||
		a == netip.AddrFrom4([4]byte{255, 255, 255, 255})
}

// lastOf is the broadcast address of an IPv4 network.
func lastOf(p netip.Prefix) netip.Addr {
	b := p.Masked().Addr().As4()
	for bit := p.Bits(); bit < 32; bit++ {
		b[bit/8] |= 1 << (7 - bit%8)
	}
	return netip.AddrFrom4(b)
}

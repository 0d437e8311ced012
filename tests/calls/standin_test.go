package calls

import (
	"bytes"
	"crypto/md5"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"airlock/tests/modemsim/ppp/ppptest"
)

// standIn takes the place of pppd on a kernel without PPP: it takes pppd's options and terminal, speaks PPP, and
// makes a tun device where pppd makes a ppp one. Its interface comes up by the same steps in the same order: there before
// the first packet of LCP, addressed and up when IPCP has ended. It exits with pppd's codes.
type standIn struct {
	tty     *os.File
	options map[string]string
	tun     *os.File
	mu      sync.Mutex // guards writes to tty, and up
	up      bool

	id    byte
	lcp   layer
	ipcp  layer
	ip6cp layer
	auth  uint16 // protocol by which the peer wants to know who we are; 0: none
	known bool
	term  bool
}

// layer is one protocol's agreement.
type layer struct{ ours, theirs bool }

func (l layer) done() bool { return l.ours && l.theirs }

// Users that make a stand-in misbehave.
const (
	stubborn = "stubborn" // ignores SIGTERM
	silent   = "silent"   // takes the terminal and says nothing
	fragile  = "fragile"  // dies once it knows its address
)

// main is the program.
func main() (code int) {
	s := &standIn{options: map[string]string{}}
	if err := s.start(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	return s.run()
}

func (s *standIn) start() error {
	lines, err := os.ReadFile(os.Args[3])
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(lines)) {
		option, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		s.options[option] = strings.NewReplacer(`\\`, `\`, `\"`, `"`).Replace(strings.TrimSuffix(strings.TrimPrefix(value, `"`), `"`))
	}
	for _, needed := range []string{"nodetach", "noauth", "nodefaultroute", "noccp", "user", "password", "logfd"} {
		if _, ok := s.options[needed]; !ok {
			return fmt.Errorf("option %s is missing", needed)
		}
	}
	if s.tty, err = os.OpenFile(os.Args[1], os.O_RDWR|unix.O_NOCTTY, 0); err != nil {
		return err
	}
	if s.tun, err = makeTun(s.options["ifname"]); err != nil {
		return err
	}
	link, err := netlink.LinkByName(s.options["ifname"])
	if err != nil {
		return err
	}
	return netlink.LinkSetIP6AddrGenMode(link, 1) // no interface of PPP has a link-local address by itself
}

func makeTun(name string) (*os.File, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	request, err := unix.NewIfreq(name)
	if err != nil {
		return nil, err
	}
	request.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, request); err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), name), nil
}

func (s *standIn) run() (code int) {
	fmt.Fprintln(os.Stderr, "Using interface "+s.options["ifname"])
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM)
	frames := make(chan []byte, 64)
	go s.read(frames)
	again := time.NewTicker(300 * time.Millisecond)
	give := time.After(10 * time.Second)
	s.ask()
	for {
		select {
		case f, ok := <-frames:
			if !ok {
				return 16
			}
			if code, end := s.frame(f); end {
				return code
			}
		case <-again.C:
			if s.term {
				return 5
			}
			s.ask()
		case <-give:
			if !s.lcp.done() {
				return 10
			}
		case <-signals:
			if s.options["user"] != stubborn {
				s.term = true
				s.send(0xc021, 5, []byte("User request"))
			}
		}
	}
}

// read parts what comes into frames.
func (s *standIn) read(frames chan<- []byte) {
	defer close(frames)
	var part []byte
	buf := make([]byte, 2048)
	for {
		n, err := s.tty.Read(buf)
		for _, b := range buf[:n] {
			if b != 0x7e {
				part = append(part, b)
				continue
			}
			if f := unmask(part); len(f) > 6 {
				frames <- f
			}
			part = nil
		}
		if err != nil {
			return
		}
	}
}

func unmask(b []byte) (out []byte) {
	for i := 0; i < len(b); i++ {
		if b[i] == 0x7d && i+1 < len(b) {
			i++
			out = append(out, b[i]^0x20)
			continue
		}
		out = append(out, b[i])
	}
	return out
}

// ask sends what has no answer yet.
func (s *standIn) ask() {
	switch {
	case s.options["user"] == silent:
	case !s.lcp.ours:
		s.send(0xc021, 1, []byte{2, 6, 0, 0, 0, 0})
	case s.lcp.done() && (s.auth == 0 || s.known):
		if !s.ipcp.ours && !s.off("noip") {
			s.send(0x8021, 1, granted)
		}
		if !s.ip6cp.ours && !s.off("noipv6") {
			s.send(0x8057, 1, identifier)
		}
	case s.lcp.done() && s.auth == 0xc023 && !s.known:
		u, p := s.options["user"], s.options["password"]
		s.send(0xc023, 1, []byte(string(rune(len(u)))+u+string(rune(len(p)))+p))
	}
}

// address and servers are what IPCP has suggested.
var granted = []byte{3, 6, 0, 0, 0, 0, 129, 6, 0, 0, 0, 0, 131, 6, 0, 0, 0, 0}

// identifier is what IPv6CP has suggested.
var identifier = []byte{1, 10, 0, 0, 0, 0, 0, 0, 0, 1}

func (s *standIn) off(option string) bool { _, off := s.options[option]; return off }

func (s *standIn) send(proto uint16, code byte, data []byte) {
	s.id++
	s.answer(proto, code, s.id, data)
}

func (s *standIn) answer(proto uint16, code, id byte, data []byte) {
	n := 4 + len(data)
	s.write(ppptest.Raw(proto, append([]byte{code, id, byte(n >> 8), byte(n)}, data...)))
}

func (s *standIn) write(b []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, _ = s.tty.Write(b)
}

// frame handles one frame; end says that the program ends with code.
func (s *standIn) frame(f []byte) (code int, end bool) {
	sum := ppptest.FCS(f[:len(f)-2])
	if byte(sum) != f[len(f)-2] || byte(sum>>8) != f[len(f)-1] || f[0] != 0xff {
		return 0, false
	}
	proto, body := binary.BigEndian.Uint16(f[2:]), f[4:len(f)-2]
	switch {
	case proto == 0x21 || proto == 0x57:
		_, _ = s.tun.Write(body)
	case len(body) < 4:
	case proto == 0xc021 && body[0] == 5:
		s.answer(proto, 6, body[1], nil)
		return 16, true
	case proto == 0xc021 && body[0] == 6 && s.term:
		return 5, true
	case proto == 0xc021:
		s.control(&s.lcp, proto, body)
	case proto == 0xc023 || proto == 0xc223:
		return s.who(proto, body)
	case proto == 0x8021 || proto == 0x8057:
		l := map[uint16]*layer{0x8021: &s.ipcp, 0x8057: &s.ip6cp}[proto]
		was := l.done()
		s.control(l, proto, body)
		if l.done() && !was {
			if err := s.raise(proto == 0x8057); err != nil {
				fmt.Fprintln(os.Stderr, err)
				return 1, true
			}
			if s.options["user"] == fragile {
				return 1, true
			}
		}
	}
	return 0, false
}

// control is one packet of LCP or IPCP.
func (s *standIn) control(l *layer, proto uint16, body []byte) {
	code, id, data := body[0], body[1], body[4:]
	switch code {
	case 1:
		if o := ppptest.Option(data, 3); proto == 0xc021 && len(o) >= 2 {
			s.auth = binary.BigEndian.Uint16(o)
		}
		s.answer(proto, 2, id, data)
		l.theirs = true
	case 2:
		l.ours = true
	case 3:
		if better := ppptest.Option(data, 1); proto == 0x8057 && len(better) == 8 {
			copy(identifier[2:], better)
		}
		if proto == 0x8021 {
			for _, kind := range []byte{3, 129, 131} {
				if better := ppptest.Option(data, kind); len(better) == 4 {
					copy(ppptest.Option(granted, kind), better)
				}
			}
		}
	}
	if code <= 3 {
		s.ask()
	}
}

// who answers the question who we are.
func (s *standIn) who(proto uint16, body []byte) (code int, end bool) {
	switch {
	case proto == 0xc223 && body[0] == 1:
		challenge := body[5 : 5+int(body[4])]
		sum := md5.Sum(bytes.Join([][]byte{{body[1]}, []byte(s.options["password"]), challenge}, nil))
		s.answer(proto, 2, body[1], append(append([]byte{16}, sum[:]...), s.options["user"]...))
	case proto == 0xc223 && body[0] == 4, proto == 0xc023 && body[0] == 3:
		fmt.Fprintln(os.Stderr, "authentication failed")
		return 19, true
	case proto == 0xc223 && body[0] == 3, proto == 0xc023 && body[0] == 2:
		s.known = true
		s.ask()
	}
	return 0, false
}

func (s *standIn) isUp() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.up
}

// raise gives the interface its address and takes it up. As pppd it is up before its link-local address is set.
func (s *standIn) raise(ipv6 bool) error {
	link, err := netlink.LinkByName(s.options["ifname"])
	if err != nil {
		return err
	}
	ip, _ := netip.AddrFromSlice(ppptest.Option(granted, 3))
	own := &net.IPNet{IP: ip.AsSlice(), Mask: net.CIDRMask(32, 32)}
	if ipv6 {
		own = &net.IPNet{IP: append([]byte{0xfe, 0x80, 0, 0, 0, 0, 0, 0}, identifier[2:]...), Mask: net.CIDRMask(64, 128)}
		err = errors.Join(netlink.LinkSetUp(link), netlink.AddrAdd(link, &netlink.Addr{IPNet: own}))
	} else {
		err = errors.Join(netlink.AddrAdd(link, &netlink.Addr{IPNet: own}), netlink.LinkSetUp(link))
	}
	if err != nil || s.isUp() {
		return err
	}
	s.mu.Lock()
	s.up = true
	s.mu.Unlock()
	go func() { // ends with the program
		buf := make([]byte, 2048)
		for {
			n, err := s.tun.Read(buf)
			if err != nil && !errors.Is(err, io.EOF) {
				return
			}
			if n > 0 {
				s.write(ppptest.Raw(map[byte]uint16{4: 0x21, 6: 0x57}[buf[0]>>4], buf[:n]))
			}
		}
	}()
	return nil
}

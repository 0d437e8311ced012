package serial

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
)

// tty is one entry of a fake sysfs.
type tty struct {
	name, port         string // ttyUSB0 at USB port "1-1"
	vid, pid, ifc, cls string // class as "ff/01/02"
	driver             string
}

func fakeSys(t *testing.T, ttys ...tty) string {
	t.Helper()
	root := t.TempDir()
	write := func(dir string, files map[string]string) {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		for name, value := range files {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(value+"\n"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	link := func(target, name string) {
		if err := os.Symlink(target, name); err != nil && !os.IsExist(err) {
			t.Fatal(err)
		}
	}
	class := filepath.Join(root, "class", "tty")
	write(filepath.Join(class, "ttyS0"), nil)
	for _, y := range ttys {
		pci := filepath.Join(root, "devices", "pci0000:00", "0000:00:04.0")
		usb := filepath.Join(pci, "usb1", y.port)
		ifc := filepath.Join(usb, y.port+":1."+strings.TrimPrefix(y.ifc, "0"))
		cls := append(strings.Split(y.cls, "/"), "", "", "")
		write(usb, map[string]string{"idVendor": y.vid, "idProduct": y.pid})
		write(ifc, map[string]string{"bInterfaceNumber": y.ifc, "bInterfaceClass": cls[0], "bInterfaceSubClass": cls[1], "bInterfaceProtocol": cls[2]})
		device := filepath.Join(ifc, y.name)
		write(device, map[string]string{"port_number": "0"})
		write(filepath.Join(class, y.name), nil)
		link("/bus/pci", filepath.Join(pci, "subsystem"))
		link("/bus/usb", filepath.Join(usb, "subsystem"))
		link("/bus/usb", filepath.Join(ifc, "subsystem"))
		link("/bus/usb-serial", filepath.Join(device, "subsystem"))
		link("/drivers/"+y.driver, filepath.Join(device, "driver"))
		link(device, filepath.Join(class, y.name, "device"))
	}
	return root
}

func ec25(name, ifc string) tty {
	return tty{name: name, port: "1-2", vid: "2c7c", pid: "0125", ifc: ifc, driver: "option1"}
}

var ftdi = tty{name: "ttyUSB0", port: "1-1", vid: "0403", pid: "6001", ifc: "00", driver: "ftdi_sio"}

func TestCandidates(t *testing.T) {
	sys := fakeSys(t, ftdi, ec25("ttyUSB1", "00"), ec25("ttyUSB2", "01"), ec25("ttyUSB3", "02"), ec25("ttyUSB4", "03"),
		tty{name: "ttyUSB5", port: "1-3", vid: "12d1", pid: "15c1", ifc: "04", cls: "ff/02/02", driver: "option1"},
		tty{name: "ttyUSB6", port: "1-3", vid: "12d1", pid: "15c1", ifc: "05", cls: "ff/01/05", driver: "option1"})
	got, err := Candidates(sys)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range got {
		names = append(names, c.Name)
	}
	// Known AT ports first, then the second one, then strangers; diagnostics and GPS never.
	if want := "ttyUSB3 ttyUSB5 ttyUSB4 ttyUSB0"; strings.Join(names, " ") != want {
		t.Fatalf("Candidates = %v, want %s", names, want)
	}
	if c := got[3]; c.Path != "pci-0000:00:04.0-usb-0:1:1.0-port0" || c.Driver != "ftdi_sio" || c.Known ||
		c.USB.Device != "pci-0000:00:04.0-usb-0:1" {
		t.Errorf("Candidates[3] = %+v", c)
	}
}

func TestRolesFile(t *testing.T) {
	table, err := parseRoles(rolesText)
	if err != nil {
		t.Fatal(err)
	}
	if len(table) < 80 || table["2c7c:0125"]["02"] != RoleAT || table["1e0e:9011"]["05"] != RolePPP {
		t.Errorf("roles.txt: %d products, EC25 interface 2 is %q, A76xx interface 5 is %q", len(table),
			table["2c7c:0125"]["02"], table["1e0e:9011"]["05"])
	}
	for _, bad := range []string{"2c7c:0125 02", "2c7c:0125 02=att", "2c7c:0125 =at"} {
		if _, err := parseRoles(bad); err == nil {
			t.Errorf("parseRoles(%q) = nil error", bad)
		}
	}
}

// answer plays an AT port that knows the probe, or stays silent.
func answer(t *testing.T, speaks bool) io.ReadWriteCloser {
	master, slave := openPTY(t)
	go func() {
		buf := make([]byte, 256)
		for {
			n, err := master.Read(buf)
			if err != nil {
				return
			}
			line, ok := strings.CutPrefix(strings.TrimSpace(string(buf[:n])), "AT")
			if !speaks || !ok {
				continue
			}
			for range strings.Count(line, "+CMEE?") {
				io.WriteString(master, "\r\n+CMEE: 0\r\n")
			}
			io.WriteString(master, "\r\nOK\r\n")
		}
	}()
	port, err := Open(slave)
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func openPTY(t *testing.T) (master *os.File, slave string) {
	t.Helper()
	master, tty, err := pty.Open()
	if err != nil {
		t.Skipf("skipped: no pseudo terminal here: %v", err)
	}
	t.Cleanup(func() { master.Close(); tty.Close() })
	return master, tty.Name()
}

func TestFind(t *testing.T) {
	sys := fakeSys(t, ftdi, ec25("ttyUSB3", "02"), ec25("ttyUSB4", "03"))
	for _, tc := range []struct {
		name   string
		path   string
		speaks string // the port that answers
		want   string
		err    error
	}{
		{"the listed port", "", "ttyUSB3", "ttyUSB3", nil},
		{"the second one when the first is silent", "", "ttyUSB4", "ttyUSB4", nil},
		{"a stranger, by asking", "", "ttyUSB0", "ttyUSB0", nil},
		{"only within the path", "pci-0000:00:04.0-usb-0:1", "ttyUSB0", "ttyUSB0", nil},
		{"not outside the path", "pci-0000:00:04.0-usb-0:1", "ttyUSB3", "", ErrSilent},
		{"nothing at the path", "pci-0000:00:04.0-usb-0:9", "ttyUSB3", "", ErrNone},
		{"all silent", "", "none", "", ErrSilent},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			found, err := Finder{Path: tc.path, Sys: sys, Patience: 150 * time.Millisecond,
				Open: func(device string) (io.ReadWriteCloser, error) {
					return answer(t, filepath.Base(device) == tc.speaks), nil
				}}.Find(t.Context())
			if !errors.Is(err, tc.err) {
				t.Fatalf("Find = %v, want %v", err, tc.err)
			}
			if err != nil {
				return
			}
			defer found.Close()
			if found.Name != tc.want {
				t.Errorf("Find = %s, want %s", found.Name, tc.want)
			}
		})
	}
}

func TestFindNothing(t *testing.T) {
	if _, err := (Finder{Sys: fakeSys(t)}).Find(t.Context()); !errors.Is(err, ErrNone) {
		t.Errorf("Find without ports = %v, want ErrNone", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	f := Finder{Sys: fakeSys(t, ftdi), Open: func(string) (io.ReadWriteCloser, error) { return answer(t, false), nil }}
	if _, err := f.Find(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Find with a cancelled context = %v", err)
	}
}

// TestCloseNeverBlocks: a reader waits, and a writer has filled a tty that nobody reads.
func TestCloseNeverBlocks(t *testing.T) {
	_, slave := openPTY(t)
	port, err := Open(slave)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 2)
	go func() { _, err := port.Read(make([]byte, 16)); ended <- err }()
	go func() {
		for {
			if _, err := port.Write(make([]byte, 512)); err != nil {
				ended <- err
				return
			}
		}
	}()
	time.Sleep(300 * time.Millisecond) // until the writer stands still
	began := time.Now()
	if err := port.Close(); err != nil {
		t.Error(err)
	}
	for range 2 {
		select {
		case err := <-ended:
			if err == nil {
				t.Error("Read or Write went on after Close")
			}
		case <-time.After(2 * time.Second):
			t.Fatal("Read or Write still blocks after Close")
		}
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("Close took %s", took)
	}
}

func TestOpenWhatIsNoTTY(t *testing.T) {
	file := filepath.Join(t.TempDir(), "plain")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, device := range []string{file, file + "-absent"} {
		if port, err := Open(device); err == nil {
			port.Close()
			t.Errorf("Open(%s) = nil error", device)
		}
	}
}

// TestSecond: a call goes over the port that is meant for it, else over the second one for commands; never over a port of
// another device, nor over one that no table knows.
func TestSecond(t *testing.T) {
	a76 := func(name, ifc string) tty {
		return tty{name: name, port: "1-3", vid: "1e0e", pid: "9011", ifc: ifc, driver: "option1"}
	}
	for _, tc := range []struct {
		name   string
		ttys   []tty
		speaks string
		want   string
		err    error
	}{
		{"the one for PPP", []tty{a76("ttyUSB1", "04"), a76("ttyUSB2", "05"), ftdi}, "ttyUSB2", "ttyUSB2", nil},
		{"the second for commands", []tty{ec25("ttyUSB3", "02"), ec25("ttyUSB4", "03")}, "ttyUSB4", "ttyUSB4", nil},
		{"it is silent", []tty{a76("ttyUSB1", "04"), a76("ttyUSB2", "05")}, "none", "", ErrSilent},
		{"there is none", []tty{ec25("ttyUSB3", "02"), ftdi, a76("ttyUSB1", "04")}, "ttyUSB0", "", ErrNone},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			f := Finder{Sys: fakeSys(t, tc.ttys...), Patience: 150 * time.Millisecond, Open: func(device string) (io.ReadWriteCloser, error) {
				return answer(t, filepath.Base(device) == tc.speaks), nil
			}}
			all, err := Candidates(f.Sys)
			if err != nil {
				t.Fatal(err)
			}
			second, err := f.Second(t.Context(), all[0])
			if !errors.Is(err, tc.err) {
				t.Fatalf("Second beside %s = %v, want %v", all[0], err, tc.err)
			}
			if err != nil {
				return
			}
			defer second.Close()
			if second.Name != tc.want {
				t.Errorf("Second beside %s = %s, want %s", all[0], second.Name, tc.want)
			}
		})
	}
}

// TestNoDTR: a pseudo terminal has none, and says so at once.
func TestNoDTR(t *testing.T) {
	_, slave := openPTY(t)
	port, err := Open(slave)
	if err != nil {
		t.Fatal(err)
	}
	defer port.Close()
	began := time.Now()
	if err := port.DropDTR(t.Context()); err == nil || time.Since(began) > dropTime {
		t.Errorf("DropDTR of a pseudo terminal = %v after %s, want an error at once", err, time.Since(began))
	}
}

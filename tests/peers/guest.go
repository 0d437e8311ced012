package peers

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// Guest is a small machine with Debian's kernel and pppd, and one serial line to us: pppd needs a kernel with PPP, which
// machines of CI lack. It is steered over its console, a line a call.
type Guest struct {
	Line    net.Conn // the guest's serial line
	Version string   // of pppd

	dir     string
	qemu    *process
	console net.Conn
	said    *bufio.Reader
}

// StartGuest boots it, with its files in dir.
func StartGuest(ctx context.Context, dir string) (*Guest, error) {
	if runtime.GOARCH != "amd64" {
		return nil, fmt.Errorf("the guest is for amd64 alone: %w", ErrMissing)
	}
	kernel, err := guestFiles(dir)
	if err != nil {
		return nil, err
	}
	qemu, err := find("qemu-system-x86_64")
	if err != nil {
		return nil, err
	}
	pppd, err := find("pppd")
	if err != nil {
		return nil, err
	}
	g := &Guest{dir: dir, Version: pppd.version()}
	listen := func(name string) (net.Listener, error) { return net.Listen("unix", filepath.Join(dir, name)) }
	line, lineErr := listen("line")
	console, consoleErr := listen("console")
	if err := errors.Join(lineErr, consoleErr); err != nil {
		return nil, fmt.Errorf("make the guest's lines: %w", err)
	}
	defer line.Close()
	defer console.Close()
	g.qemu, err = start(g.Log(), nil, qemu.path, "-m", "256", "-display", "none", "-no-reboot", "-nodefaults", "-kernel", kernel,
		"-initrd", filepath.Join(dir, "initrd"), "-append", "console=ttyS0 quiet panic=-1 8250.nr_uarts=4",
		"-chardev", "socket,id=c,path="+filepath.Join(dir, "console"), "-serial", "chardev:c",
		"-chardev", "socket,id=l,path="+filepath.Join(dir, "line"), "-serial", "chardev:l")
	if err != nil {
		return nil, err
	}
	if err := g.accept(ctx, console, line); err != nil {
		g.Close()
		return nil, err
	}
	return g, nil
}

// accept takes both lines from QEMU and waits for the guest.
func (g *Guest) accept(ctx context.Context, console, line net.Listener) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	ctx, release := g.qemu.whileAlive(ctx)
	defer release()
	defer context.AfterFunc(ctx, func() { console.Close(); line.Close() })()
	var err error
	if g.console, err = console.Accept(); err == nil {
		g.said = bufio.NewReader(g.console)
		g.Line, err = line.Accept()
	}
	if err == nil {
		_, err = g.hear(ctx, "READY")
	}
	if err != nil {
		return fmt.Errorf("wait for the guest: %w", errors.Join(context.Cause(ctx), err))
	}
	return nil
}

// Log is the file with what QEMU says.
func (g *Guest) Log() string { return filepath.Join(g.dir, "qemu.log") }

// Close ends the guest.
func (g *Guest) Close() {
	g.qemu.stop()
	for _, c := range [...]net.Conn{g.console, g.Line} {
		if c != nil {
			c.Close()
		}
	}
}

// Call has pppd dial, with options of its own, and gives the addresses of its interface as ip(8) prints them.
func (g *Guest) Call(ctx context.Context, options string) (addresses string, err error) {
	if _, err := io.WriteString(g.console, options+"\n"); err != nil {
		return "", fmt.Errorf("tell the guest to call: %w", err)
	}
	return g.hear(ctx, "UP")
}

// HangUp ends the call, whether it came up or not.
func (g *Guest) HangUp(ctx context.Context) error {
	if _, err := io.WriteString(g.console, "\n"); err != nil {
		return fmt.Errorf("tell the guest to hang up: %w", err)
	}
	_, err := g.hear(ctx, "DOWN")
	return err
}

// hear reads the console up to a line that begins with the word, and gives its rest.
func (g *Guest) hear(ctx context.Context, word string) (string, error) {
	defer context.AfterFunc(ctx, func() { g.console.SetReadDeadline(time.Now()) })()
	var before []string
	for {
		line, err := g.said.ReadString('\n')
		if err != nil {
			return "", fmt.Errorf("%s does not come after %q: %w", word, before, err)
		}
		line = strings.TrimSpace(line)
		if rest, ok := strings.CutPrefix(line, word); ok {
			return strings.TrimSpace(rest), nil
		}
		if rest, failed := strings.CutPrefix(line, "FAILED"); failed {
			return "", fmt.Errorf("the guest's call fails: %s", rest)
		}
		before = append(before, line)
	}
}

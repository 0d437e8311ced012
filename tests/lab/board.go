package lab

import (
	"fmt"
	"net"
	"os"
	"strconv"

	"airlock/tests/lab/evidence"
)

// qemuProgram is QEMU for the appliance's architecture. The options below are spelled so that QEMU 7.2 (Debian 12) and
// 10.0 (Debian 13) both take them.
const qemuProgram = "qemu-system-x86_64"

// Devices that come and go, or whose place matters: the ids are QMP's, the ports and addresses keep udev's paths
// (ID_PATH) the same from start to start.
const (
	modulePort = "usb-serial,bus=xhci.0,port=1,chardev=at,id=module-at"
	moduleCard = "usb-net,bus=xhci.0,port=2,netdev=carrier,id=module-net,mac=" + evidence.OuterMAC
	// No option ROM: a firmware that boots over the network would send frames of its own.
	lanCard = "virtio-net-pci,netdev=lan,id=lan-card,addr=3,romfile=,mac=" + evidence.InnerMAC
)

// firmware is UEFI for virtual machines: its code, and the template of its variables.
type firmware struct{ code, variables string }

// findFirmware finds Debian's OVMF, without Secure Boot.
func findFirmware() (firmware, error) {
	for _, f := range []firmware{
		{"/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"},
		{"/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd"},
	} {
		_, err1 := os.Stat(f.code)
		_, err2 := os.Stat(f.variables)
		if err1 == nil && err2 == nil {
			return f, nil
		}
	}
	return firmware{}, fmt.Errorf("find UEFI firmware: no /usr/share/OVMF/OVMF_CODE_4M.fd; `make setup` installs it (Debian package ovmf)")
}

// board is a QEMU command line in the making, with the files that QEMU inherits.
type board struct {
	args  []string
	files []*os.File
}

func (b *board) add(args ...string) { b.args = append(b.args, args...) }

// base is the machine without its connections. With snapshot=on what is written goes to a file without a name.
func (b *board) base(cfg MachineConfig, fw firmware) {
	b.add("-name", "airlock", "-machine", "q35", "-smp", strconv.Itoa(orDefault(cfg.CPUs, 2)), "-m", strconv.Itoa(orDefault(cfg.Memory, 1024)),
		"-no-user-config", "-nodefaults", "-display", "none", "-vga", "none", "-rtc", "base=utc",
		"-drive", "if=pflash,unit=0,format=raw,readonly=on,file="+escape(fw.code),
		"-drive", "if=pflash,unit=1,format=raw,snapshot=on,file="+escape(fw.variables),
		"-object", "rng-random,id=rng0,filename=/dev/urandom", "-device", "virtio-rng-pci,rng=rng0,addr=4",
		// Boot from what has a bootindex and from nothing else, network least of all.
		"-boot", "strict=on",
		"-fw_cfg", "name=opt/org.tianocore/IPv4PXESupport,string=n", "-fw_cfg", "name=opt/org.tianocore/IPv6PXESupport,string=n")
	b.add(cfg.Accel.args()...)
	if cfg.Image != "" {
		b.add("-drive", "if=none,id=disk,format=raw,snapshot=on,file="+escape(cfg.Image), "-device", "virtio-blk-pci,drive=disk,bootindex=0,addr=5")
	}
}

// inherit makes a wire of which QEMU inherits one end, and returns ours and the number of QEMU's.
func (b *board) inherit(name string) (net.Conn, int, error) {
	ours, theirs, err := wire(name)
	if err != nil {
		return nil, 0, err
	}
	b.files = append(b.files, theirs)
	return ours, 2 + len(b.files), nil // exec.Cmd numbers ExtraFiles from 3
}

// chardev is a byte stream of the machine.
func (b *board) chardev(id string) (net.Conn, error) {
	conn, fd, err := b.inherit(id)
	b.add("-chardev", fmt.Sprintf("socket,id=%s,fd=%d", id, fd))
	return conn, err
}

// netdev is a stream of Ethernet frames of the machine.
func (b *board) netdev(id string) (net.Conn, error) {
	conn, fd, err := b.inherit(id)
	b.add("-netdev", fmt.Sprintf("stream,id=%s,server=off,addr.type=fd,addr.str=%d", id, fd))
	return conn, err
}

// closeFiles closes our copies of QEMU's ends, so that each wire ends with QEMU.
func (b *board) closeFiles() {
	for _, f := range b.files {
		f.Close()
	}
}

// escape doubles commas, which separate QEMU's options.
func escape(path string) string {
	var out []rune
	for _, r := range path {
		if r == ',' {
			out = append(out, ',')
		}
		out = append(out, r)
	}
	return string(out)
}

func orDefault(n, otherwise int) int {
	if n == 0 {
		return otherwise
	}
	return n
}

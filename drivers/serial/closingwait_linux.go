package serial

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// serialStruct is struct serial_struct of <linux/serial.h>.
type serialStruct struct {
	kind, line    int32
	port          uint32
	irq, flags    int32
	xmitFifoSize  int32
	customDivisor int32
	baudBase      int32
	closeDelay    uint16
	ioType        uint8
	reserved      uint8
	hub6          int32
	closingWait   uint16
	closingWait2  uint16
	iomemBase     uintptr
	iomemRegShift uint16
	portHigh      uint32
	iomapBase     uint64
}

// closingWaitNone is ASYNC_CLOSING_WAIT_NONE of <linux/tty_flags.h>.
const closingWaitNone = 65535

// noClosingWait is best effort: it needs CAP_SYS_ADMIN, and pseudo terminals do not know it. Close is bounded
// without it too.
func noClosingWait(fd int) {
	var s serialStruct
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.TIOCGSERIAL, uintptr(unsafe.Pointer(&s))); errno != 0 {
		return
	}
	s.closingWait = closingWaitNone
	_, _, _ = unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.TIOCSSERIAL, uintptr(unsafe.Pointer(&s)))
}

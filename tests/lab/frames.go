package lab

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// Limits of an Ethernet frame as QEMU's stream sockets carry it: a 4-byte big-endian length, then the frame.
const (
	headerLength = 14             // destination, source, type
	longestFrame = 65535 + 14 + 4 // QEMU's own bound is a little higher; a virtio NIC without offloads sends 1514
	queueLength  = 4096           // frames that may wait for a slow reader before the port drops, as a switch does
)

// frameReader takes frames from a stream.
type frameReader struct{ r *bufio.Reader }

func newFrameReader(r io.Reader) *frameReader { return &frameReader{bufio.NewReaderSize(r, 1<<16)} }

// next returns the next frame, io.EOF when the stream ended between two frames.
func (f *frameReader) next() ([]byte, error) {
	var length [4]byte
	if _, err := io.ReadFull(f.r, length[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(length[:])
	if n < headerLength || n > longestFrame {
		return nil, fmt.Errorf("read frame: length %d, want %d to %d: the stream is out of step", n, headerLength, longestFrame)
	}
	frame := make([]byte, n)
	if _, err := io.ReadFull(f.r, frame); err != nil {
		return nil, fmt.Errorf("read frame: cut off: %w", err)
	}
	return frame, nil
}

// writeFrame sends one frame in one write, so that frames of two writers cannot mix.
func writeFrame(w io.Writer, frame []byte) error {
	b := make([]byte, 4+len(frame))
	binary.BigEndian.PutUint32(b, uint32(len(frame)))
	copy(b[4:], frame)
	_, err := w.Write(b)
	return err
}

// queue holds frames for one port. Senders never wait: a full queue drops, so that no circle of ports that wait for
// each other can arise.
type queue struct {
	frames  chan []byte
	dropped atomic.Int64
}

func newQueue() *queue { return &queue{frames: make(chan []byte, queueLength)} }

func (q *queue) put(frame []byte) {
	select {
	case q.frames <- frame:
	default:
		q.dropped.Add(1)
	}
}

// drain writes what is put to w until ctx ends or a write fails; each frame first passes allow.
func (q *queue) drain(ctx context.Context, w io.Writer, allow func([]byte) bool) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case frame := <-q.frames:
			if !allow(frame) {
				continue
			}
			if err := writeFrame(w, frame); err != nil {
				return err
			}
		}
	}
}

// ended says whether err is how a wire ends in good order: the other side has gone, or we were told to stop.
func ended(err error) bool {
	return err == nil || errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, context.Canceled) ||
		errors.Is(err, io.ErrClosedPipe) || errors.Is(err, unix.ECONNRESET) || errors.Is(err, unix.EPIPE)
}

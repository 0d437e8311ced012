package lab

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"
)

// Capture is a classic pcap file: microseconds, absolute times, Ethernet. Each frame is in the file when Frame
// returns, so that a lab that is killed leaves a readable capture.
type Capture struct {
	mu     sync.Mutex // guards all below
	file   *os.File
	buffer *bufio.Writer
	pcap   *pcapgo.Writer
	err    error // the first failure; nothing is written after it
	frames int64
	bytes  int64
	closed bool
}

// NewCapture creates path, and its folder where missing; an older file of that name is replaced.
func NewCapture(path string) (*Capture, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("create capture: %w", err)
	}
	file, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("create capture: %w", err)
	}
	buffer := bufio.NewWriterSize(file, 1<<17)
	c := &Capture{file: file, buffer: buffer, pcap: pcapgo.NewWriter(buffer)}
	if err := c.pcap.WriteFileHeader(longestFrame, layers.LinkTypeEthernet); err != nil {
		file.Close()
		return nil, fmt.Errorf("create capture %s: %w", path, err)
	}
	if err := buffer.Flush(); err != nil {
		file.Close()
		return nil, fmt.Errorf("create capture %s: %w", path, err)
	}
	return c, nil
}

// Frame writes one frame with the present time. Whoever passes frames on must not pass one that could not be
// written: a capture with gaps proves nothing.
func (c *Capture) Frame(frame []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return c.err
	}
	if c.closed {
		return fmt.Errorf("write capture %s: closed", c.file.Name())
	}
	// The time is taken under the lock: times in the file never run backwards, the clock permitting.
	info := gopacket.CaptureInfo{Timestamp: time.Now(), CaptureLength: len(frame), Length: len(frame)}
	err := c.pcap.WritePacket(info, frame)
	if err == nil {
		err = c.buffer.Flush()
	}
	if err != nil {
		c.err = fmt.Errorf("write capture %s: %w", c.file.Name(), err)
		return c.err
	}
	c.frames++
	c.bytes += int64(len(frame))
	return nil
}

// Count returns how many frames and bytes are in the file.
func (c *Capture) Count() (frames, bytes int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.frames, c.bytes
}

// Err returns what went wrong while writing, nil when the capture has no gap.
func (c *Capture) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Close closes the file and returns the first failure of all.
func (c *Capture) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return c.err
	}
	c.closed = true
	if err := c.file.Close(); err != nil && c.err == nil {
		c.err = fmt.Errorf("close capture: %w", err)
	}
	return c.err
}

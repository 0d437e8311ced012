package lab

import (
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/gopacket/pcapgo"
)

func TestMain(m *testing.M) {
	MaybeChild()
	maybeHolder()
	os.Exit(m.Run())
}

// patience bounds every wait of a fast test; it is reached only by a failure.
const patience = 10 * time.Second

func quietLog() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

func newTestCapture(t *testing.T) (*Capture, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "door.pcap")
	c, err := NewCapture(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c, path
}

// readCapture returns all frames of a capture as another program would see them now.
func readCapture(t *testing.T, path string) [][]byte {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := pcapgo.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var frames [][]byte
	for {
		data, _, err := r.ReadPacketData()
		if err == io.EOF {
			return frames
		}
		if err != nil {
			t.Fatal(err)
		}
		frames = append(frames, data)
	}
}

// testPipe returns the two ends of a wire, both ours.
func testPipe(t *testing.T) (net.Conn, net.Conn) {
	t.Helper()
	near, file, err := wire("test")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	far, err := net.FileConn(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { near.Close(); far.Close() })
	return near, far
}

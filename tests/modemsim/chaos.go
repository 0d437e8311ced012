package modemsim

import (
	"io"
	"math/rand/v2"
	"sync"
	"time"
)

// Chaos passes a byte stream on, and splits, merges and delays what is read from it. Bytes keep their order and none
// is lost: it is what USB, kernel buffers and a busy host do to a serial line.
type Chaos struct {
	io.WriteCloser
	pieces chan []byte
	rest   []byte // owned by the reader
	once   sync.Once
	closed chan struct{}
}

// NewChaos wraps rw. The longest delay of one piece is given by most.
func NewChaos(rw io.ReadWriteCloser, seed uint64, most time.Duration) *Chaos {
	c := &Chaos{WriteCloser: rw, pieces: make(chan []byte), closed: make(chan struct{})}
	go c.pump(rw, rand.New(rand.NewPCG(seed, 7)), most)
	return c
}

func (c *Chaos) pump(r io.Reader, rng *rand.Rand, most time.Duration) {
	defer close(c.pieces)
	buf := make([]byte, 1024)
	for {
		// A small window now and then splits; a pause now and then merges.
		n, err := r.Read(buf[:1+rng.IntN(len(buf))])
		for p := append([]byte(nil), buf[:n]...); len(p) > 0; {
			cut := 1 + rng.IntN(len(p))
			if rng.IntN(4) == 0 {
				pause(c.closed, time.Duration(rng.Int64N(int64(most)+1)))
			}
			select {
			case c.pieces <- p[:cut]:
			case <-c.closed:
				return
			}
			p = p[cut:]
		}
		if err != nil {
			return
		}
	}
}

func pause(stop <-chan struct{}, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-stop:
	case <-timer.C:
	}
}

// Read returns the next piece.
func (c *Chaos) Read(p []byte) (int, error) {
	for len(c.rest) == 0 {
		select {
		case piece, ok := <-c.pieces:
			if !ok {
				return 0, io.EOF
			}
			c.rest = piece
		case <-c.closed:
			return 0, io.ErrClosedPipe
		}
	}
	n := copy(p, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

// Close ends both directions.
func (c *Chaos) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.WriteCloser.Close()
}

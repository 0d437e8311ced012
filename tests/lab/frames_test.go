package lab

import (
	"bytes"
	"errors"
	"io"
	"testing"
)

func TestFrameReader(t *testing.T) {
	frame := bytes.Repeat([]byte{5}, 60)
	var whole bytes.Buffer
	if err := writeFrame(&whole, frame); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what string
		in   []byte
		want error // nil: another error than the end
	}{
		{"the end", nil, io.EOF},
		{"cut off in the length", []byte{0, 0}, io.ErrUnexpectedEOF},
		{"cut off in the frame", whole.Bytes()[:40], io.ErrUnexpectedEOF},
		{"shorter than a header", []byte{0, 0, 0, 13, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13}, nil},
		{"longer than any frame", []byte{0, 2, 0, 0}, nil},
	} {
		_, err := newFrameReader(bytes.NewReader(c.in)).next()
		if c.want != nil && !errors.Is(err, c.want) || c.want == nil && (err == nil || ended(err)) {
			t.Errorf("%s: next = %v, want %v", c.what, err, c.want)
		}
	}
	got, err := newFrameReader(oneByte{&whole}).next()
	if err != nil || !bytes.Equal(got, frame) {
		t.Errorf("next, byte by byte = %x, %v, want %x", got, err, frame)
	}
}

// oneByte gives a stream byte by byte.
type oneByte struct{ r io.Reader }

func (o oneByte) Read(p []byte) (int, error) { return o.r.Read(p[:min(1, len(p))]) }

func TestQueueDropsInsteadOfWaiting(t *testing.T) {
	q := newQueue()
	for range queueLength + 3 {
		q.put([]byte{1})
	}
	if got := q.dropped.Load(); got != 3 {
		t.Errorf("dropped = %d, want 3", got)
	}
}

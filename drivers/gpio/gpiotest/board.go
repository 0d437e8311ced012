// Package gpiotest is a board's GPIO lines in memory. It refuses what the kernel refuses, and tells each change of a
// level. Tests of drivers/gpio and of those who use it call it; nothing of it is part of a product.
package gpiotest

import (
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"airlock/drivers/gpio"
)

// Board is one chip with so many lines. The exported fields are set before it is used.
type Board struct {
	Chip  string
	Lines int
	// OnLevel is called with each level that a line is driven to.
	OnLevel func(offset, level int)

	mu     sync.Mutex
	levels map[int]int
	held   map[int]bool
}

// Take is the board's gpio.Requester.
func (b *Board) Take(chip string, offset, level int) (gpio.Line, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case chip != b.Chip:
		return nil, fmt.Errorf("open %s: %w", chip, os.ErrNotExist)
	case offset < 0 || offset >= b.Lines:
		return nil, fmt.Errorf("line %d of %s: %w", offset, chip, unix.EINVAL)
	case b.held[offset]:
		return nil, fmt.Errorf("line %d of %s: %w", offset, chip, unix.EBUSY)
	}
	if b.held == nil {
		b.held, b.levels = map[int]bool{}, map[int]int{}
	}
	b.held[offset] = true
	b.set(offset, level)
	return &line{b, offset}, nil
}

// Level is what a line was last driven to; ok says that somebody holds it.
func (b *Board) Level(offset int) (level int, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.levels[offset], b.held[offset]
}

// set is called with mu held.
func (b *Board) set(offset, level int) {
	b.levels[offset] = level
	if b.OnLevel != nil {
		b.OnLevel(offset, level)
	}
}

type line struct {
	board  *Board
	offset int
}

// SetValue drives a line that is held.
func (l *line) SetValue(level int) error {
	l.board.mu.Lock()
	defer l.board.mu.Unlock()
	if !l.board.held[l.offset] {
		return os.ErrClosed
	}
	l.board.set(l.offset, level)
	return nil
}

// Close gives the line back.
func (l *line) Close() error {
	l.board.mu.Lock()
	defer l.board.mu.Unlock()
	if !l.board.held[l.offset] {
		return os.ErrClosed
	}
	delete(l.board.held, l.offset)
	return nil
}

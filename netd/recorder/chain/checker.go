package chain

import "errors"

// What can be wrong with a line.
var (
	ErrTorn      = errors.New("it is not a whole line")
	ErrHash      = errors.New("its hash does not fit its content")
	ErrChain     = errors.New("it does not follow the line before it: a line is missing, added or moved")
	ErrUnsigned  = errors.New("it has to be signed, and is not")
	ErrSignature = errors.New("its signature is not by the key that it names")
	ErrKey       = errors.New("it is signed with another key than the record's")
	ErrBegins    = errors.New("the record begins here, and no signed line says that those before were dropped")
	ErrShort     = errors.New("the record ends before this line, which the bundle's signed head names as its last")
)

// Checker holds lines against each other, one after another.
type Checker struct {
	at     Position
	signed Position
	key    string
	begun  bool
	first  uint64
	owed   *Position // the lines up to here are not there, and nothing signed has said so yet
	until  *Position // a bundle's head says that the record ends here
}

// NewChecker makes one for lines that follow a position; Genesis() for a whole record. With a key, in
// KeyText's form, signatures by any other are refused; else all have to be by one key.
func NewChecker(after Position, key string) *Checker { return &Checker{at: after, key: key} }

// Next takes one line, without its newline. After an error the line counts as not there.
func (c *Checker) Next(line []byte) (Line, error) {
	l, err := Decode(line)
	if err != nil {
		return l, err
	}
	if len(l.Sig) > 0 && c.key != "" && l.Key != c.key {
		return l, ErrKey
	}
	head := !c.begun && l.Event == Exported && l.Seq == 0
	gap := !c.begun && !head && l.Seq > c.at.Seq+1
	if !head && !gap && (l.Seq != c.at.Seq+1 || l.Prev != c.at.Hash) {
		return l, ErrChain
	}
	if len(l.Sig) > 0 {
		c.key = l.Key
	}
	if head {
		c.until = &Position{l.Through, l.ThroughHash}
		return l, nil
	}
	c.take(l, gap)
	return l, nil
}

// take goes on to a line that follows.
func (c *Checker) take(l Line, gap bool) {
	if gap {
		c.owed = &Position{l.Seq - 1, l.Prev}
	}
	if !c.begun {
		c.begun, c.first = true, l.Seq
	}
	c.at = l.Position()
	if len(l.Sig) > 0 {
		c.signed = c.at
	}
	if l.Event == Dropped && c.owed != nil && *c.owed == (Position{l.Through, l.ThroughHash}) {
		c.owed = nil
	}
}

// Resume goes on from a line that Next has refused, for whoever must write behind it.
func (c *Checker) Resume(l Line) {
	c.begun, c.at = true, l.Position()
}

// End says what only the end can tell: ErrBegins of the first line, ErrShort of the one behind the last.
func (c *Checker) End() error {
	switch {
	case c.owed != nil:
		return ErrBegins
	case c.until != nil && *c.until != c.at:
		return ErrShort
	}
	return nil
}

// At is the last line.
func (c *Checker) At() Position { return c.at }

// First is the number of the first line; 0: there was none.
func (c *Checker) First() uint64 { return c.first }

// Signed is the last signed line: nothing up to it can have been changed without the node's key.
func (c *Checker) Signed() Position { return c.signed }

// Key is the key of the signatures; empty: there was none.
func (c *Checker) Key() string { return c.key }

package recorder

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"airlock/netd/recorder/chain"
)

// reserve is what a window's own lines may need: asked for before a door opens, so that a full disk
// refuses the window instead of leaving its end untold.
const reserve = 256 << 10

// Clock gives the two times of a line.
type Clock interface {
	Now() time.Time
	Boot() time.Duration
}

// Limits bound what a record takes on the disk. Besides comes one segment, which is being written.
type Limits struct {
	Segment int64 // bytes of one file, after which the next is begun before the next window
	Keep    int64 // bytes of finished files, of which those that the publisher has acknowledged are dropped beyond it
	Most    int64 // bytes of finished files, beyond which the oldest is dropped whoever has it
}

// DefaultLimits hold some ten thousand windows, of which each takes about 6 KiB.
var DefaultLimits = Limits{Segment: 4 << 20, Keep: 16 << 20, Most: 64 << 20}

// Options are what a recorder works with.
type Options struct {
	Clock Clock
	// Key signs the checkpoints; it is the record's own, and made on the node.
	Key ed25519.PrivateKey
	// Limits; zero: DefaultLimits.
	Limits Limits
	// Told, if it is set, gets every line that is in the record. It must not wait for anything.
	Told func(Entry)
}

// Recorder writes one record. Its methods may be called by several goroutines.
type Recorder struct {
	Options
	bootID string
	name   string // of the file that is being written
	disk   disk

	mu     sync.Mutex
	file   file           // guarded by mu, as are all below
	end    int64          // offset behind the last whole line
	first  uint64         // Seq of the first line in file; 0: it is empty
	at     chain.Position // the last line
	old    []segment      // finished files, the oldest first
	window uint64         // the highest window number seen
	acked  uint64         // the publisher has the lines up to here
	key    string         // that signed last
	owes   bool           // a checkpoint could not be written
	owed   uint64         // its window
	missed int            // events that could not be written since the last that was
	why    error          // the error of the first of these
}

// Open opens the record whose newest file is at path, or begins one. A last line that a power cut has
// torn is cut off and kept in a line that tells so; a chain that is broken elsewhere is left as it is, told in a
// line, and carried on.
func Open(path string, o Options) (*Recorder, error) {
	return open(folder(filepath.Dir(path)), filepath.Base(path), o)
}

func open(d disk, name string, o Options) (*Recorder, error) {
	if o.Limits == (Limits{}) {
		o.Limits = DefaultLimits
	}
	o.Clock = Sane(o.Clock)
	r := &Recorder{Options: o, bootID: bootID(), name: name, disk: d, at: chain.Genesis()}
	found, err := r.scan()
	if err == nil {
		err = r.tell(found)
	}
	if err == nil {
		err = r.sign()
	}
	if err != nil {
		if r.file != nil {
			r.file.Close()
		}
		return nil, fmt.Errorf("open the record %s: %w", name, err)
	}
	return r, nil
}

// sign makes sure that the record names the key that signs from here on.
func (r *Recorder) sign() error {
	if r.Key == nil {
		return errors.New("there is no key to sign it with")
	}
	public := chain.KeyText(r.Key.Public().(ed25519.PublicKey))
	if r.key == public {
		return nil
	}
	e := Entry{Event: KeySet, Key: public}
	if r.key != "" {
		e.Text = "the record was signed with another key before: " + r.key
	}
	if err := r.Append(e); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.key = public
	return nil
}

// Append writes one line; the clocks, the number and the chain are the recorder's to set. After an
// error the line is not in the record, whose next line tells that one is missing.
func (r *Recorder) Append(e Entry) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.append(e, nil)
}

// append is Append, with a key for what has to be signed; r.mu is held.
func (r *Recorder) append(e Entry, key ed25519.PrivateKey) error {
	if r.missed > 0 {
		gap := Entry{Event: Gap, Text: fmt.Sprintf("%d events could not be written: %v", r.missed, r.why)}
		if err := r.write(gap, nil); err != nil {
			r.missed++
			return err
		}
		r.missed, r.why = 0, nil
	}
	if err := r.write(e, key); err != nil {
		r.missed, r.why = 1, err
		return err
	}
	return nil
}

// write puts a line behind the last whole one; r.mu is held. What a failed write leaves behind is
// overwritten by the next, or repaired when the file is opened again.
func (r *Recorder) write(e Entry, key ed25519.PrivateKey) error {
	e.At, e.Boot, e.BootID = r.Clock.Now().UTC(), r.Clock.Boot(), r.bootID
	e.Seq, e.Prev = r.at.Seq+1, r.at.Hash
	line, hash, err := encode(e, key)
	if err != nil {
		return err
	}
	_, err = r.file.WriteAt(line, r.end)
	if err == nil && (key != nil || e.Event.durable()) {
		err = r.file.Sync()
	}
	if err != nil {
		_ = r.file.Truncate(r.end) // else the next line overwrites it, and Open repairs what is left
		return fmt.Errorf("write the record: %w", err)
	}
	r.end += int64(len(line))
	r.at = chain.Position{Seq: e.Seq, Hash: hash}
	r.note(chain.Line{Seq: e.Seq, Event: string(e.Event), Window: e.Window, Through: e.Through, Key: e.Key})
	if r.Told != nil {
		r.Told(e)
	}
	return nil
}

// note keeps what a line says about the record itself; r.mu is held.
func (r *Recorder) note(l chain.Line) {
	if r.first == 0 {
		r.first = l.Seq
	}
	r.window = max(r.window, l.Window)
	if Event(l.Event) == Acknowledged {
		r.acked = max(r.acked, l.Through)
	}
	if l.Key != "" {
		r.key = l.Key
	}
}

// Checkpoint signs all that is in the record, at the end of a window (0: of none), and brings it to the
// disk. One that could not be written is made up for before the next window.
func (r *Recorder) Checkpoint(window uint64) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.checkpoint(window)
}

func (r *Recorder) checkpoint(window uint64) error {
	r.owes, r.owed = true, window
	e := Entry{Event: Checkpoint, Window: window, Key: chain.KeyText(r.Key.Public().(ed25519.PublicKey))}
	if err := r.append(e, r.Key); err != nil {
		return err
	}
	r.owes = false
	return nil
}

// Reserve makes sure, before a window, that its lines will have room, that all before them are signed where they
// have to be and on the disk, and that the record keeps its limits.
func (r *Recorder) Reserve() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.owes {
		if err := r.checkpoint(r.owed); err != nil {
			return err
		}
	}
	if r.end >= r.Limits.Segment {
		if err := r.rotate(); err != nil {
			return fmt.Errorf("begin the record's next file: %w", err)
		}
	}
	if err := r.trim(); err != nil {
		return fmt.Errorf("drop old lines of the record: %w", err)
	}
	if f, ok := r.file.(reserver); ok {
		if err := f.reserve(r.end, reserve); err != nil {
			return fmt.Errorf("reserve room for the record: %w", err)
		}
	}
	return r.sync()
}

// Sync brings every line to the disk.
func (r *Recorder) Sync() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.sync()
}

func (r *Recorder) sync() error {
	if err := r.file.Sync(); err != nil {
		return fmt.Errorf("bring the record to the disk: %w", err)
	}
	return nil
}

// LastWindow is the highest window number in the record, so that numbers are never used twice.
func (r *Recorder) LastWindow() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.window
}

// State is where the record stands.
type State struct {
	Key          string         // that signs, base64
	Last         chain.Position // line
	Acknowledged uint64         // the publisher has the lines up to here
}

// State tells it.
func (r *Recorder) State() State {
	r.mu.Lock()
	defer r.mu.Unlock()
	return State{Key: r.key, Last: r.at, Acknowledged: r.acked}
}

// Close brings every line to the disk and closes the file.
func (r *Recorder) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return errors.Join(r.sync(), r.file.Close())
}

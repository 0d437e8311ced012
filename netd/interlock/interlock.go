// Package interlock is the kernel's gate: nftables rules that drop every frame on every interface,
// in both directions, but through the one interface named in a set that has room for one name and
// forgets it within seconds unless it is renewed. It raises no link and lowers none, and knows
// nothing of doors; the keeper in package netd calls it.
//
//	table netdev door    set lease  {one interface name, 3 s}    renewed by the keeper
//	                     set budget {one interface name, 30 min} set once a window, never renewed
//	                     chains in_NAME and out_NAME on each device: what both sets name goes on, else drop
//	                     chains pass_in and pass_out: accept what this window is for (package passage), else drop
//	table inet doorip    set open   {one interface name, 3 s}; input, output: lo and what open names; forward: nothing
//	table arp  doorarp   the same for ARP
//
// The netdev chains see every frame, also raw ones; the inet and arp tables hold for interfaces of
// any name, also for one that has just appeared and has no chains yet.
package interlock

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"golang.org/x/sys/unix"

	"airlock/netd/passage"
)

const (
	// Lease is how long the gate stays open without a renewal.
	Lease = 3 * time.Second
	// MaxBudget is the longest that it can be renewed.
	MaxBudget = 30 * time.Minute

	// Ingress is judged before, and egress after, whatever else may hang on a device.
	priorityIn  nftables.ChainPriority = -500
	priorityOut nftables.ChainPriority = 500
)

// ErrLapsed is a renewal that came too late: the gate fell shut, and stays so.
var ErrLapsed = errors.New("the lease of the interlock has lapsed")

// Interlock is the gate of the network namespace in which it was loaded.
type Interlock struct {
	mu sync.Mutex // one batch at a time
}

// Load puts the rules in place, shut, in one batch that replaces what an earlier netd, or the image's
// own unit, has loaded; there is no moment without rules. Every device that is there gets its chains.
func Load() (*Interlock, error) {
	i := &Interlock{}
	names, err := devices()
	if err != nil {
		return nil, fmt.Errorf("load the interlock: %w", err)
	}
	err = i.batch(func(c *nftables.Conn) error {
		if err := base(c); err != nil {
			return err
		}
		for _, name := range names {
			hang(c, name)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("load the interlock: %w", err)
	}
	return i, nil
}

// Attach hangs fresh chains on a device that is down. A device that vanished and came back has
// lost its hooks though its chains are still listed, so they are made anew at every appearance; those
// of devices that are gone are removed. Both chains are read back with the device they hang on.
func (i *Interlock) Attach(name string) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	dev, err := net.InterfaceByName(name)
	if err != nil {
		return fmt.Errorf("guard %s: %w", name, err)
	}
	if dev.Flags&net.FlagUp != 0 {
		return fmt.Errorf("guard %s: it is up; only a link that is down is guarded in time", name)
	}
	old, err := hung()
	if err != nil {
		return fmt.Errorf("guard %s: %w", name, err)
	}
	err = i.batch(func(c *nftables.Conn) error {
		for chain := range old {
			if of, _ := deviceOf(chain); of == name || !present(of) {
				c.DelChain(&nftables.Chain{Name: chain, Table: doorTable()})
			}
		}
		hang(c, name)
		return nil
	})
	if err != nil {
		return fmt.Errorf("guard %s: %w", name, err)
	}
	return verify(name, dev.Index)
}

// Open lets pass what p names, on name and on no other device, for the Lease. Nothing renews it beyond budget. The chains
// of the device are verified before. With a budget of zero the door has to be open already: what may pass is exchanged, in
// the same moment for all, the lease begins anew, and the budget stays what it is; ErrLapsed when the lease has run out.
func (i *Interlock) Open(name string, budget time.Duration, p passage.Passage) error {
	if budget < 0 || budget > MaxBudget {
		return fmt.Errorf("open the interlock for %s: a budget of %v is not within %v", name, budget, MaxBudget)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	dev, err := net.InterfaceByName(name)
	if err != nil {
		return fmt.Errorf("open the interlock: %w", err)
	}
	if err := verify(name, dev.Index); err != nil {
		return err
	}
	if budget == 0 && !spends(name) {
		return fmt.Errorf("open the interlock for %s: %w", name, ErrLapsed)
	}
	err = i.batch(func(c *nftables.Conn) error {
		if err := let(c, p); err != nil {
			return err
		}
		if budget == 0 {
			return again(c, name)
		}
		return begin(c, name, budget)
	})
	if budget == 0 && errors.Is(err, unix.ENOENT) {
		err = ErrLapsed
	}
	if err != nil {
		return fmt.Errorf("open the interlock for %s: %w", name, err)
	}
	return nil
}

// spends says whether a device has some of its budget left; when that cannot be read, it has none.
func spends(name string) bool {
	c, err := nftables.New()
	if err != nil {
		return false
	}
	left, err := c.GetSetElements(set(doorTable(), budgetSet, MaxBudget))
	return err == nil && slices.ContainsFunc(left, func(e nftables.SetElement) bool {
		return bytes.Equal(e.Key, nameKey(name)) && e.Expires > 0
	})
}

// begin names a device in every set, and no other. A plain add meets ENFILE while an expired element awaits its
// collection, so all are flushed first.
func begin(c *nftables.Conn, name string, budget time.Duration) error {
	for _, s := range sets() {
		c.FlushSet(s)
		life := Lease
		if s.Name == budgetSet {
			life = budget
		}
		if err := c.SetAddElements(s, element(name, life)); err != nil {
			return err
		}
	}
	return nil
}

// again names the device anew whose lease is running. Deleted and added in one batch: adding alone does not refresh on
// Linux 6.1, and the deletion of an element that has expired fails the batch.
func again(c *nftables.Conn, name string) error {
	for _, s := range sets() {
		if s.Name == budgetSet {
			continue
		}
		if err := c.SetDeleteElements(s, element(name, 0)); err != nil {
			return err
		}
		if err := c.SetAddElements(s, element(name, Lease)); err != nil {
			return err
		}
	}
	return nil
}

// Renew begins the lease anew. It fails with ErrLapsed when that has run out, and changes nothing then.
func (i *Interlock) Renew(name string) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	err := i.batch(func(c *nftables.Conn) error { return again(c, name) })
	if errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("renew the lease of %s: %w", name, ErrLapsed)
	}
	if err != nil {
		return fmt.Errorf("renew the lease of %s: %w", name, err)
	}
	return nil
}

// Shut lets nothing pass. Frames that wait in a device's queue already still leave: the caller takes
// the link down at once.
func (i *Interlock) Shut() error {
	i.mu.Lock()
	defer i.mu.Unlock()
	err := i.batch(func(c *nftables.Conn) error {
		for _, s := range sets() {
			c.FlushSet(s)
		}
		return let(c, passage.Passage{})
	})
	if err != nil {
		return fmt.Errorf("shut the interlock: %w", err)
	}
	return nil
}

// batch sends what fill orders as one transaction: all of it comes about, or none.
func (i *Interlock) batch(fill func(*nftables.Conn) error) error {
	c, err := nftables.New()
	if err != nil {
		return err
	}
	if err := fill(c); err != nil {
		return err
	}
	return c.Flush()
}

// element is an interface's name as a set holds it: 16 bytes, padded with zeros.
func element(name string, life time.Duration) []nftables.SetElement {
	return []nftables.SetElement{{Key: nameKey(name), Timeout: life}}
}

func nameKey(name string) []byte {
	key := make([]byte, unix.IFNAMSIZ)
	copy(key, name)
	return key
}

// set is a set with room for one interface name.
func set(t *nftables.Table, name string, life time.Duration) *nftables.Set {
	return &nftables.Set{
		Table: t, Name: name, KeyType: nftables.TypeIFName, KeyByteOrder: binaryutil.NativeEndian,
		HasTimeout: true, Timeout: life, Size: 1,
	}
}

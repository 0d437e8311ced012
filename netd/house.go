package netd

import (
	"errors"
	"fmt"
	"io"

	"airlock/netd/recorder"
	"airlock/netd/recorder/chain"
	"airlock/netd/windows"
)

// Doubt tells that something changed which may have opened a door behind the keeper's back, such
// as a module or a NIC that was plugged in: both doors are read back, at once when no window is
// open, else after it.
func (k *Keeper) Doubt() {
	select {
	case k.notices <- notice{on: doubt}:
	case <-k.stopped:
	}
}

// ClearFault implements windows.House.
func (k *Keeper) ClearFault() error {
	n := notice{on: cleared, reply: make(chan error, 1)}
	select {
	case k.notices <- n:
		return <-n.reply
	case <-k.stopped:
		return errStopped
	}
}

// Record implements windows.House.
func (k *Keeper) Record(from uint64) io.ReadCloser { return k.record.Reader(from) }

// ExportRecord implements windows.House.
func (k *Keeper) ExportRecord() (io.ReadCloser, error) { return k.record.Export() }

// AcknowledgeRecord implements windows.House.
func (k *Keeper) AcknowledgeRecord(p windows.RecordPosition) error {
	err := k.record.Acknowledge(chain.Position{Seq: p.Seq, Hash: p.Hash})
	switch {
	case err == nil:
		return nil
	case errors.Is(err, recorder.ErrUnknown):
		return &windows.Problem{Code: windows.CodeBadRequest, Detail: fmt.Sprintf("line %d cannot be acknowledged: %v", p.Seq, err)}
	}
	return windows.AsProblem(err, windows.CodeDiskFull, "the record cannot be written")
}

// recordStatus is where the record stands.
func (k *Keeper) recordStatus() *windows.RecordStatus {
	s := k.record.State()
	return &windows.RecordStatus{Key: s.Key, Last: windows.RecordPosition(s.Last), Acknowledged: s.Acknowledged}
}

// sign ends a window's lines with a checkpoint. One that fails is made up for before the next window opens.
func (k *Keeper) sign(window uint64) {
	if err := k.record.Checkpoint(window); err != nil {
		k.cfg.Log.Error("the record cannot be signed; no window opens before it is", "error", err)
	}
}

// note writes a line into the record. An error is a *windows.Problem, told also in the log.
func (k *Keeper) note(e recorder.Entry) error {
	if err := k.record.Append(e); err != nil {
		k.cfg.Log.Error("the record cannot be written", "event", e.Event, "error", err)
		return windows.AsProblem(err, windows.CodeDiskFull, "the record cannot be written")
	}
	return nil
}

// Site is what netd knows of the isolated network; nil before it was told. The inner Link asks it
// at every Find and Up.
func (k *Keeper) Site() *windows.Site {
	_, site, _ := k.store.read()
	return site
}

// SetIdentity implements windows.House.
func (k *Keeper) SetIdentity(id windows.Identity) error {
	if err := checkIdentity(id); err != nil {
		return err
	}
	if old, _, _ := k.store.read(); old != nil && old.HubKey != id.HubKey {
		return &windows.Problem{Code: windows.CodeNotAllowed, Detail: fmt.Sprintf(
			"this node is enrolled as %s at %s already; it takes no other hub", old.Node, old.Hub)}
	}
	if err := save(k.store, identityFile, &id, &k.store.identity); err != nil {
		return windows.AsProblem(err, windows.CodeDiskFull, "")
	}
	return k.note(recorder.Entry{Event: recorder.IdentitySet, Text: fmt.Sprintf("%s at %s, key %s", id.Node, id.Hub, id.HubKey)})
}

// SetSite implements windows.House. A window that is open keeps the policy that it was opened with.
func (k *Keeper) SetSite(site windows.Site) error {
	if err := checkSite(site); err != nil {
		return err
	}
	if err := save(k.store, siteFile, &site, &k.store.site); err != nil {
		return windows.AsProblem(err, windows.CodeDiskFull, "")
	}
	return k.note(recorder.Entry{Event: recorder.SiteSet, Text: fmt.Sprintf("%s, gateway %q, interface %q, %d places allowed: %v",
		site.Address, site.Gateway, site.Interface, len(site.Allow), site.Allow)})
}

package nodetest

import (
	"context"
	"io"
	"time"

	"airlock/netd/recorder"
	"airlock/netd/windows"
)

// doors is the model of netd, behind netd's real server.
type doors struct{ *Node }

var (
	_ windows.Doors = doors{}
	_ windows.House = doors{}
)

// Status implements windows.House.
func (d doors) Status() windows.Status {
	d.mu.Lock()
	defer d.mu.Unlock()
	shut := windows.DoorStatus{State: "shut", Since: time.Now().Add(-90 * time.Second)}
	s := windows.Status{
		Now: time.Now(), Machine: "dark", Fault: d.fault, Modem: d.modem, Identity: d.identity, Site: d.lan, Outer: shut, Inner: shut,
		Lockdown: d.locked, Approved: d.approved,
		Interfaces: []windows.Interface{
			{Name: "wan0", Path: "pci-0000:00:04.0-usb-0:2:1.0", Role: "outer"}, {Name: "eth0", Path: "pci-0000:00:03.0", Role: "inner"}},
	}
	if d.service != nil {
		s.Outer = windows.DoorStatus{State: "open", Since: time.Now(), Purpose: windows.Service, Asker: d.service.asker}
	}
	if r := d.record.State(); r.Key != "" {
		s.Record = &windows.RecordStatus{Key: r.Key, Last: windows.RecordPosition(r.Last), Acknowledged: r.Acknowledged}
	}
	s.Tunnel.PublicKey = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
	return s
}

// Record implements windows.House.
func (d doors) Record(from uint64) io.ReadCloser { return d.record.Reader(from) }

// ExportRecord implements windows.House.
func (d doors) ExportRecord() (io.ReadCloser, error) { return d.record.Export() }

// AcknowledgeRecord implements windows.House; no courier of the model reports.
func (d doors) AcknowledgeRecord(windows.RecordPosition) error {
	return &windows.Problem{Code: windows.CodeBadRequest, Detail: "the model has no publisher"}
}

// ClearFault implements windows.House.
func (d doors) ClearFault() error {
	d.Fault("")
	return nil
}

// LockDown implements windows.House.
func (d doors) LockDown(l windows.Lockdown) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	l.At = time.Now()
	d.locked = &l
	return nil
}

// LiftLockdown implements windows.House.
func (d doors) LiftLockdown(string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.locked = nil
	return nil
}

// Approve implements windows.House: the model's site wants a yes to deployments.
func (d doors) Approve(a windows.Approval) error {
	if a.Purpose != windows.Deploy {
		return &windows.Problem{Code: windows.CodeBadRequest, Detail: "windows to " + string(a.Purpose) + " need no approval here"}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	a.At, a.Until = time.Now(), time.Now().Add(time.Hour)
	d.approved = append(d.approved, a)
	return nil
}

// SetIdentity implements windows.House; deployd tells the model itself.
func (d doors) SetIdentity(windows.Identity) error {
	return &windows.Problem{Code: windows.CodeNotAllowed, Detail: "the model takes no identity"}
}

// SetSite implements windows.House.
func (d doors) SetSite(s windows.Site) error {
	if s.Address == "" || len(s.Allow) == 0 {
		return &windows.Problem{Code: windows.CodeBadRequest, Detail: "the site is malformed"}
	}
	d.mu.Lock()
	d.lan = &s
	d.mu.Unlock()
	d.write(recorder.Entry{Event: recorder.SiteSet, Text: s.Address})
	return nil
}

// Dial implements windows.Doors: no job of the model dials.
func (d doors) Dial(context.Context, uint64, string) (windows.Stream, error) {
	return nil, &windows.Problem{Code: windows.CodeNotAllowed, Detail: "the model has no far end"}
}

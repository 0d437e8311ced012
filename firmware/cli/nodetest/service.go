package nodetest

import (
	"context"
	"fmt"
	"sync"
	"time"

	"airlock/netd/recorder"
	"airlock/netd/windows"
)

// service is a window for service.
type service struct {
	id    uint64
	asker string
	emit  func(windows.Event)
	give  func()        // closes over
	over  chan struct{} // the window was given back
	asked chan struct{} // has one while the module is asked
}

// card is the SIM of the model.
type card struct {
	pin, puk string // what opens it; empty: no PIN is asked for
	tries    int    // of the PIN
	pukTries int
	sent     []string // PINs and PUKs that reached the card
}

// Lock makes the SIM ask for its PIN, with some tries left; with none it asks for its PUK.
func (n *Node) Lock(pin, puk string, tries int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.card = card{pin: pin, puk: puk, tries: tries, pukTries: 10}
	n.look()
}

// Sent are the PINs and PUKs that have reached the card so far.
func (n *Node) Sent() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]string(nil), n.card.sent...)
}

// Refuse makes the next questions to the module fail, each with one error; nil lets one pass.
func (n *Node) Refuse(errs ...error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.answer = append(n.answer, errs...)
}

// Dark says whether no window is open and the radio is off.
func (n *Node) Dark() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.service == nil && n.modem.Radio == "off"
}

// look brings what the module tells of the card up to date; n.mu is held.
func (n *Node) look() {
	n.modem.ICCID, n.modem.SIM = "89490200001234567890", "ready"
	n.modem.PINTries, n.modem.PUKTries = new(n.card.tries), new(n.card.pukTries)
	switch {
	case n.card.pin == "":
		n.modem.PINTries, n.modem.PUKTries = nil, nil
	case n.card.tries == 0:
		n.modem.SIM = "puk"
	default:
		n.modem.SIM = "pin"
	}
}

// Window implements windows.Doors, for service alone: the jobs of the model have theirs in inWindow.
func (d doors) Window(ctx context.Context, r windows.Request, emit func(windows.Event)) error {
	d.mu.Lock()
	switch {
	case r.Purpose != windows.Service || r.Door != windows.Outer || r.Asker == "":
		d.mu.Unlock()
		return &windows.Problem{Code: windows.CodeBadRequest, Detail: "the model opens windows for service only"}
	case d.service != nil || d.jobs.Running() != "":
		d.mu.Unlock()
		return &windows.Problem{Code: windows.CodeBusy, Detail: "window 1 is in use"}
	}
	d.window++
	s := &service{id: d.window, asker: r.Asker, over: make(chan struct{}), asked: make(chan struct{}, 1)}
	s.give = sync.OnceFunc(func() { close(s.over) })
	var one sync.Mutex
	s.emit = func(e windows.Event) {
		one.Lock()
		defer one.Unlock()
		e.Window, e.Door, e.At = s.id, windows.Outer, time.Now()
		emit(e)
	}
	d.service = s
	d.mu.Unlock()
	entry := recorder.Entry{Event: recorder.WindowOpened, Window: s.id, Door: windows.Outer, Purpose: r.Purpose, Asker: r.Asker}
	d.write(entry)
	s.emit(windows.Event{State: windows.Open, Text: "The module may be asked for 15m0s at most; the outer door counts as open"})
	select {
	case <-ctx.Done():
	case <-s.over:
	}
	s.asked <- struct{}{} // joined, for good
	d.mu.Lock()
	d.service, d.modem.Radio, d.modem.Registered = nil, "off", false
	d.mu.Unlock()
	entry.Event = recorder.WindowClosed
	d.write(entry)
	s.emit(windows.Event{State: windows.Closed, Text: "The door is shut, read back"})
	return nil
}

// open is the window for service of that number.
func (d doors) open(id uint64) (*service, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.service == nil || d.service.id != id {
		return nil, &windows.Problem{Code: windows.CodeNotAllowed, Detail: "no such window is open"}
	}
	return d.service, nil
}

// GiveBack implements windows.Doors.
func (d doors) GiveBack(id uint64) error {
	s, err := d.open(id)
	if err == nil {
		s.give()
	}
	return err
}

// Ask implements windows.Doors.
func (d doors) Ask(ctx context.Context, id uint64, r windows.ModuleRequest) (windows.ModuleAnswer, error) {
	s, err := d.open(id)
	if err != nil {
		return windows.ModuleAnswer{}, err
	}
	select {
	case s.asked <- struct{}{}:
		defer func() { <-s.asked }()
	default:
		return windows.ModuleAnswer{}, &windows.Problem{Code: windows.CodeBusy, Detail: "the module is asked something already"}
	}
	d.write(recorder.Entry{Event: recorder.ModuleAsked, Window: id, Door: windows.Outer, Text: fmt.Sprintf("%s %s", r.Do, r.Command)})
	s.emit(windows.Event{State: windows.Open, Text: "Asking the module: " + string(r.Do)})
	if err := d.held(ctx, s); err != nil {
		return windows.ModuleAnswer{}, err
	}
	return d.attend(r)
}

// held waits where the test wants it.
func (d doors) held(ctx context.Context, s *service) error {
	d.mu.Lock()
	hold := d.hold
	d.mu.Unlock()
	if hold == nil {
		return nil
	}
	select {
	case <-hold:
		return nil
	case <-ctx.Done():
	case <-s.over:
	}
	return &windows.Problem{Code: windows.CodeNotAllowed, Detail: "the window ended before the module had answered"}
}

// attend is the module.
func (d doors) attend(r windows.ModuleRequest) (a windows.ModuleAnswer, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.answer) > 0 {
		err, d.answer = d.answer[0], d.answer[1:]
		if err != nil {
			return a, err
		}
	}
	switch r.Do {
	case windows.Measure, windows.ScanAir, windows.Select:
		err = d.onAir(r, &a)
	case windows.EnterPIN, windows.Unblock:
		err = d.unlock(r)
	case windows.UseSlot:
		d.modem.Slot = r.Slot
	case windows.RawCommand:
		a.Lines = []string{"+CSQ: 20,99", "OK"}
		if r.Command == "AT+CPIN?" {
			a.Lines = []string{"+CME ERROR: 10"}
		}
	}
	a.Status = d.modem
	return a, err
}

// onAir is what needs the radio; mu is held.
func (d doors) onAir(r windows.ModuleRequest, a *windows.ModuleAnswer) error {
	if d.modem.SIM != "ready" {
		return &windows.Problem{Code: windows.CodeNoSIM, Detail: "the SIM asks for a PIN"}
	}
	d.modem.Radio, d.modem.Registered = "on", true
	d.modem.Signal = &windows.Signal{Query: "AT+QCSQ", Access: "LTE", RSRP: new(-97.0), RSRQ: new(-11.5), SINR: new(14.0)}
	switch {
	case r.Do == windows.ScanAir:
		a.Operators = []windows.Operator{
			{PLMN: "26201", Name: "K\u00f6ln Mobil", State: "current", Access: "LTE"},
			{PLMN: "26202", Name: "Zweite\x1b[2J", State: "available", Access: "LTE"}, {PLMN: "26203", State: "forbidden"}}
	case r.Do == windows.Select && r.Operator == "26203":
		return &windows.Problem{Code: windows.CodeNoNetwork, Detail: "the network 26203 refused: PLMN not allowed"}
	}
	return nil
}

// unlock is the card; mu is held.
func (d doors) unlock(r windows.ModuleRequest) error {
	c := &d.card
	defer d.look()
	if r.Do == windows.Unblock {
		c.sent = append(c.sent, r.PUK)
		if r.PUK != c.puk {
			c.pukTries--
			return &windows.Problem{Code: windows.CodeNoSIM, Detail: "the SIM refused the PUK"}
		}
		c.pin = r.PIN
	} else {
		c.sent = append(c.sent, r.PIN)
	}
	if r.PIN != c.pin {
		c.tries--
		return &windows.Problem{Code: windows.CodeNoSIM, Detail: "the SIM refused the PIN"}
	}
	*c = card{sent: c.sent}
	return nil
}

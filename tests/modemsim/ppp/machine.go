package ppp

import (
	"bytes"
	"slices"
	"time"
)

// state of a control protocol: the table of RFC 1661 §4.1 without the states that wait for a line, which is there as
// soon as the peer runs.
//
//	closed ──open──► reqSent ──their request good──► ackSent ──our request acked──► opened
//	                    └──our request acked──► ackRcvd ──their request good──────────┘
//
// A new request in opened goes down and back to reqSent or ackSent; a Terminate-Request from anywhere goes to closed.
type state int

const (
	closed state = iota
	reqSent
	ackRcvd
	ackSent
	opened
)

// RFC 1661 §4.6.
const (
	maxConfigure = 10
	maxFailure   = 5
)

// machine negotiates one control protocol. Its fields are guarded by the peer's mutex.
type machine struct {
	peer  *Peer
	proto uint16
	state state

	id    byte     // of our last request
	want  []option // what we request
	tries int      // requests left
	naks  int      // Naks sent in a row
	timer *time.Timer

	// judge parts what the other end requests: what is refused with a better value, and what is not known.
	judge func(theirs []option) (nak, reject []option)
	// granted takes what was agreed for the other end.
	granted func(theirs []option)
	// suggested changes want by a Nak; a rejected option is dropped by itself unless rejected says that
	// nothing goes without it.
	suggested func(better []option)
	rejected  func(kind byte) (fatal bool)
	up, down  func()
}

func (m *machine) send(code, id byte, data []byte) {
	m.peer.write(m.proto, packet{code, id, data}.bytes())
}

func (m *machine) open() {
	m.tries, m.naks = maxConfigure, 0
	m.state = reqSent
	m.request()
}

// request sends a Configure-Request and expects an answer within the restart time.
func (m *machine) request() {
	m.tries--
	m.id++
	m.send(confReq, m.id, formatOptions(m.want))
	m.await()
}

func (m *machine) await() {
	m.stop()
	var timer *time.Timer
	timer = time.AfterFunc(m.peer.cfg.Restart, func() {
		m.peer.do(func() {
			if m.timer == timer && !m.peer.over {
				m.timeout()
			}
		})
	})
	m.timer = timer
}

func (m *machine) stop() {
	if m.timer != nil {
		m.timer.Stop()
		m.timer = nil
	}
}

func (m *machine) timeout() {
	switch {
	case m.state == closed || m.state == opened:
	case m.tries <= 0:
		m.state = closed
		m.peer.gaveUp(m.proto)
	default:
		if m.state == ackRcvd {
			m.state = reqSent
		}
		m.request()
	}
}

func (m *machine) close() {
	m.stop()
	was := m.state
	m.state = closed
	if was == opened {
		m.down()
	}
}

// receive handles the codes that all control protocols share; known is false for others.
func (m *machine) receive(p packet) (known bool) {
	switch p.code {
	case confReq:
		m.theirRequest(p)
	case confAck:
		if p.id == m.id && bytes.Equal(p.data, formatOptions(m.want)) {
			m.ourAck()
		}
	case confNak, confRej:
		if opts, ok := parseOptions(p.data); ok && p.id == m.id {
			m.ourRefusal(p.code, opts)
		}
	case termReq:
		m.send(termAck, p.id, nil)
		m.close()
	case termAck, codeRej:
	default:
		return false
	}
	return true
}

func (m *machine) theirRequest(p packet) {
	theirs, ok := parseOptions(p.data)
	if !ok {
		return
	}
	if m.state == closed {
		m.send(termAck, p.id, nil)
		return
	}
	if m.state == opened { // they start anew
		m.state = reqSent
		m.down()
		m.tries = maxConfigure
		m.request()
	}
	nak, reject := m.judge(theirs)
	if len(nak) > 0 && m.naks >= maxFailure { // they do not listen: RFC 1661 §4.6, Max-Failure
		for _, o := range theirs {
			if slices.ContainsFunc(nak, func(n option) bool { return n.kind == o.kind }) {
				reject = append(reject, o)
			}
		}
	}
	switch {
	case len(reject) > 0:
		m.send(confRej, p.id, formatOptions(reject))
	case len(nak) > 0:
		m.naks++
		m.send(confNak, p.id, formatOptions(nak))
	default:
		m.naks = 0
		m.granted(theirs)
		m.send(confAck, p.id, p.data)
		if m.state == ackRcvd {
			m.opened()
		} else {
			m.state = ackSent
		}
		return
	}
	if m.state == ackSent {
		m.state = reqSent
	}
}

func (m *machine) ourAck() {
	switch m.state {
	case reqSent:
		m.state = ackRcvd
		m.tries = maxConfigure
		m.await()
	case ackSent:
		m.opened()
	case ackRcvd, opened: // crossed with one of their restarts
		if m.state == opened {
			m.down()
		}
		m.state = reqSent
		m.request()
	}
}

func (m *machine) ourRefusal(code byte, opts []option) {
	if m.state == closed || m.state == opened {
		return
	}
	if code == confNak {
		m.suggested(opts)
	} else {
		for _, o := range opts {
			if m.rejected(o.kind) {
				m.peer.gaveUp(m.proto)
				return
			}
			m.want = slices.DeleteFunc(m.want, func(w option) bool { return w.kind == o.kind })
		}
	}
	if m.state == ackRcvd {
		m.state = reqSent
	}
	if m.tries <= 0 {
		m.peer.gaveUp(m.proto)
		return
	}
	m.request()
}

func (m *machine) opened() {
	m.stop()
	m.state = opened
	m.up()
}

// set changes what we request.
func (m *machine) set(kind byte, data []byte) {
	for i := range m.want {
		if m.want[i].kind == kind {
			m.want[i].data = data
			return
		}
	}
}

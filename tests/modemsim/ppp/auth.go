package ppp

import (
	"bytes"
	"crypto/md5"
	"crypto/rand"
	"crypto/subtle"
	"encoding/binary"
	"time"
)

// Auth is how the other end says who it is.
type Auth int

// The kinds.
const (
	None Auth = iota
	PAP       // RFC 1334
	CHAP      // RFC 1994, with MD5
)

func (a Auth) proto() uint16 {
	if a == PAP {
		return protoPAP
	}
	return protoCHAP
}

func (a Auth) option() []byte {
	if a == PAP {
		return short(protoPAP)
	}
	return append(short(protoCHAP), 5)
}

// authState belongs to the authentication phase; guarded by the peer's mutex.
type authState struct {
	done      bool
	id        byte
	challenge []byte
	tries     int
	timer     *time.Timer
}

// challengeName is what we call ourselves; diallers look secrets up by it.
const challengeName = "modemsim"

// startAuth challenges, or waits for PAP's request.
func (p *Peer) startAuth() {
	p.who = authState{tries: maxConfigure}
	if p.auth == CHAP {
		p.who.challenge = make([]byte, 16)
		_, _ = rand.Read(p.who.challenge) // never fails: crypto/rand
		p.who.id++
	}
	p.askWho()
}

func (p *Peer) askWho() {
	if p.who.tries--; p.who.tries < 0 {
		p.refuseWho("nobody answered")
		return
	}
	if p.auth == CHAP {
		data := append(append([]byte{byte(len(p.who.challenge))}, p.who.challenge...), challengeName...)
		p.write(protoCHAP, packet{1, p.who.id, data}.bytes())
	}
	var timer *time.Timer
	timer = time.AfterFunc(p.cfg.Restart, func() {
		p.do(func() {
			if p.who.timer == timer && !p.who.done && !p.over {
				p.askWho()
			}
		})
	})
	p.who.timer = timer
}

func (p *Peer) stopAuth() {
	if p.who.timer != nil {
		p.who.timer.Stop()
	}
	p.who.timer = nil
}

// authPacket checks a PAP request or a CHAP response. A repeated one gets the same answer.
func (p *Peer) authPacket(proto uint16, q packet) {
	if p.lcp.state != opened || p.auth == None || proto != p.auth.proto() {
		return
	}
	good := false
	switch {
	case proto == protoPAP && q.code == 1:
		user, rest, ok1 := counted(q.data)
		password, _, ok2 := counted(rest)
		secret, known := p.cfg.Secrets[string(user)]
		good = ok1 && ok2 && known && subtle.ConstantTimeCompare(password, []byte(secret)) == 1
	case proto == protoCHAP && q.code == 2 && q.id == p.who.id:
		response, user, ok := counted(q.data)
		secret, known := p.cfg.Secrets[string(user)]
		sum := md5.Sum(bytes.Join([][]byte{{q.id}, []byte(secret), p.who.challenge}, nil))
		good = ok && known && subtle.ConstantTimeCompare(response, sum[:]) == 1
	default:
		return
	}
	p.answerWho(proto, q.id, good)
}

// answerWho says yes or no: PAP has Ack 2 and Nak 3 with a counted message, CHAP Success 3 and Failure 4.
func (p *Peer) answerWho(proto uint16, id byte, good bool) {
	code, text := byte(2), "welcome"
	if !good {
		code, text = 3, "wrong user name or password"
	}
	data := []byte(text)
	if proto == protoCHAP {
		code++
	} else {
		data = append([]byte{byte(len(text))}, data...)
	}
	p.write(proto, packet{code, id, data}.bytes())
	p.stopAuth()
	switch {
	case !good:
		p.refuseWho(text)
	case !p.who.done:
		p.who.done = true
		p.network()
	}
}

// counted parts a string that stands behind its length.
func counted(b []byte) (s, rest []byte, ok bool) {
	if len(b) < 1 || int(b[0]) > len(b)-1 {
		return nil, nil, false
	}
	return b[1 : 1+b[0]], b[1+b[0]:], true
}

// random32 is a number other than zero.
func random32() uint32 {
	var b [4]byte
	_, _ = rand.Read(b[:])
	return binary.BigEndian.Uint32(b[:]) | 1
}

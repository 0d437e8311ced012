package at

import "strings"

// exchange is one command on the wire and what came back. Fields below the line are guarded by wire.mu.
type exchange struct {
	cmd     string
	parts   []part
	accept  []string
	deliver func(line string) // called with lines of the reply, in order
	finish  func(result)      // called once, last
	// proves, when set, judges a final result: false means that it belongs to an earlier command.
	proves func(r result) bool
	// call, when set, gets the stream behind CONNECT.
	call *Line

	held    string // the newest line of a single-line reply; an older one was unsolicited
	holding bool
	over    bool
	outcome result
}

func newExchange(cmd string, accept []string) *exchange {
	return &exchange{cmd: cmd, parts: parseCommand(cmd), accept: accept}
}

// isEcho: the module repeats what it reads until it is told not to (ATE0).
func (x *exchange) isEcho(line string) bool {
	return len(line) == len(x.cmd)+2 && strings.EqualFold(line, "AT"+x.cmd)
}

// take handles a line of the reply and returns the line that it proves to have been unsolicited, if any.
func (x *exchange) take(line string) (unsolicited string, ok bool) {
	if x.proves != nil || !single(x.parts) { // a probe counts its rows
		x.deliver(line)
		return "", false
	}
	unsolicited, ok = x.held, x.holding
	x.held, x.holding = line, true
	return unsolicited, ok
}

// end delivers what is held, then the result.
func (x *exchange) end(r result) {
	if x.holding && r.err == nil {
		x.deliver(x.held)
	}
	x.over, x.outcome = true, r
	x.finish(r)
}

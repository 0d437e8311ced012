package modem

import (
	"time"

	"airlock/drivers/modem/reply"
)

// generic is any module that follows 27.007 and moves packets as soon as the context is active.
func generic() Profile {
	return Profile{
		Name:    "3gpp-generic",
		DataOn:  []Step{activate()},
		DataOff: []Step{deactivate()},
		Address: ByDHCP,
		Dial:    dial(),
		Signal:  []string{"+CESQ", "+CSQ"},
		Retries: "+CPINR",
		Auth:    cgauth(),
		Clock:   []string{"+CCLK?"},
	}
}

// activate: +CGACT may take 150 s by the manuals; ModemManager gives up after 45 s.
func activate() Step { return Step{Command: "+CGACT=1,{cid}", Within: 45 * time.Second} }

// deactivate: the last LTE context cannot be taken away while attached (CME 171, or 3); +CFUN=4 ends it.
func deactivate() Step {
	return Step{Command: "+CGACT=0,{cid}", Within: 10 * time.Second, Optional: true}
}

// cgauth is §10.1.31: 0 none, 1 PAP, 2 CHAP.
func cgauth() *Step {
	return &Step{Command: `+CGAUTH={cid},{auth},"{user}","{password}"`, Within: 5 * time.Second}
}

// dial opens PPP on a context (§10.2.1.2).
func dial() Step { return Step{Command: "D*99***{cid}#", Within: 60 * time.Second} }

// bound makes a binding query from a reader of package reply.
func bound[T interface{ Bound(cid int) bool }](command string, read func([]string) (T, error)) *Query {
	return &Query{Command: command, Read: func(lines []string, cid int) (bool, error) {
		state, err := read(lines)
		return err == nil && state.Bound(cid), err
	}}
}

// connected makes a binding query from a reader that does not name the context.
func connected[T interface{ Connected() bool }](command string, read func([]string) (T, error)) *Query {
	return &Query{Command: command, Read: func(lines []string, _ int) (bool, error) {
		state, err := read(lines)
		return err == nil && state.Connected(), err
	}}
}

// tied is a binding query that answers <state>,<cid> under its own prefix.
func tied(prefix string) *Query {
	return bound(prefix+"?", func(lines []string) (reply.Interface, error) {
		return reply.ParseInterface(lines, prefix)
	})
}

package modem

import (
	"context"
	"errors"

	"airlock/drivers/modem/reply"
)

// errNoCard says that no query told the card's number.
var errNoCard = errors.New("the modem does not tell the SIM's number (ICCID)")

// readICCID asks for the card's number: by the vendor's query, by the one that most have, and by the card's own file
// (EF_ICCID, 3GPP TS 31.102 §4.2 and ETSI TS 102 221 §13.2). Modules tell it with the PIN still asked for.
func (m *Modem) readICCID(ctx context.Context) (string, error) {
	for _, query := range [...]string{m.profile.Card, "+CCID", "+ICCID", "+CRSM=176,12258,0,0,10"} {
		if query == "" {
			continue
		}
		lines, err := m.command(ctx, simQuery, query, "+ICCID", "+CCID")
		if fatal(err) {
			return "", err
		}
		if card, err := reply.ParseICCID(lines); err == nil {
			m.note(func(s *Status) { s.ICCID = card.ICCID })
			return card.ICCID, nil
		}
	}
	return "", errNoCard
}

// tries are what is left of the card's codes; nil is not told.
type tries struct{ pin, puk *int }

// Queries of the card itself: VERIFY and UNBLOCK without data tell what is left and use up nothing
// (ETSI TS 102 221 §11.1.9, §11.1.13).
const (
	verifyPIN  = `+CSIM=10,"0020000100"`
	unblockPIN = `+CSIM=10,"002C000100"`
)

// readTries asks how many tries are left, by the vendor's query, by §8.65, and of the card. blocked tells for which code a
// query counts that does not name it. Where everything is told by one query, no other is sent.
func (m *Modem) readTries(ctx context.Context, blocked, askCard bool) (tries, error) {
	var left tries
	queries := []string{m.profile.Retries, "+CPINR"}
	if askCard {
		queries = append(queries, verifyPIN, unblockPIN)
	}
	for _, query := range queries {
		if left.pin != nil && left.puk != nil || query == verifyPIN && left.pin != nil {
			continue
		}
		read, err := m.ask(ctx, simQuery, query)
		if fatal(err) {
			return left, err
		}
		if r, ok := read.(reply.Retries); ok && err == nil {
			left.take(r, query == unblockPIN || blocked && query != verifyPIN)
		}
	}
	m.note(func(s *Status) { s.PINTries, s.PUKTries = left.pin, left.puk })
	return left, nil
}

// take adds what a reply tells. Current is of one code that the reply does not name.
func (t *tries) take(r reply.Retries, currentIsPUK bool) {
	if currentIsPUK {
		t.puk = orCount(t.puk, orCount(r.PUK, r.Current))
		t.pin = orCount(t.pin, r.PIN)
		return
	}
	t.pin = orCount(t.pin, orCount(r.PIN, r.Current))
	t.puk = orCount(t.puk, r.PUK)
}

func orCount(a, b *int) *int {
	if a != nil {
		return a
	}
	return b
}

// readIMSI tells the subscriber's number, whose beginning names the operator; empty when the module does not tell.
// It is not kept: it names a person's contract.
func (m *Modem) readIMSI(ctx context.Context) (string, error) {
	read, err := m.ask(ctx, simQuery, "+CIMI")
	if fatal(err) {
		return "", err
	}
	s, _ := read.(reply.Subscriber)
	return s.IMSI, nil
}

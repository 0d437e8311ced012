package modem

import (
	"context"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"airlock/drivers/at"
)

// The PIN guard. A card gives three tries, and after them asks for a code that nobody at a site has, so a PIN is sent
// only when all of this holds:
//
//	the state SIM PIN has lasted     modules name it while the card still starts (Quectel RM520N)
//	the card's number is known       else a refusal could not be remembered
//	two tries or more are left       as read just before; a count that cannot be read is none
//	this card did not refuse it yet  as remembered, across restarts
//	the try is remembered            on the disk, before it is made: power may fail meanwhile
//
// so a PIN that is wrong costs one try, whatever happens, and the last try is left to a person with the card in a phone.

// enoughTries is the least count with which a code is sent.
const enoughTries = 2

// pinTime is how long a module may take over a code; manuals give 5 s.
const pinTime = 20 * time.Second

// unlock sends a PIN as the guard allows. typed: a person has typed it now, who may repeat a try whose outcome
// nobody knows.
func (m *Modem) unlock(ctx context.Context, pin string, typed bool) error {
	if !isPIN(pin) {
		return lasting(NoSIM, nil, "a PIN has four to eight digits, and this one has not: correct it")
	}
	// The module may have woken up with its radio on, and would register before anything is configured.
	if err := m.setFunction(ctx, 4, m.profile.off); err != nil {
		return err
	}
	iccid, err := m.readICCID(ctx)
	if fatal(err) {
		return err
	}
	if err != nil {
		return lasting(NoSIM, err, "the PIN was not sent, since a refusal could not be remembered: switch the PIN off with a phone")
	}
	left, err := m.readTries(ctx, false, true)
	if err != nil {
		return err
	}
	if err := m.mayTry(iccid, pin, left.pin, typed); err != nil {
		return err
	}
	return m.tryPIN(ctx, iccid, pin, *left.pin)
}

// mayTry judges by the count and the memory.
func (m *Modem) mayTry(iccid, pin string, left *int, typed bool) error {
	switch {
	case left == nil:
		return lasting(NoSIM, nil, "the PIN was not sent, since the modem does not tell how many tries are left: unlock the SIM in a phone, and switch its PIN off")
	case *left < enoughTries:
		return lasting(NoSIM, nil, "the PIN was not sent: the SIM has %s left and would be blocked by a wrong one; put it into a phone and unlock it there", countTries(*left))
	}
	kept, err := m.cfg.Memory.Load()
	if err != nil {
		return fault(NoSIM, err, "the PIN was not sent, since it cannot be read which one this SIM has refused")
	}
	switch outcome := outcomeOf(kept.RefusedPIN[iccid], iccid, pin); {
	case outcome == refusedMark:
		return lasting(NoSIM, nil, "the SIM has refused this PIN before, and it was not sent again (%s left): give the right one", countTries(*left))
	case outcome == triedMark && !typed:
		return lasting(NoSIM, nil, "this PIN was sent to the SIM before and its answer was lost, so it was not sent again (%s left): enter it by hand once, at the console", countTries(*left))
	}
	return nil
}

// tryPIN remembers, sends, and remembers what came of it.
func (m *Modem) tryPIN(ctx context.Context, iccid, pin string, before int) error {
	if err := m.markPIN(iccid, pin, triedMark); err != nil {
		return fault(NoSIM, err, "the PIN was not sent, since it could not be remembered that it was")
	}
	_, err := m.command(ctx, pinTime, fmt.Sprintf(`+CPIN="%s"`, pin))
	if err == nil {
		return m.accepted(ctx, iccid, pin)
	}
	if fatal(err) {
		return err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return fault(NoSIM, err, "the modem did not tell what the SIM says to the PIN: enter it by hand, at the console")
	}
	left, terr := m.readTries(ctx, at.CodeOf(err) == 12, true)
	if terr != nil {
		return terr
	}
	// 16 is "incorrect password". With every other refusal the card's own count tells whether it has seen the PIN.
	if code := at.CodeOf(err); code != 16 && code != 12 && left.pin != nil && *left.pin >= before {
		if merr := m.markPIN(iccid, pin, ""); merr != nil {
			return fault(NoSIM, merr, "the modem did not pass the PIN on, and that cannot be remembered")
		}
		return fault(NoSIM, err, "the modem did not pass the PIN on to the SIM (%s left): try again", countTries(*left.pin))
	}
	if merr := m.markPIN(iccid, pin, refusedMark); merr != nil {
		err = errors.Join(err, merr) // that it was tried is remembered all the same
	}
	return lasting(NoSIM, err, "the SIM refused the PIN (%s): correct it; it is not sent to this SIM again", m.leftNow(left, before))
}

// leftNow words the count after a refusal.
func (m *Modem) leftNow(left tries, before int) string {
	if left.pin == nil {
		return countTries(before-1) + " left, as counted"
	}
	return countTries(*left.pin) + " left"
}

// accepted waits as the family needs it and forgets the try: from here on the PIN is known to be right.
func (m *Modem) accepted(ctx context.Context, iccid, pin string) error {
	if err := m.quiet(ctx, m.profile.AfterPIN); err != nil {
		return err
	}
	if err := m.markPIN(iccid, pin, ""); err != nil {
		m.log.Warn("that the SIM took the PIN is not remembered", "error", err)
	}
	_, err := m.readTries(ctx, false, false)
	return err
}

// Marks of a digest.
const (
	triedMark   = "tried"   // sent, or about to be; the outcome is not known
	refusedMark = "refused" // by the card
)

// markPIN remembers what became of a PIN with a card; an empty mark forgets it.
func (m *Modem) markPIN(iccid, pin, mark string) error {
	salt := make([]byte, 8)
	rand.Read(salt) // never fails
	return m.remember(func(r *Remembered) {
		var rest []string
		for _, entry := range strings.Fields(r.RefusedPIN[iccid]) {
			if markOf(entry, iccid, pin) == "" {
				rest = append(rest, entry)
			}
		}
		if mark != "" {
			rest = append(rest, mark+":"+hex.EncodeToString(salt)+":"+digest(salt, iccid, pin))
		}
		if r.RefusedPIN == nil {
			r.RefusedPIN = map[string]string{}
		}
		if r.RefusedPIN[iccid] = strings.Join(rest, " "); len(rest) == 0 {
			delete(r.RefusedPIN, iccid)
		}
	})
}

// outcomeOf looks a PIN up among the remembered ones.
func outcomeOf(entries, iccid, pin string) string {
	for _, entry := range strings.Fields(entries) {
		if mark := markOf(entry, iccid, pin); mark != "" {
			return mark
		}
	}
	return ""
}

// markOf is the mark of an entry that is about this PIN, else empty.
func markOf(entry, iccid, pin string) string {
	mark, rest, _ := strings.Cut(entry, ":")
	salted, sum, _ := strings.Cut(rest, ":")
	salt, err := hex.DecodeString(salted)
	if err != nil || subtle.ConstantTimeCompare([]byte(digest(salt, iccid, pin)), []byte(sum)) != 1 {
		return ""
	}
	return mark
}

// digest keeps the PIN from whoever reads the file by chance. Four digits are soon found by who means to: the file has
// to be as private as the configuration, where the PIN itself stands.
func digest(salt []byte, iccid, pin string) string {
	key, err := pbkdf2.Key(sha256.New, iccid+" "+pin, salt, 20_000, 16)
	if err != nil { // only for lengths that are not these
		panic("modem: " + err.Error())
	}
	return hex.EncodeToString(key)
}

func isPIN(s string) bool {
	return len(s) >= 4 && len(s) <= 8 && strings.Trim(s, "0123456789") == ""
}

func countTries(n int) string {
	switch n {
	case 0:
		return "no try"
	case 1:
		return "one try"
	}
	return fmt.Sprintf("%d tries", n)
}

// unblock sends a PUK with the new PIN. The count is read first and told after a refusal.
func (m *Modem) unblock(ctx context.Context, puk, newPIN string) error {
	switch {
	case len(puk) != 8 || !isPIN(puk):
		return fault(NoSIM, nil, "a PUK has eight digits, and this one has not: nothing was sent")
	case !isPIN(newPIN):
		return fault(NoSIM, nil, "the new PIN must have four to eight digits: nothing was sent")
	}
	if err := m.setFunction(ctx, 4, m.profile.off); err != nil {
		return err
	}
	iccid, err := m.readICCID(ctx)
	if fatal(err) {
		return err
	}
	left, err := m.readTries(ctx, true, true)
	switch {
	case err != nil:
		return err
	case left.puk == nil:
		return fault(NoSIM, nil, "the PUK was not sent, since the modem does not tell how many tries are left: unblock the SIM in a phone")
	case *left.puk < enoughTries:
		return fault(NoSIM, nil, "the PUK was not sent: the SIM has %s left and would be dead after a wrong one; unblock it in a phone, or ask its provider", countTries(*left.puk))
	}
	_, err = m.command(ctx, pinTime, fmt.Sprintf(`+CPIN="%s","%s"`, puk, newPIN))
	if fatal(err) {
		return err
	}
	if err != nil {
		before := *left.puk
		if left, terr := m.readTries(ctx, true, true); terr == nil && left.puk != nil {
			return fault(NoSIM, err, "the SIM refused the PUK (%s left)", countTries(*left.puk))
		}
		return fault(NoSIM, err, "the SIM refused the PUK (it had %s left before)", countTries(before))
	}
	if iccid != "" {
		return m.accepted(ctx, iccid, newPIN)
	}
	return m.quiet(ctx, m.profile.AfterPIN)
}

package modem

import (
	"context"
	"fmt"

	"airlock/drivers/modem/reply"
)

// chooseSlot makes the module use a SIM slot; 0 leaves it the one in use. It writes only what differs.
func (m *Modem) chooseSlot(ctx context.Context, slot int, say func(string)) error {
	slots := m.profile.Slots
	if slots == nil {
		if slot > 1 {
			return lasting(NoSIM, nil, "this modem has no choice of SIM slots: set modem.slot to 0 in node.yaml")
		}
		return nil
	}
	used, err := m.readSlot(ctx)
	if err != nil || slot == 0 || slot == used {
		return err
	}
	if used == 0 {
		return lasting(NoSIM, nil, "this modem does not tell which SIM slot it uses, so slot %d cannot be chosen: set modem.slot to 0 in node.yaml", slot)
	}
	say(fmt.Sprintf("changing to SIM slot %d", slot))
	m.wrote(1)
	_, err = m.command(ctx, slots.Set.Within, fillIn(slots.Set.Command, values{"slot": fmt.Sprint(slot - 1 + slots.First)}))
	if fatal(err) {
		return err
	}
	m.forgetCard()
	if err == nil {
		used, err = m.readSlot(ctx)
	}
	if err != nil || used != slot {
		return lasting(NoSIM, err, "the modem does not change to SIM slot %d: choose a slot that it has", slot)
	}
	return m.powerSIM(ctx)
}

// readSlot tells the slot in use, from 1; 0 when the module does not tell.
func (m *Modem) readSlot(ctx context.Context) (int, error) {
	slots := m.profile.Slots
	if slots == nil {
		return 0, nil
	}
	lines, err := m.command(ctx, quick, slots.Ask)
	if fatal(err) {
		return 0, err
	}
	slot := 0
	if n, ok := reply.Value(lines, slots.Prefix, slots.Field); ok {
		slot = n - slots.First + 1
	}
	m.note(func(s *Status) { s.Slot = slot })
	return slot, nil
}

// forgetCard: what was read of a card is not true of another.
func (m *Modem) forgetCard() {
	m.note(func(s *Status) { s.SIM, s.ICCID, s.PINTries, s.PUKTries = "unknown", "", nil, nil })
}

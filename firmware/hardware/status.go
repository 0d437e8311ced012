package hardware

import (
	"strings"
	"time"

	"airlock/drivers/modem"
	"airlock/netd/windows"
)

// Status implements netd.Modem.
func (m *Modem) Status() windows.ModemStatus {
	read := m.driver.Status()
	s := statusOf(read)
	if read.Data {
		path := m.driver.Path()
		s.Bearer, s.MTU = string(path.Bearer), path.MTU
	}
	return s
}

// statusOf translates the driver's status.
func statusOf(s modem.Status) windows.ModemStatus {
	return windows.ModemStatus{
		Present: s.Present, Model: strings.TrimSpace(s.Manufacturer + " " + s.Model), Firmware: s.Firmware, IMEI: s.IMEI,
		Profile: s.Profile, Port: s.Port,
		SIM: s.SIM, ICCID: s.ICCID, PINTries: s.PINTries, PUKTries: s.PUKTries, Slot: s.Slot,
		Radio: s.Radio, Registered: s.Registered, Roaming: s.Roaming, Operator: s.Operator, Access: s.Access, Reject: s.Reject,
		SignalDBm: s.SignalDBm, Signal: signalOf(s.Signal), Address: s.Address, Clock: clockOf(s.Clock),
		Recovery: recoveryOf(s.Recovery), FlashWrites: s.FlashWrites, Problem: s.Problem,
	}
}

// signalOf: some families call the ratio SNR; both are in dB, of the same reference signals.
func signalOf(s *modem.Signal) *windows.Signal {
	if s == nil {
		return nil
	}
	out := &windows.Signal{Query: s.Query, Access: s.Access, RSSI: s.RSSI, RSCP: s.RSCP, EcIo: s.EcIo, RSRP: s.RSRP, RSRQ: s.RSRQ, SINR: s.SINR}
	if out.SINR == nil {
		out.SINR = s.SNR
	}
	return out
}

func clockOf(c *modem.NetworkTime) *windows.NetworkTime {
	if c == nil {
		return nil
	}
	return &windows.NetworkTime{At: c.At, ZoneMin: int(c.Zone / time.Minute), Source: c.Source, ReadAt: c.ReadAt, Plausible: c.Plausible}
}

// recoveryOf is what was done to the module, in netd's words.
func recoveryOf(steps []modem.RecoveryStep) (out []windows.RecoveryStep) {
	for _, s := range steps {
		out = append(out, windows.RecoveryStep(s))
	}
	return out
}

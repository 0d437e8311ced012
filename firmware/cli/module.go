package cli

import (
	"fmt"
	"strings"
	"time"

	"airlock/netd/windows"
)

// modulePage is everything that is known of the module.
func modulePage(m windows.ModemStatus) string {
	p := &sheet{}
	if !m.Present {
		p.row("module", "none found")
	} else {
		p.row("module", "%s, firmware %s", orElse(m.Model, "unknown model"), orElse(m.Firmware, "unknown"))
		p.row("profile", "%s", orElse(m.Profile, "unknown"))
		p.row("IMEI", "%s", orElse(m.IMEI, "unknown"))
		p.row("port", "%s", orElse(m.Port, "unknown"))
		p.row("SIM", "%s", strings.Join(append([]string{orElse(m.SIM, "unknown")}, cardWords(m, true)...), ", "))
		p.row("radio", "%s", orElse(m.Radio, "unknown"))
		p.row("network", "%s", map[bool]string{true: "registered", false: "not registered"}[m.Registered])
		p.row("signal", "%s", signalWords(m))
		p.traffic(m)
		if m.FlashWrites > 0 {
			p.row("flash", "%d writes", m.FlashWrites)
		}
	}
	if m.Problem != "" {
		p.row("problem", "%s", m.Problem)
	}
	return p.b.String()
}

// module adds the rows of the status page that are about the module. Without all only what is out of order adds any
// to the first two: the banner shares 24 lines with the menu.
func (p *sheet) module(m windows.ModemStatus, all bool) {
	if !m.Present {
		p.row("modem", "none found")
		return
	}
	p.row("modem", "%s, SIM %s, radio %s", orElse(m.Model, "unknown model"), orElse(m.SIM, "unknown"), orElse(m.Radio, "unknown"))
	words := cardWords(m, false)
	if all {
		if m.Profile != "" {
			words = append([]string{"profile " + m.Profile}, words...)
		}
	} else if fewTries(m) == "" {
		words = nil
	}
	if len(words) > 0 {
		p.row("", "%s", strings.Join(words, ", "))
	}
	p.row("signal", "%s", signalWords(m))
	if all {
		p.traffic(m)
	} else if m.Reject != "" {
		p.row("refused", "%s", m.Reject)
	}
}

// traffic adds rows about what the network gave and what had to be done for it, where there is any.
func (p *sheet) traffic(m windows.ModemStatus) {
	if m.Reject != "" {
		p.row("refused", "%s", m.Reject)
	}
	if m.Bearer != "" || m.Address != "" {
		p.row("data", "%s", dataWords(m))
	}
	if m.Clock != nil {
		p.row("clock", "%s", clockWords(*m.Clock))
	}
	for i, step := range m.Recovery {
		p.row(map[bool]string{true: "recovery"}[i == 0], "%s", stepTaken(step))
	}
}

// cardWords tells of the SIM card beside its state; with all also tries that are as many as ever.
func cardWords(m windows.ModemStatus, all bool) (words []string) {
	if m.ICCID != "" {
		words = append(words, "ICCID "+shortened(m.ICCID))
	}
	if m.Slot > 0 {
		words = append(words, fmt.Sprintf("slot %d", m.Slot))
	}
	tries := fewTries(m)
	if tries == "" && all {
		tries = triesWords(m)
	}
	if tries != "" {
		words = append(words, tries)
	}
	return words
}

// fewTries warns of a card on which a PIN was mistyped before; empty when none was, or nobody knows.
func fewTries(m windows.ModemStatus) string {
	const whole = 3 // of a PIN (TS 31.101 9.3), and ten of a PUK, which only a card without PIN tries needs
	if m.PINTries == nil || *m.PINTries >= whole {
		return ""
	}
	return triesWords(m)
}

// triesWords counts the tries that count now: of the PUK when the PIN has none left.
func triesWords(m windows.ModemStatus) string {
	switch {
	case m.PUKTries != nil && (m.SIM == "puk" || m.PINTries != nil && *m.PINTries == 0):
		return counted(*m.PUKTries, "PUK")
	case m.PINTries != nil:
		return counted(*m.PINTries, "PIN")
	}
	return ""
}

func counted(tries int, of string) string {
	if tries == 1 {
		return "1 " + of + " try left"
	}
	return fmt.Sprintf("%d %s tries left", tries, of)
}

// shortened is an ICCID without its middle: enough to tell cards apart, and no number that others can use.
func shortened(iccid string) string {
	if len(iccid) <= 12 {
		return iccid
	}
	return iccid[:6] + "..." + iccid[len(iccid)-4:]
}

func dataWords(m windows.ModemStatus) string {
	words := "by " + orElse(m.Bearer, "an unknown bearer")
	if m.Address != "" {
		words += ", address " + m.Address
	}
	if m.MTU > 0 {
		words += fmt.Sprintf(", MTU %d", m.MTU)
	}
	return words
}

// clockWords tells the network's clock with how far it is from ours at the reading.
func clockWords(t windows.NetworkTime) string {
	words := fmt.Sprintf("%s by %s", moment(t.At), t.Source)
	if apart := t.At.Sub(t.ReadAt).Round(time.Second); apart != 0 && !t.ReadAt.IsZero() {
		words += fmt.Sprintf(", %s from the node's", apart)
	}
	if !t.Plausible {
		words += "; NOT believed"
	}
	return words
}

func stepTaken(s windows.RecoveryStep) string {
	words := fmt.Sprintf("%s %s: %s", s.At.UTC().Format("15:04:05Z"), s.Rung, s.Why)
	if s.Err != "" {
		words += "; failed: " + s.Err
	}
	return words
}

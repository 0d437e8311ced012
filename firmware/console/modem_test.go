package console

import (
	"slices"
	"strings"
	"testing"
)

// TestModemFromTheMenu: the numbers run the same commands, with the radio off again when the prompt comes back.
func TestModemFromTheMenu(t *testing.T) {
	for name, w := range wires() {
		t.Run(name, func(t *testing.T) {
			s := begin(t, w, nil)
			banner := s.narrow(s.expect("\r\n" + Prompt))
			for _, want := range []string{" 1  status ", "10  modem ", "11  modem: signal now", "12  modem: operators", "13  modem: SIM PIN", "14  modem: AT command", " 0  log out"} {
				if !strings.Contains(banner, want) {
					t.Errorf("the menu lacks %q:\n%s", want, banner)
				}
			}
			if out := s.narrow(s.do("10")); !strings.Contains(out, "module    Quectel EC25, firmware unknown\r\n") {
				t.Errorf("modem status = %s", out)
			}
			out := s.narrow(s.do("11"))
			s.ends(out, "ok")
			if !strings.Contains(out, "LTE, fair (RSRP -97 dBm, RSRQ -11.5 dB, SINR 14 dB)\r\n") || !strings.Contains(out, "The door is shut, read back\r\n") {
				t.Errorf("modem signal = %s", out)
			}
			out = s.narrow(s.do("12"))
			s.ends(out, "ok")
			if !strings.Contains(out, "26201  K?ln Mobil  current    LTE\r\n") || !strings.Contains(out, "next: modem select PLMN\r\n") {
				t.Errorf("modem scan = %s", out)
			}
			s.ends(s.do("13"), "ok") // the SIM asks for none
			s.send("14\r")
			s.expect("AT command: ")
			s.send("AT+CSQ\r")
			s.expect("the record keeps it\r\n")
			s.expect("type the word at to go on: ")
			s.send("at\r")
			s.expect("+CSQ: 20,99\r\nOK\r\n")
			s.expect("ok\r\n" + Prompt)
			if !s.node.Dark() {
				t.Error("the node is not dark at the prompt")
			}
		})
	}
}

// TestPINDoesNotShow: neither PIN nor PUK is echoed, and what was typed ahead of the question is no PIN.
func TestPINDoesNotShow(t *testing.T) {
	s := begin(t, overPTY, nil)
	s.expect(Prompt)
	s.node.Lock("4711", "81549300", 2)
	banner := s.narrow(s.do(""))
	for _, want := range []string{"ICCID 894902...7890, 2 PIN tries left", "PROBLEM   the SIM asks for a PIN", "remedy    type: modem pin"} {
		if !strings.Contains(banner, want) {
			t.Errorf("the banner lacks %q:\n%s", want, banner)
		}
	}
	s.send("modem pin\r")
	s.expect("PIN (2 PIN tries left): ")
	s.send("47x\x7f11\r")
	s.expect("the SIM is unlocked until the module loses its power\r\n")
	s.expect("ok\r\n" + Prompt)
	s.node.Lock("4711", "81549300", 0)
	s.send("modem puk\r")
	s.expect("10 PUK tries left")
	s.expect("PUK (of the carrier's letter): ")
	s.send("81549300\r")
	s.expect("new PIN: ")
	s.send("2468\r")
	s.expect("new PIN again: ")
	s.send("2468\r")
	s.expect("type the word puk to go on: ")
	s.send("puk\r") // echoed, as ever
	s.expect("puk\r\n")
	s.expect("ok\r\n" + Prompt)
	if got, want := s.node.Sent(), []string{"4711", "81549300"}; !slices.Contains(got, want[1]) {
		t.Errorf("the card was sent %q, want %q", got, want)
	}
	for _, secret := range []string{"47", "8154", "2468"} {
		if strings.Contains(s.all(), secret) {
			t.Errorf("%q shows on the line:\n%s", secret, s.all())
		}
	}
	s.ends(s.do("version"), "ok")
}

// TestScanBrokenOff: Ctrl-C ends a scan that takes minutes, and the prompt comes when the radio is off.
func TestScanBrokenOff(t *testing.T) {
	s := begin(t, overPTY, nil)
	s.expect(Prompt)
	defer s.node.Hold()()
	s.send("modem scan\r")
	s.expect("Asking the module: scan\r\n")
	s.send("\x03")
	s.expect("broken off; waiting until the radio is read back as off\r\n")
	s.expect("failed: interrupted\r\n" + Prompt)
	if !s.node.Dark() {
		t.Error("the node is not dark at the prompt")
	}
}

// TestScreenFitsTheTerminal: 24 lines hold the banner of a node at work, the menu and the prompt.
func TestScreenFitsTheTerminal(t *testing.T) {
	s := ready(t)
	s.ends(s.do("deploy --yes"), "ok")
	s.node.Lock("4711", "81549300", 2)
	screen := s.narrow(s.do(""))
	if lines := strings.Count(strings.Trim(screen, "\r\n"), "\r\n") + 2; lines > 24 {
		t.Errorf("the screen has %d lines with its prompt, want 24 at most:\n%s", lines, screen)
	}
	if !strings.Contains(s.do("help"), "modem puk") {
		t.Error("help does not list modem puk")
	}
}

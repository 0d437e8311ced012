package modemsim

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// Elementary files of the card (ETSI TS 102 221 §13.2, 3GPP TS 31.102 §4.2); those that it lacks a host does without.
const (
	fileICCID = 0x2fe2
	fileIMSI  = 0x6f07
	fileSPN   = 0x6f46
	fileAD    = 0x6fad
)

// Status words SW1 SW2 (TS 102 221 §10.2.1).
const (
	swDone        = 0x9000
	swNotAllowed  = 0x6982 // security status not satisfied
	swNoFile      = 0x6a82
	swNoCommand   = 0x6d00
	swWrongOffset = 0x6b00
	swLength      = 0x6c00 // and the right one in SW2
)

// crsm is +CRSM=<command>,<file>,<P1>,<P2>,<P3> (27.007 §8.18): ModemManager and oFono read the card by it, not by the
// vendors' commands; oFono asks for each file's length first.
func crsm(s *Sim, c call) reply {
	if c.form == test {
		return reply{}
	}
	var n [5]int
	for i := range n {
		v, err := strconv.Atoi(c.arg(i))
		if err != nil && (i < 2 || c.arg(i) != "") {
			return refuse(50)
		}
		n[i] = v
	}
	return cardThere(func(s *Sim, _ call) reply {
		sw, data := s.readFile(n[0], n[1], n[2]<<8|n[3], n[4])
		line := fmt.Sprintf("+CRSM: %d,%d", sw>>8, sw&0xff)
		if len(data) > 0 {
			line += fmt.Sprintf(`,"%X"`, data)
		}
		return say(line)
	})(s, c)
}

// readFile carries out READ BINARY and GET RESPONSE; length 0 asks for all.
func (s *Sim) readFile(command, file, offset, length int) (sw int, data []byte) {
	body, there := s.files()[file]
	switch {
	case command != 176 && command != 192:
		return swNoCommand, nil
	case !there:
		return swNoFile, nil
	case command == 192:
		return swDone, fileControl(file, len(body))
	case file != fileICCID && s.cardError() != 0: // the ICCID is read before the PIN
		return swNotAllowed, nil
	case offset > len(body):
		return swWrongOffset, nil
	case length > len(body)-offset:
		return swLength | len(body) - offset, nil
	case length == 0:
		length = len(body) - offset
	}
	return swDone, body[offset : offset+length]
}

// fileControl is the template that describes a transparent file (TS 102 221 §11.1.1.4).
func fileControl(file, size int) []byte {
	inner := []byte{0x82, 2, 0x41, 0x21, 0x83, 2, byte(file >> 8), byte(file), 0x8a, 1, 5, 0x80, 2, byte(size >> 8), byte(size)}
	return append([]byte{0x62, byte(len(inner))}, inner...)
}

// files are the card's.
func (s *Sim) files() map[int][]byte {
	sim, mncDigits := s.cfg.SIM, len(s.cfg.Network.PLMN)-3
	spn := append([]byte{0}, []byte(strings.Repeat("\xff", 16))...)
	copy(spn[1:], s.cfg.Network.Name)
	return map[int][]byte{
		fileICCID: nibbles(sim.ICCID, 10),
		fileIMSI:  append([]byte{8}, nibbles("9"+sim.IMSI, 8)...), // 9: an odd number of digits follows
		fileSPN:   spn,
		fileAD:    {0, 0, 0, byte(mncDigits)},
	}
}

// nibbles packs digits as cards do: two in a byte, the first in the lower half, filled up with F.
func nibbles(digits string, size int) []byte {
	digits = (digits + strings.Repeat("f", 2*size))[:2*size]
	swapped := make([]byte, 0, 2*size)
	for i := 0; i < len(digits); i += 2 {
		swapped = append(swapped, digits[i+1], digits[i])
	}
	packed, err := hex.DecodeString(string(swapped))
	if err != nil {
		return nil // a card whose number is configured with other than digits has no such file
	}
	return packed
}

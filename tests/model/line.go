package model

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// line is one line of a record, as far as the rules go.
type line struct {
	Seq         uint64   `json:"seq"`
	Boot        int64    `json:"boot_ns"`
	BootID      string   `json:"boot_id"`
	Event       string   `json:"event"`
	Window      uint64   `json:"window"`
	Door        string   `json:"door"`
	In          *uint64  `json:"in"`
	Out         *uint64  `json:"out"`
	Code        string   `json:"code"`
	Text        string   `json:"text"`
	Account     *account `json:"account"`
	Key         string   `json:"key"`
	Through     uint64   `json:"through"`
	ThroughHash string   `json:"through_hash"`
	Prev        string   `json:"prev"`
	Sig         string   `json:"sig"`
	Hash        string   `json:"hash"`

	signed []byte // what Sig signs
}

// account is a window's account.
type account struct {
	Asked   moment   `json:"asked"`
	Opened  *moment  `json:"opened"`
	Counter *traffic `json:"counter"`
	Capture *struct {
		traffic
		First *moment `json:"first"`
		Last  *moment `json:"last"`
	} `json:"capture"`
	Dials struct {
		Made    uint64 `json:"made"`
		Refused uint64 `json:"refused"`
	} `json:"dials"`
	InterlockShut *moment `json:"interlock_shut"`
	LinkDown      *moment `json:"link_down"`
	RadioOff      *moment `json:"radio_off"`
}

type moment struct {
	Boot int64 `json:"boot_ns"`
}

type traffic struct {
	BytesIn  uint64 `json:"bytes_in"`
	BytesOut uint64 `json:"bytes_out"`
}

var zeros = strings.Repeat("0", 64)

// read reads a line and checks its hash: the SHA-256 of everything before `,"hash":`, which is the last member.
func read(b []byte) (*line, error) {
	l := &line{}
	if err := json.Unmarshal(b, l); err != nil {
		return nil, fmt.Errorf("it is no JSON object: %w", err)
	}
	end := `,"hash":"` + l.Hash + `"}`
	body, ok := bytes.CutSuffix(b, []byte(end))
	sum := sha256.Sum256(body)
	if !ok || hex.EncodeToString(sum[:]) != l.Hash {
		return nil, errors.New("its hash does not fit what it says")
	}
	if l.Sig != "" {
		if l.signed, ok = bytes.CutSuffix(body, []byte(`,"sig":"`+l.Sig+`"`)); !ok {
			return nil, errors.New("its signature is not the last member before the hash")
		}
	}
	return l, nil
}

// seals follows the chain and its signatures.
type seals struct {
	key    string
	seq    uint64
	prev   string
	begun  bool
	last   *line
	owed   string // hash of the line before the first, which a signed line must yet name
	owedN  uint64
	owedAt int
	until  string // hash of the last line, as a bundle's head names it
}

// take checks the next line; head says that it is a bundle's head and no line of the record.
func (s *seals) take(n int, l *line) (head bool, problem *Finding) {
	if l.Sig != "" {
		if problem := s.signature(l); problem != nil {
			return false, problem
		}
	} else if l.Event == "checkpoint" || l.Event == "dropped" || l.Event == "exported" {
		problem = &Finding{Rule: "signature", Text: "a " + l.Event + " line has to be signed"}
	}
	if l.Event == "exported" && n == 1 && l.Seq == 0 {
		s.until = l.ThroughHash
		return true, problem
	}
	switch {
	case !s.begun && l.Seq > 1:
		s.owed, s.owedN, s.owedAt = l.Prev, l.Seq-1, n
	case l.Seq != s.seq+1 || l.Prev != s.prev:
		problem = &Finding{Rule: "chain", Text: fmt.Sprintf("line number %d does not follow line number %d", l.Seq, s.seq)}
	}
	if l.Event == "dropped" && l.ThroughHash == s.owed && l.Through == s.owedN {
		s.owed = ""
	}
	s.begun, s.seq, s.prev, s.last = true, l.Seq, l.Hash, l
	return false, problem
}

// signature checks one signature, and that it is by the one key.
func (s *seals) signature(l *line) *Finding {
	if s.key == "" {
		s.key = l.Key
	}
	key, err := base64.StdEncoding.DecodeString(l.Key)
	sig, serr := base64.StdEncoding.DecodeString(l.Sig)
	switch {
	case l.Key != s.key:
		return &Finding{Rule: "signature", Text: "it is signed with another key than the record's"}
	case err != nil || serr != nil || len(key) != ed25519.PublicKeySize,
		!ed25519.Verify(key, append([]byte("airlock record 1\n"), l.signed...), sig):
		return &Finding{Rule: "signature", Text: "its signature is not true"}
	}
	return nil
}

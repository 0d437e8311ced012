// Package chain is the form that the lines of a record share, whatever they tell: how a line is hashed and
// signed, and how a reader finds that one was changed, taken out, put in or moved. It opens no file and
// knows no event but those that bear on the chain itself. The recorder writes by it, the CLI verifies by
// it, and the publisher's hub holds what nodes send against it: so it is a leaf and imports nothing of ours.
package chain

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// Events that bear on the chain itself. All of them are signed.
const (
	// Checkpoint vouches with the node's key for every line before it.
	Checkpoint = "checkpoint"
	// Dropped says that the lines up to Through are no longer kept; ThroughHash is the hash of the last of them.
	Dropped = "dropped"
	// Exported is no line of the record but the first of a bundle: Through and ThroughHash are the record's last line.
	Exported = "exported"
)

// Position is a place in a record: a line, and by its hash all lines before it.
type Position struct {
	Seq  uint64 `json:"seq"`
	Hash string `json:"hash"` // hex
}

// Line is what the chain needs to know of a line.
type Line struct {
	Seq         uint64 `json:"seq"`
	Event       string `json:"event"`
	Window      uint64 `json:"window"`
	Key         string `json:"key"` // base64, ed25519
	Through     uint64 `json:"through"`
	ThroughHash string `json:"through_hash"`
	Prev        string `json:"prev"`
	Sig         []byte `json:"sig"`
	Hash        string `json:"hash"`
}

// Position is where the line stands.
func (l Line) Position() Position { return Position{l.Seq, l.Hash} }

const (
	// hashMark begins the end of every line, sigMark what stands before it in a signed one. Quotes inside a
	// JSON string are escaped, so neither can occur in a member's value.
	hashMark = `,"hash":"`
	sigMark  = `,"sig":"`
	// signed goes before what is signed, so that a signature of the record key is good for nothing else.
	signed = "airlock record 1\n"
)

// Genesis is the position before the first line.
func Genesis() Position { return Position{Hash: hex.EncodeToString(make([]byte, sha256.Size))} }

// Seal makes a line, newline included, of a JSON object without its closing brace. With a key it is signed
// over the bytes so far; hashed, with SHA-256, are the bytes with the signature.
func Seal(body []byte, key ed25519.PrivateKey) (line []byte, hash string) {
	line = append(line, body...)
	if key != nil {
		sig := ed25519.Sign(key, append([]byte(signed), body...))
		line = fmt.Appendf(line, "%s%s\"", sigMark, base64.StdEncoding.EncodeToString(sig))
	}
	sum := sha256.Sum256(line)
	hash = hex.EncodeToString(sum[:])
	return fmt.Appendf(line, "%s%s\"}\n", hashMark, hash), hash
}

// KeyText is a public key as lines name it.
func KeyText(k ed25519.PublicKey) string { return base64.StdEncoding.EncodeToString(k) }

// ParseKey reads what KeyText wrote.
func ParseKey(text string) (ed25519.PublicKey, error) {
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(b) != ed25519.PublicKeySize {
		return nil, fmt.Errorf("%q is no record key: expected the 32 bytes of an ed25519 key in base64", text)
	}
	return b, nil
}

// Decode reads one line, without its newline, and checks its hash and, where it has one, its signature.
func Decode(line []byte) (Line, error) {
	var l Line
	i := bytes.LastIndex(line, []byte(hashMark))
	if i < 0 || json.Unmarshal(line, &l) != nil {
		return l, ErrTorn
	}
	sum := sha256.Sum256(line[:i])
	if want := hashMark + hex.EncodeToString(sum[:]) + `"}`; string(line[i:]) != want {
		return l, ErrHash
	}
	return l, l.signature(line[:i])
}

// signature checks that a line which has to be signed is, and that a signature is true.
func (l Line) signature(body []byte) error {
	i := bytes.LastIndex(body, []byte(sigMark))
	if i < 0 {
		switch l.Event {
		case Checkpoint, Dropped, Exported:
			return ErrUnsigned
		}
		return nil
	}
	key, err := ParseKey(l.Key)
	if err != nil || string(body[i:]) != sigMark+base64.StdEncoding.EncodeToString(l.Sig)+`"` ||
		!ed25519.Verify(key, append([]byte(signed), body[:i]...), l.Sig) {
		return ErrSignature
	}
	return nil
}

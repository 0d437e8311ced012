package tunnel

import (
	"bytes"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"net"
	"strconv"
	"strings"
	"unicode"
)

// Token is what an operator hands to a technician to enrol one node, once. Its text form is
// tokenPrefix and the unpadded base64url of: version, secret, hub key, root digest, hub endpoint
// (ASCII), CRC-32 (IEEE, big endian) of all before it.
type Token struct {
	Secret     [16]byte // known to nobody else; gives the key of the first contact
	HubKey     [32]byte // the hub's public WireGuard key
	RootDigest [32]byte // SHA-256 of the publisher's first TUF root
	Hub        string   // host:port of the hub's UDP port
}

const (
	tokenPrefix  = "AIRLOCK1-"
	tokenVersion = 1
	tokenFixed   = 1 + 16 + 32 + 32 // bytes before the endpoint
	tokenSum     = 4
	tokenLongest = 512 // characters; a host name has 253 at most
)

// Errors of ParseToken, told apart so that the technician knows what to do.
var (
	ErrNoToken     = errors.New("this is not an enrolment token: it must begin with " + tokenPrefix)
	ErrTokenCut    = errors.New("the token is cut off: copy it again from its first to its last character")
	ErrTokenTyped  = errors.New("the token is mistyped: its check sum does not fit; compare it with the original, or paste it")
	ErrTokenChar   = errors.New("the token has a character that no token has")
	ErrTokenFormat = errors.New("the token is of a format that this node does not know: update the node, or ask for a token of its version")
)

// NewToken makes a token with a fresh secret.
func NewToken(hubKey, rootDigest [32]byte, hub string) (Token, error) {
	t := Token{HubKey: hubKey, RootDigest: rootDigest, Hub: hub}
	if err := checkEndpoint(hub); err != nil {
		return Token{}, err
	}
	if _, err := rand.Read(t.Secret[:]); err != nil {
		return Token{}, fmt.Errorf("make a token: %w", err)
	}
	return t, nil
}

// String is the form that is typed or pasted. It is a secret until it has been used.
func (t Token) String() string {
	b := []byte{tokenVersion}
	b = append(b, t.Secret[:]...)
	b = append(b, t.HubKey[:]...)
	b = append(b, t.RootDigest[:]...)
	b = append(b, t.Hub...)
	b = binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
	return tokenPrefix + base64.RawURLEncoding.EncodeToString(b)
}

// Key is the temporary private WireGuard key of the first contact. The hub, which made the token,
// knows its public half as a peer.
func (t Token) Key() [32]byte {
	k, err := hkdf.Key(sha256.New, t.Secret[:], nil, "airlock enrolment key", 32)
	if err != nil {
		panic("tunnel: 32 bytes are within HKDF's bound: " + err.Error()) // RFC 5869: up to 255 times the hash
	}
	return clamp([32]byte(k))
}

// ParseToken reads a token as typed or pasted; white space in it is ignored. The errors are those
// above, wrapped or plain: their text is meant for the technician.
func ParseToken(s string) (Token, error) {
	s = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, s)
	body, ok := strings.CutPrefix(s, tokenPrefix)
	switch {
	case s != "" && strings.HasPrefix(tokenPrefix, s):
		return Token{}, ErrTokenCut
	case !ok && strings.HasPrefix(strings.ToUpper(s), strings.TrimRight(tokenPrefix, "1-")):
		return Token{}, fmt.Errorf("%w (this one begins with %q)", ErrTokenFormat, s[:min(len(s), len(tokenPrefix))])
	case !ok:
		return Token{}, ErrNoToken
	case strings.Contains(body, tokenPrefix):
		return Token{}, fmt.Errorf("%w (it was pasted twice)", ErrTokenTyped)
	case len(body) > tokenLongest:
		return Token{}, fmt.Errorf("%w (it has %d characters; was something else pasted behind it?)", ErrTokenTyped, len(body))
	}
	if i := strings.IndexFunc(body, notBase64URL); i >= 0 {
		return Token{}, fmt.Errorf("%w: %q at character %d", ErrTokenChar, []rune(body[i:])[0], len(tokenPrefix)+i+1)
	}
	return decodeToken(body)
}

// decodeToken reads the part behind the prefix, of which each character is a possible one.
func decodeToken(body string) (Token, error) {
	var t Token
	b, err := base64.RawURLEncoding.DecodeString(body)
	if err != nil || len(b) <= tokenFixed+tokenSum {
		return t, ErrTokenCut // a length that no whole number of bytes has, or too short for its fields
	}
	payload, sum := b[:len(b)-tokenSum], binary.BigEndian.Uint32(b[len(b)-tokenSum:])
	if crc32.ChecksumIEEE(payload) != sum {
		if looksCut(b) {
			return t, ErrTokenCut
		}
		return t, ErrTokenTyped
	}
	if payload[0] != tokenVersion {
		return t, fmt.Errorf("%w (version %d)", ErrTokenFormat, payload[0])
	}
	copy(t.Secret[:], payload[1:])
	copy(t.HubKey[:], payload[17:])
	copy(t.RootDigest[:], payload[49:])
	t.Hub = string(payload[tokenFixed:])
	return t, checkEndpoint(t.Hub)
}

// looksCut tells a paste that lost its end from a wrong letter. Without a part of its check sum, what
// is left of that still fits; without all of it, everything behind the fixed part is printable.
func looksCut(b []byte) bool {
	if b[0] != tokenVersion {
		return false
	}
	for left := 1; left < tokenSum; left++ {
		payload, rest := b[:len(b)-left], b[len(b)-left:]
		if bytes.HasPrefix(binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE(payload)), rest) {
			return true
		}
	}
	end := b[len(b)-tokenSum:]
	whole := checkEndpoint(string(b[tokenFixed:len(b)-tokenSum])) == nil && bytes.ContainsFunc(end, func(r rune) bool { return r < '0' || r > '9' })
	return !whole && !bytes.ContainsFunc(b[tokenFixed:], func(r rune) bool { return r <= ' ' || r > '~' })
}

func notBase64URL(r rune) bool {
	return !(r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' || r == '_')
}

// checkEndpoint refuses what cannot be host:port of a UDP port.
func checkEndpoint(hub string) error {
	host, port, err := net.SplitHostPort(hub)
	n, perr := strconv.ParseUint(port, 10, 16)
	if err != nil || perr != nil || n == 0 || host == "" || strings.ContainsFunc(hub, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return fmt.Errorf("the hub's address %q is not of the form host:port", hub)
	}
	return nil
}

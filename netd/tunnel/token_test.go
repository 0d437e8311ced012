package tunnel

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"strings"
	"testing"
)

func sampleToken() Token {
	t := Token{Hub: "hub.example.net:51820"}
	for i := range t.Secret {
		t.Secret[i] = byte(i)
	}
	for i := range t.HubKey {
		t.HubKey[i], t.RootDigest[i] = byte(100+i), byte(200-i)
	}
	return t
}

func TestTokenRoundTrip(t *testing.T) {
	want := sampleToken()
	text := want.String()
	for _, s := range []string{text, " " + text + "\n", text[:20] + "\r\n  " + text[20:60] + "\t" + text[60:]} {
		if got, err := ParseToken(s); err != nil || got != want {
			t.Errorf("ParseToken(%q) = %+v, %v, want %+v", s, got, err, want)
		}
	}
}

// Fixed once and for all: the publisher and the node must derive the same key in every version.
func TestTokenKeyIsStable(t *testing.T) {
	k := sampleToken().Key()
	if got, want := KeyText(PublicKey(k)), "eoXVPI3t1aDXx+9Etuagx/3L8a71oaJNPgr8ykSao24="; got != want {
		t.Errorf("public half of the token's key = %s, want %s", got, want)
	}
	if got, want := AddressOf(PublicKey(k)).String(), "fd41:6972:6c6b:0:"; !strings.HasPrefix(got, want) {
		t.Errorf("AddressOf = %s, want it to begin with %s", got, want)
	}
}

func TestParseTokenSaysWhatIsWrong(t *testing.T) {
	good := sampleToken().String()
	flip := func(i int) string {
		c := byte('A')
		if good[i] == 'A' {
			c = 'B'
		}
		return good[:i] + string(c) + good[i+1:]
	}
	other := sampleToken()
	raw, _ := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(other.String(), tokenPrefix))
	raw[0] = 2
	newer := binary.BigEndian.AppendUint32(raw[:len(raw)-4:len(raw)-4], crc32.ChecksumIEEE(raw[:len(raw)-4]))
	noPort := sampleToken()
	noPort.Hub = "hub.example.net"
	for name, c := range map[string]struct {
		in   string
		want error
	}{
		"nothing":         {"", ErrNoToken},
		"another thing":   {"ssh-ed25519 AAAA", ErrNoToken},
		"begin of prefix": {"AIRLO", ErrTokenCut},
		"prefix only":     {tokenPrefix, ErrTokenCut},
		"lower case":      {"airlock1-" + good[9:], ErrTokenFormat},
		"next format":     {"AIRLOCK2-" + good[9:], ErrTokenFormat},
		"next version":    {tokenPrefix + base64.RawURLEncoding.EncodeToString(newer), ErrTokenFormat},
		"wrong secret":    {flip(12), ErrTokenTyped},
		"foreign letter":  {good[:30] + "ö" + good[31:], ErrTokenChar},
		"pasted twice":    {good + good, ErrTokenTyped},
		"far too long":    {good + strings.Repeat("A", 5000), ErrTokenTyped},
	} {
		if _, err := ParseToken(c.in); !errors.Is(err, c.want) {
			t.Errorf("%s: ParseToken = %v, want %v", name, err, c.want)
		}
	}
	typed := 0
	for i := len(tokenPrefix) + 2; i < len(good); i++ {
		if _, err := ParseToken(flip(i)); errors.Is(err, ErrTokenTyped) {
			typed++
		} else if !errors.Is(err, ErrTokenCut) && !errors.Is(err, ErrTokenFormat) {
			t.Errorf("with another letter at %d: %v", i, err)
		}
	}
	if all := len(good) - len(tokenPrefix) - 2; typed < all*95/100 {
		t.Errorf("%d of %d wrong letters are called mistyped", typed, all)
	} else {
		t.Logf("%d of %d wrong letters are called mistyped", typed, all)
	}
	if _, err := ParseToken(noPort.String()); err == nil || !strings.Contains(err.Error(), "host:port") {
		t.Errorf("a token without a port: %v", err)
	}
}

// Wherever a paste is cut off, no token comes out; and the technician is told that it is cut, but
// for the rare cut that looks like a wrong letter.
func TestEveryCutIsNoticed(t *testing.T) {
	good := sampleToken().String()
	cut := 0
	for i := 1; i < len(good); i++ {
		_, err := ParseToken(good[:i])
		if err == nil {
			t.Errorf("a token of %d characters of %d is taken", i, len(good))
		}
		if errors.Is(err, ErrTokenCut) {
			cut++
		}
	}
	if total := len(good) - 1; cut < total-1 {
		t.Errorf("%d of %d cuts are called cuts", cut, total)
	}
}

func FuzzParseToken(f *testing.F) {
	f.Add(sampleToken().String())
	f.Add("AIRLOCK1-AQ")
	f.Add("AIRLOCK")
	f.Fuzz(func(t *testing.T, s string) {
		tok, err := ParseToken(s)
		if err != nil {
			return
		}
		if again, err := ParseToken(tok.String()); err != nil || again != tok {
			t.Errorf("ParseToken(%q) does not survive String: %v", s, err)
		}
	})
}

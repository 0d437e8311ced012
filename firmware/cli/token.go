package cli

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strings"
)

// tokenLimit bounds a token with white space in it; a whole one has some 150 characters.
const tokenLimit = 2048

// token takes the enrolment token from the command line, from stdin, or from the person.
func (c *command) token(ctx context.Context, args []string) (string, error) {
	text := squeeze(strings.Join(args, ""))
	if text == "-" && c.Stdin != nil {
		b, err := io.ReadAll(io.LimitReader(c.Stdin, tokenLimit))
		if err != nil {
			return "", fmt.Errorf("read token from stdin: %w", err)
		}
		if text = squeeze(string(b)); text == "" {
			return "", &usageError{errors.New("no token came on stdin")}
		}
		return text, nil
	}
	if text == "-" {
		text = ""
	}
	if c.Ask != nil {
		return c.askToken(ctx, text)
	}
	if text == "" {
		return "", &usageError{errors.New("enrol needs the one-time token: enrol AIRLOCK1-..., or enrol - with the token on stdin")}
	}
	return text, nil
}

// askToken asks for the token, or for the rest of one: a paste that was wrapped somewhere arrives
// as several lines, and only the first of them is on the command line.
func (c *command) askToken(ctx context.Context, text string) (string, error) {
	if text == "" {
		line, err := c.Ask.Line(ctx, "token: ")
		if err != nil {
			return "", err
		}
		if text = squeeze(line); text == "" {
			return "", &usageError{errors.New("no token was given; nothing was done")}
		}
	}
	for cutOff(text) && len(text) < tokenLimit {
		line, err := c.Ask.More(ctx, "the token goes on (Enter alone ends it): ")
		if err != nil {
			return "", err
		}
		more := squeeze(line)
		if more == "" {
			break // deployd says what is wrong with it
		}
		text += more
	}
	return text, nil
}

// tokenPrefix begins every token, see the section on tokens in ARCHITECTURE.md.
const tokenPrefix = "AIRLOCK1-"

// cutOff says that the text begins as a token does, holds nothing that a token cannot hold, and
// lacks the check sum at its end: so there may be more of it. Everything else is judged by those
// who take the token (netd/tunnel, which this small program would have to carry whole).
func cutOff(text string) bool {
	if len(text) < len(tokenPrefix) {
		return text != "" && strings.HasPrefix(tokenPrefix, text)
	}
	body, ok := strings.CutPrefix(text, tokenPrefix)
	if !ok {
		return false
	}
	b, err := base64.RawURLEncoding.DecodeString(body)
	if err != nil {
		// A length that no whole number of bytes has tells that characters are missing, any other error a wrong one.
		_, err = base64.RawURLEncoding.DecodeString(body + "A")
		return err == nil
	}
	const sum = 4 // bytes of CRC-32, big endian
	return len(b) < sum || crc32.ChecksumIEEE(b[:len(b)-sum]) != binary.BigEndian.Uint32(b[len(b)-sum:])
}

// squeeze takes out the white space that a paste puts in.
func squeeze(s string) string { return strings.Join(strings.Fields(s), "") }

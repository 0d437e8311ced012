package fetch

import (
	"errors"
	"fmt"

	"github.com/theupdateframework/go-tuf/v2/metadata"
)

// Reason names why something that the publisher sent was refused.
type Reason string

// Reasons of refusals, named after the attacks of the TUF specification (section 1.5.2) where one applies.
const (
	Truncated    Reason = "truncated"     // fewer bytes than signed, and no more to be had
	WrongDigest  Reason = "wrong digest"  // other content than signed
	BadSignature Reason = "bad signature" // too few valid signatures of the role's keys
	Expired      Reason = "expired"       // a freeze attack, or a publisher that stopped signing, or a wrong clock
	Rollback     Reason = "rollback"      // older than what this node has seen
	MixAndMatch  Reason = "mix and match" // pieces that were never published together
	UnknownRole  Reason = "unknown role"  // signed by a role that may not sign this
	Endless      Reason = "endless data"  // more bytes than signed or allowed
	Slow         Reason = "too slow"      // below the minimum rate
	Malformed    Reason = "malformed"     // signed, and yet not what the format asks for
)

// Refused is a refusal: which file, why, and what was seen.
type Refused struct {
	File   string
	Reason Reason
	Detail string
	cause  error
}

// Error is the sentence for a person.
func (r *Refused) Error() string {
	return fmt.Sprintf("%s refused: %s (%s)", r.File, r.Reason, r.Detail)
}

// Unwrap is what a library said.
func (r *Refused) Unwrap() error { return r.cause }

// ErrNothing says that nothing is assigned to the node.
var ErrNothing = errors.New("nothing is assigned to this node")

// ErrAnswer says that the publisher answered with a status that is none of success.
var ErrAnswer = errors.New("the publisher answered")

// answered words a status for a person; go-tuf's own error stays within.
func answered(file string, err error) error {
	var h *metadata.ErrDownloadHTTP
	if !errors.As(err, &h) {
		return err
	}
	return fmt.Errorf("get %s: %w %d: %w", file, ErrAnswer, h.StatusCode, err)
}

// refuse makes a Refused.
func refuse(file string, reason Reason, format string, args ...any) *Refused {
	return &Refused{File: file, Reason: reason, Detail: fmt.Sprintf(format, args...)}
}

// classify turns an error of go-tuf about file into a Refused. An error that says nothing about
// the repository (a broken connection, a full disk) is returned as it is.
func classify(file string, err error) error {
	var known *Refused
	if err == nil || errors.As(err, &known) {
		return err
	}
	r := &Refused{File: file, Detail: err.Error(), cause: err}
	// Most particular first: go-tuf's kinds include one another.
	switch {
	case errors.Is(err, &metadata.ErrDownloadLengthMismatch{}):
		r.Reason = Endless
	case errors.Is(err, &metadata.ErrExpiredMetadata{}):
		r.Reason = Expired
	case isVersion(err):
		r.Reason = Rollback
	case errors.Is(err, &metadata.ErrUnsignedMetadata{}):
		r.Reason = BadSignature
	case errors.Is(err, &metadata.ErrLengthOrHashMismatch{}):
		r.Reason = WrongDigest
	case errors.Is(err, &metadata.ErrDownload{}), errors.Is(err, &metadata.ErrDownloadHTTP{}):
		return answered(file, err)
	case errors.Is(err, &metadata.ErrRepository{}):
		r.Reason = MixAndMatch
	case errors.Is(err, &metadata.ErrValue{}), errors.Is(err, &metadata.ErrType{}):
		r.Reason = Malformed
	default:
		return err
	}
	return r
}

// isVersion says whether err is about a version number.
func isVersion(err error) bool {
	return errors.Is(err, &metadata.ErrBadVersionNumber{}) || errors.Is(err, &metadata.ErrEqualVersionNumber{})
}

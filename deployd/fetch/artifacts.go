package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"airlock/deployd/release"
	"airlock/deployd/store"
)

// Plan is what has to move for a release, decided before anything does.
type Plan struct {
	Items []Item
	// Total is the sum of the stored forms, Held how much of that is here already, bytes.
	Total, Held int64
	// Room is what the store needs at most while the plan is carried out, bytes.
	Room int64
	// Wanted names everything in the store that the release can use: digests of files and of partial files.
	Wanted []string
}

// Item is one stored form to fetch. Two artifacts with the same content are one item.
type Item struct {
	Artifact release.Artifact
	url      string
	digest   string // of the stored form
	length   int64  // of the stored form
}

// Plan looks up every artifact that the store does not hold; the role releases must have signed each.
func (s *Session) Plan(m release.Manifest, st *store.Store) (Plan, error) {
	var p Plan
	var largest int64
	seen := map[string]bool{}
	for _, a := range m.Artifacts {
		p.Wanted = append(p.Wanted, a.SHA256)
		if seen[a.SHA256] || st.Has(a.SHA256, a.Size) {
			continue
		}
		seen[a.SHA256] = true
		info, err := s.signedBy(release.RoleReleases, a.Target)
		if errors.Is(err, ErrNothing) {
			return p, refuse(a.Target, UnknownRole, "the manifest names a file which the role %s has not signed", release.RoleReleases)
		}
		if err != nil {
			return p, err
		}
		url, digest, err := s.address(info)
		if err != nil {
			return p, err
		}
		held := min(st.Held(digest), info.Length)
		p.Items = append(p.Items, Item{Artifact: a, url: url, digest: digest, length: info.Length})
		p.Wanted = append(p.Wanted, digest)
		p.Total += info.Length
		p.Held += held
		p.Room += a.Size
		largest = max(largest, info.Length-held)
	}
	p.Room += largest
	return p, nil
}

// Artifacts carries out a plan. progress, which may be nil, is told how many bytes of the plan's
// total are here. What arrived before an error stays in the store, verified when it is whole.
func (s *Session) Artifacts(ctx context.Context, p Plan, st *store.Store, progress func(done int64)) error {
	if progress == nil {
		progress = func(int64) {}
	}
	var done int64
	for _, it := range p.Items {
		if err := s.artifact(ctx, it, st, func(n int64) { progress(done + n) }); err != nil {
			return err
		}
		done += it.length
		progress(done)
	}
	return nil
}

// artifact brings one stored form into the store and unpacks it.
func (s *Session) artifact(ctx context.Context, it Item, st *store.Store, progress func(int64)) error {
	part, err := st.Partial(it.digest)
	if err != nil {
		return err
	}
	defer part.Close()
	resumed := part.Have() > 0
	for {
		if err := s.complete(ctx, it, part, progress); err != nil {
			return err
		}
		err := part.Check()
		if err == nil {
			break
		}
		if !errors.Is(err, store.ErrDigest) {
			return err
		}
		if !resumed {
			return refuse(it.Artifact.Target, WrongDigest, "%v", err)
		}
		resumed = false // the part from an earlier window may be what was damaged: once more from the start
	}
	err = part.Install(it.Artifact)
	switch {
	case errors.Is(err, store.ErrDigest):
		return refuse(it.Artifact.Target, WrongDigest, "%v", err)
	case errors.Is(err, store.ErrSize):
		return refuse(it.Artifact.Target, WrongDigest, "%v", err)
	}
	return err
}

// complete fetches until the stored form has its length, resuming after every break that brought
// something, and a few times after breaks that brought nothing.
func (s *Session) complete(ctx context.Context, it Item, part *store.Partial, progress func(int64)) error {
	if part.Have() > it.length {
		if err := part.Reset(); err != nil {
			return err
		}
	}
	l := s.cfg.Limits
	enough := max(1, int64(float64(l.MinRate)*l.Period.Seconds()))
	for fruitless := 0; part.Have() < it.length; {
		before := part.Have()
		err := s.piece(ctx, it, part, progress)
		var disk *store.Full
		if isRefused(err) || errors.As(err, &disk) || ctx.Err() != nil {
			return err
		}
		if err == nil {
			continue
		}
		if part.Have()-before >= enough && !errors.Is(err, errSlow) {
			fruitless = 0
			continue
		}
		if fruitless++; fruitless >= l.Tries {
			return slowly(it.Artifact.Target, fmt.Errorf("fetch %s: %w", it.Artifact.Target, err))
		}
		select {
		case <-time.After(l.Pause):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// piece makes one request for the rest and takes what comes.
func (s *Session) piece(ctx context.Context, it Item, part *store.Partial, progress func(int64)) error {
	file, offset := it.Artifact.Target, part.Have()
	t, err := get(ctx, s.cfg.HTTP, it.url, offset, s.cfg.Limits)
	if err != nil {
		return gone(file, offset, it.length, err)
	}
	defer t.Close()
	start, total, err := t.rest(offset)
	switch {
	case err != nil:
		return refuse(file, Malformed, "%v", err)
	case total > it.length:
		return refuse(file, Endless, "the publisher announces %d bytes, %d are signed", total, it.length)
	case total >= 0 && total < it.length:
		return refuse(file, Truncated, "the publisher has %d of the %d signed bytes", total, it.length)
	}
	if start == 0 && offset > 0 { // a server without ranges begins anew
		if err := part.Reset(); err != nil {
			return err
		}
	}
	return s.take(t, it, part, progress)
}

// take copies the body and judges its end.
func (s *Session) take(t *transfer, it Item, part *store.Partial, progress func(int64)) error {
	buf := make([]byte, 64<<10)
	for {
		n, err := t.Read(buf)
		if int64(n) > it.length-part.Have() {
			return refuse(it.Artifact.Target, Endless, "more than the %d signed bytes arrived", it.length)
		}
		if _, werr := part.Write(buf[:n]); werr != nil {
			return werr
		}
		progress(part.Have())
		if err == io.EOF && part.Have() == it.length {
			return nil
		}
		if err == io.EOF && t.StatusCode == http.StatusPartialContent && n == 0 && t.rate.total() == 0 {
			return refuse(it.Artifact.Target, Truncated, "the publisher has %d of the %d signed bytes", part.Have(), it.length)
		}
		if err == io.EOF {
			return io.ErrUnexpectedEOF
		}
		if err != nil {
			return err
		}
	}
}

// gone words an answer without content: a file that is missing or ends before the offset was truncated.
func gone(file string, offset, length int64, err error) error {
	var h *metadata.ErrDownloadHTTP
	if errors.As(err, &h) && h.StatusCode == http.StatusRequestedRangeNotSatisfiable {
		return refuse(file, Truncated, "the publisher has %d of the %d signed bytes", offset, length)
	}
	return missing(file, err)
}

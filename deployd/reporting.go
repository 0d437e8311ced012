package deployd

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"airlock/deployd/api"
	"airlock/deployd/release"
	"airlock/netd/windows"
)

// reportTime bounds the sending of one report.
const reportTime = time.Minute

// queue signs a report and keeps it until the publisher has it. A report that is queued already
// stays as it is: after a power cut the earlier one knows more.
func (c *Courier) queue(r release.Report) error {
	path := filepath.Join(c.cfg.Dir, "reports", r.ID+".json")
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	b, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("encode report: %w", err)
	}
	signed := release.SignedReport{Report: b, Signature: ed25519.Sign(c.keys.report, b)}
	return stored(c.disk.WriteJSON(path, signed, 0o600))
}

// queued are the files of the reports that wait, oldest name first.
func (c *Courier) queued() []string {
	paths, err := filepath.Glob(filepath.Join(c.cfg.Dir, "reports", "*.json"))
	if err != nil {
		return nil // only a malformed pattern fails
	}
	return paths
}

// report sends what is queued, in an outer window of its own.
func (c *Courier) report(ctx context.Context, say api.Say) error {
	if c.state.node() == nil {
		return problem(api.CodeNotMember, "this node is not enrolled: type the token first")
	}
	if len(c.queued()) == 0 {
		return problem(api.CodeNothing, "no report is queued")
	}
	r := windows.Request{Door: windows.Outer, Purpose: windows.Report}
	return c.during(ctx, r, say, func(ctx context.Context, w Window) error {
		client, shut := through(w)
		defer shut()
		base, err := c.publisher(w)
		if err != nil {
			return err
		}
		err = c.sendReports(ctx, client, base, say)
		c.sendRecord(ctx, client, base, say)
		return told("report", err)
	})
}

// sendReports sends one after the other, and drops each as soon as the publisher has acknowledged it.
func (c *Courier) sendReports(ctx context.Context, client *http.Client, base string, say api.Say) error {
	paths := c.queued()
	var refused []error
	for i, path := range paths {
		b, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("read queued report: %w", err)
		}
		err = c.sendReport(ctx, client, base, b)
		var no *api.Error
		if errors.As(err, &no) && no.Code == api.CodeRefused {
			refused = append(refused, err) // the others may be welcome
			continue
		}
		if err != nil {
			return err
		}
		if err := c.disk.Remove(path); err != nil {
			return err
		}
		say(api.Progress{Text: fmt.Sprintf("report %d of %d is with the publisher", i+1, len(paths))})
	}
	return errors.Join(refused...)
}

// sendReport sends one; nil means that the publisher has it.
func (c *Courier) sendReport(ctx context.Context, client *http.Client, base string, body []byte) error {
	ctx, cancel := context.WithTimeout(ctx, reportTime)
	defer cancel()
	res, err := post(ctx, client, base+release.PathReports, body)
	if err != nil {
		return fmt.Errorf("send report: %w", err)
	}
	defer res.Body.Close()
	answer, _ := io.ReadAll(io.LimitReader(res.Body, 64<<10)) // only words a refusal
	switch {
	case res.StatusCode/100 == 2:
		return nil
	case res.StatusCode/100 == 4:
		return problem(api.CodeRefused, "the publisher refused a report, it stays queued: %s", sentence(answer))
	}
	return problem(api.CodeNoAnswer, "the publisher could not take the report, it stays queued: it answered %s: %s", res.Status, sentence(answer))
}

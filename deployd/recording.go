package deployd

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"airlock/deployd/api"
	"airlock/deployd/release"
	"airlock/netd/windows"
)

// partSize bounds the lines that are sent at once, bytes before they are compressed.
const partSize = 4 << 20

// Record is what Windows may be besides: a doorkeeper that hands out its record. The courier carries it and can change
// nothing of it unnoticed: the lines are chained, and signed by a key that it has never seen.
type Record interface {
	// RecordFrom streams the lines from one on, and at least the last.
	RecordFrom(ctx context.Context, from uint64) (io.ReadCloser, error)
	// AcknowledgeRecord tells that the publisher has the lines up to p.
	AcknowledgeRecord(ctx context.Context, p windows.RecordPosition) error
}

var _ Record = netd{}

// sendRecord brings the publisher what it does not have of the doorkeeper's record. It fails no job: what could not be sent
// stays, and goes in the next outer window.
func (c *Courier) sendRecord(ctx context.Context, client *http.Client, base string, say api.Say) {
	record, ok := c.cfg.Windows.(Record)
	if !ok {
		return
	}
	err := c.carry(ctx, client, base, record, say)
	var no *api.Error
	switch {
	case err == nil:
	case errors.As(err, &no) && no.Code == api.CodeRefused:
		c.log.Error("record", "error", err)
		say(api.Progress{Text: err.Error()})
	default:
		c.log.Warn("the record stays here until the next outer window", "error", err)
	}
}

// carry sends part after part until the publisher has all that is signed.
func (c *Courier) carry(ctx context.Context, client *http.Client, base string, record Record, say api.Say) error {
	ctx, cancel := context.WithTimeout(ctx, reportTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+release.PathRecord, nil)
	if err != nil {
		return err
	}
	has, err := receipt(client.Do(req))
	begun := has.Seq
	for more := true; more && err == nil; {
		before := has.Seq
		if has, more, err = c.carryPart(ctx, client, base, record, has); err == nil && has.Seq > 0 {
			err = record.AcknowledgeRecord(ctx, windows.RecordPosition(has))
		}
		more = more && has.Seq > before
	}
	if err == nil && has.Seq > begun {
		say(api.Progress{Text: fmt.Sprintf("the record up to line %d is with the publisher", has.Seq)})
	}
	return err
}

// carryPart sends what is signed behind a line which the publisher has, and that line itself: by it both see whether they
// speak of one record. more says that there is more.
func (c *Courier) carryPart(ctx context.Context, client *http.Client, base string, record Record, from release.RecordReceipt) (has release.RecordReceipt, more bool, err error) {
	stored, err := record.RecordFrom(ctx, from.Seq)
	if err != nil {
		return from, false, err
	}
	defer stored.Close()
	lines, more, err := part(stored)
	if err != nil {
		return from, false, fmt.Errorf("read the record: %w", err)
	}
	first, _, _ := bytes.Cut(lines, []byte("\n"))
	known := from.Seq > 0 && json.Unmarshal(first, &has) == nil && has == from
	if known && len(lines) == len(first)+1 {
		return from, false, nil // nothing new: every byte is paid for
	}
	var body bytes.Buffer
	zip := gzip.NewWriter(&body)
	if _, err := zip.Write(lines); err != nil {
		return from, false, err
	}
	if err := zip.Close(); err != nil {
		return from, false, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, base+release.PathRecord, &body)
	if err != nil {
		return from, false, err
	}
	req.Header.Set("Content-Type", "application/x-ndjson")
	req.Header.Set("Content-Encoding", "gzip")
	has, err = receipt(client.Do(req))
	return has, more, err
}

// part reads whole lines up to the last that is signed: the publisher keeps no others. Of a record without a signed one it
// is the first line. It is partSize long, or up to the first signed line behind that; more says that lines are left.
func part(stored io.Reader) (lines []byte, more bool, err error) {
	buffered := bufio.NewReader(stored)
	signed, first := 0, 0 // bytes up to the last signed line, and of the first line
	for len(lines) < partSize || signed == first {
		line, err := buffered.ReadBytes('\n')
		if errors.Is(err, io.EOF) { // what is no whole line is not sent
			return lines[:signed], false, nil
		}
		if err != nil {
			return nil, false, err
		}
		lines = append(lines, line...)
		if first == 0 {
			first = len(lines)
		}
		if first == len(lines) || bytes.Contains(line, []byte(`,"sig":"`)) {
			signed = len(lines)
		}
	}
	return lines[:signed], true, nil
}

// receipt reads what the publisher says of a record.
func receipt(res *http.Response, err error) (has release.RecordReceipt, _ error) {
	if err != nil {
		return has, fmt.Errorf("send the record: %w", err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	switch {
	case err != nil:
		return has, fmt.Errorf("read the publisher's answer: %w", err)
	case res.StatusCode == http.StatusConflict:
		return has, problem(api.CodeRefused, "the publisher does not take this node's record: %s", sentence(answer))
	case res.StatusCode/100 != 2:
		return has, fmt.Errorf("the publisher answered %s: %s", res.Status, sentence(answer))
	}
	if err := json.Unmarshal(answer, &has); err != nil {
		return has, fmt.Errorf("read the publisher's receipt: %w", err)
	}
	return has, nil
}

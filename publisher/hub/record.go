package hub

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"

	"airlock/deployd/release"
	"airlock/netd/recorder/chain"
	"airlock/publisher"
)

// maxRecord bounds the lines of one part, bytes when unpacked.
const maxRecord = 16 << 20

// recordState says how far the record of a node is here.
func (h *Hub) recordState(w http.ResponseWriter, r *http.Request, n publisher.Node) {
	has, err := h.Inbox.Record(r.Context(), n.Name)
	if err != nil {
		h.problem(w, r, err)
		return
	}
	answer(w, http.StatusOK, "application/json", release.RecordReceipt{Seq: has.Seq, Hash: has.Hash})
}

// record takes lines that continue a node's record, and says when they do not.
func (h *Hub) record(w http.ResponseWriter, r *http.Request, n publisher.Node) {
	lines, err := unpack(http.MaxBytesReader(w, r.Body, maxRecord))
	if err != nil {
		h.problem(w, r, publisher.Errorf(publisher.CodeInvalid, "the record is malformed or was cut off: %v", err))
		return
	}
	has, err := h.Inbox.Record(r.Context(), n.Name)
	if err != nil {
		h.problem(w, r, err)
		return
	}
	part, gap, broken := continues(has, n.RecordKey, lines)
	if broken != nil {
		h.Log.Error("the record of a node does not continue", "node", n.Name, "reason", broken)
		err := h.Inbox.AddRecordTrouble(r.Context(), n.Name, broken.Error())
		h.problem(w, r, errors.Join(err, publisher.Errorf(publisher.CodeConflict, "%v", broken)))
		return
	}
	if part.Last > 0 {
		err = h.Inbox.AddRecordPart(r.Context(), n.Name, has.Seq, part)
		has.Seq, has.Hash = part.Last, part.Hash
	}
	if err == nil && gap != "" {
		h.Log.Warn("the record of a node has a gap", "node", n.Name, "gap", gap)
		err = h.Inbox.AddRecordTrouble(r.Context(), n.Name, gap)
	}
	if err != nil {
		h.problem(w, r, err)
		return
	}
	answer(w, http.StatusOK, "application/json", release.RecordReceipt{Seq: has.Seq, Hash: has.Hash})
}

// unpack reads what a node packed, and no more than maxRecord of it.
func unpack(body io.Reader) ([]byte, error) {
	zip, err := gzip.NewReader(body)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(zip, maxRecord+1))
	if err == nil && len(b) > maxRecord {
		err = fmt.Errorf("it has more than %d bytes", maxRecord)
	}
	return b, err
}

// continues holds lines against what is here. The part is what of them is new, up to the last signed line, empty when there
// is none; gap tells lines that the node has dropped before they came; broken says why the lines are not this record's.
func continues(has publisher.NodeRecord, key string, lines []byte) (part publisher.RecordPart, gap string, broken error) {
	at := chain.Position{Seq: has.Seq, Hash: has.Hash}
	if has.Seq == 0 {
		at = chain.Genesis()
	}
	c := chain.NewChecker(at, key)
	var all bytes.Buffer // new lines
	signed := 0          // bytes of all up to the last signed line
	last := chain.Position{}
	for text := range bytes.Lines(lines) {
		line, whole := bytes.CutSuffix(text, []byte("\n"))
		l, err := chain.Decode(line)
		last = l.Position()
		if err == nil && whole && l.Seq > 0 && l.Seq <= has.Seq {
			if l.Seq == has.Seq && l.Hash != has.Hash {
				return part, "", fmt.Errorf("line %d of the record is another than the one that was received before: the record was rewritten or replaced", l.Seq)
			}
			continue
		}
		if err == nil && !whole {
			err = chain.ErrTorn
		}
		if err == nil {
			l, err = c.Next(line)
		}
		if err != nil {
			return part, "", fmt.Errorf("line %d, sent behind line %d: %w", l.Seq, c.At().Seq, err)
		}
		all.Write(text)
		if len(l.Sig) > 0 {
			signed = all.Len()
			part = publisher.RecordPart{First: c.First(), Last: l.Seq, Hash: l.Hash, Key: l.Key}
		}
	}
	if last.Seq > 0 && last.Seq < has.Seq {
		return part, "", fmt.Errorf("the record ends at line %d, and was received up to line %d before: it was cut back or replaced", last.Seq, has.Seq)
	}
	if c.End() != nil {
		return publisher.RecordPart{}, "", fmt.Errorf("lines %d to %d are missing, and no signed line says that they were dropped", has.Seq+1, c.First()-1)
	}
	if part.Last > 0 && part.First > has.Seq+1 {
		gap = fmt.Sprintf("lines %d to %d were dropped on the node before they were received, as a signed line says", has.Seq+1, part.First-1)
	}
	part.Lines = all.Bytes()[:signed]
	return part, gap, nil
}

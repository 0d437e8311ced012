package db

import (
	"bytes"
	"compress/gzip"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"

	"airlock/publisher"
)

const recordColumns = `n.name, coalesce(p.last, 0), coalesce(p.hash, ''), coalesce(p.received, 0), coalesce(t.detail, ''), coalesce(t.at, 0)
	FROM nodes n
	LEFT JOIN record_parts p ON p.node = n.name AND p.last = (SELECT max(last) FROM record_parts WHERE node = n.name)
	LEFT JOIN record_troubles t ON t.rowid = (SELECT max(rowid) FROM record_troubles WHERE node = n.name)`

// Records lists how far each node's record has come, by name.
func (d *DB) Records(ctx context.Context) ([]publisher.NodeRecord, error) {
	r, err := d.sql.QueryContext(ctx, `SELECT `+recordColumns+` ORDER BY n.name`)
	all, err := rows(r, err, scanRecord)
	if err != nil {
		return nil, fmt.Errorf("list records: %w", err)
	}
	return all, nil
}

// Record is how far one node's has come; CodeNotFound when there is no such node.
func (d *DB) Record(ctx context.Context, node string) (publisher.NodeRecord, error) {
	rec, err := scanRecord(d.sql.QueryRowContext(ctx, `SELECT `+recordColumns+` WHERE n.name = ?`, node))
	if errors.Is(err, sql.ErrNoRows) {
		return rec, publisher.Errorf(publisher.CodeNotFound, "no node is called %s; list them with: publisherd node list", node)
	}
	if err != nil {
		return rec, fmt.Errorf("find the record of node %s: %w", node, err)
	}
	return rec, nil
}

func scanRecord(r scanner) (publisher.NodeRecord, error) {
	var rec publisher.NodeRecord
	var received, at int64
	err := r.Scan(&rec.Node, &rec.Seq, &rec.Hash, &received, &rec.Trouble, &at)
	rec.Received, rec.TroubleAt = moment(received), moment(at)
	return rec, err
}

// AddRecordPart keeps lines that continue the record up to the line after; and the key, where the node had none yet.
// CodeConflict when the record has gone on in the meantime.
func (d *DB) AddRecordPart(ctx context.Context, node string, after uint64, p publisher.RecordPart) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("keep the record of node %s: %w", node, full(err))
		}
	}()
	var zipped bytes.Buffer
	zip := gzip.NewWriter(&zipped)
	if _, err := zip.Write(p.Lines); err != nil {
		return err
	}
	if err := zip.Close(); err != nil {
		return err
	}
	tx, err := d.sql.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // in vain once it is committed
	var last uint64
	if err := tx.QueryRowContext(ctx, `SELECT coalesce(max(last), 0) FROM record_parts WHERE node = ?`, node).Scan(&last); err != nil {
		return err
	}
	if last != after {
		return publisher.Errorf(publisher.CodeConflict, "the record of node %s was sent twice at once; it is here up to line %d", node, last)
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO record_parts (node, first, last, hash, received, lines) VALUES (?, ?, ?, ?, ?, ?)`,
		node, p.First, p.Last, p.Hash, millis(d.now()), zipped.Bytes()); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `UPDATE nodes SET record_key = ? WHERE name = ? AND record_key IS NULL`, p.Key, node); err != nil {
		return err
	}
	return tx.Commit()
}

// AddRecordTrouble notes that a node's record does not continue. The same as the last time is noted once.
func (d *DB) AddRecordTrouble(ctx context.Context, node, detail string) error {
	_, err := d.sql.ExecContext(ctx, `INSERT INTO record_troubles (node, at, detail) SELECT ?1, ?2, ?3 WHERE ?3 IS NOT
		(SELECT detail FROM record_troubles WHERE node = ?1 ORDER BY rowid DESC LIMIT 1)`, node, millis(d.now()), detail)
	if err != nil {
		return fmt.Errorf("note trouble with the record of node %s: %w", node, full(err))
	}
	return nil
}

// CopyRecord writes the lines of a node's record as the node wrote them.
func (d *DB) CopyRecord(ctx context.Context, node string, w io.Writer) error {
	next := uint64(0)
	for {
		var last uint64
		var zipped []byte
		err := d.sql.QueryRowContext(ctx, `SELECT last, lines FROM record_parts WHERE node = ? AND first > ? ORDER BY first LIMIT 1`, node, next).Scan(&last, &zipped)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the record of node %s: %w", node, err)
		}
		lines, err := gzip.NewReader(bytes.NewReader(zipped))
		if err == nil {
			_, err = io.Copy(w, lines)
		}
		if err != nil {
			return fmt.Errorf("copy the record of node %s: %w", node, err)
		}
		next = last
	}
}

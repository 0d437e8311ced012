package db

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"airlock/publisher"
)

// AddReport keeps a report as the node signed it. The same report twice is one report; another
// report under the same id is CodeConflict.
func (d *DB) AddReport(ctx context.Context, node, id string, body []byte) error {
	r, err := d.sql.ExecContext(ctx, `INSERT INTO reports (node, id, received, body) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING`,
		node, id, millis(d.now()), body)
	if err != nil {
		return fmt.Errorf("keep report %s of node %s: %w", id, node, full(err))
	}
	if n, err := r.RowsAffected(); err != nil || n == 1 {
		return err
	}
	var have []byte
	if err := d.sql.QueryRowContext(ctx, `SELECT body FROM reports WHERE node = ? AND id = ?`, node, id).Scan(&have); err != nil {
		return fmt.Errorf("compare report %s of node %s: %w", id, node, err)
	}
	if !bytes.Equal(have, body) {
		return publisher.Errorf(publisher.CodeConflict, "node %s has sent another report under the id %s", node, id)
	}
	return nil
}

// Reports lists reports, the newest first; node may be empty for all.
func (d *DB) Reports(ctx context.Context, node string) ([]publisher.ReportRecord, error) {
	r, err := d.sql.QueryContext(ctx, `SELECT received, body FROM reports WHERE ?1 = '' OR node = ?1 ORDER BY received DESC, id LIMIT 1000`, node)
	all, err := rows(r, err, scanReport)
	if err != nil {
		return nil, fmt.Errorf("list reports: %w", err)
	}
	return all, nil
}

func scanReport(r scanner) (publisher.ReportRecord, error) {
	var rec publisher.ReportRecord
	var received int64
	var body []byte
	if err := r.Scan(&received, &body); err != nil {
		return rec, err
	}
	rec.Received = moment(received)
	return rec, json.Unmarshal(body, &rec.Report)
}

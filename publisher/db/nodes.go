package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"airlock/publisher"
)

const nodeColumns = `name, state, coalesce(key, ''), coalesce(report_key, ''), coalesce(ssh_key, ''), coalesce(address, ''),
	coalesce(record_key, ''), invite_key, invite_address, invited, enrolled, last_seen`

// AddNode keeps an invited node; n carries Name, InviteKey and InviteAddress. CodeConflict when the name is taken.
func (d *DB) AddNode(ctx context.Context, n publisher.Node) (publisher.Node, error) {
	n.State, n.Invited = publisher.Invited, d.now().UTC()
	_, err := d.sql.ExecContext(ctx, `INSERT INTO nodes (name, state, invite_key, invite_address, invited) VALUES (?, ?, ?, ?, ?)`,
		n.Name, n.State, n.InviteKey, n.InviteAddress, millis(n.Invited))
	if unique(err) {
		return n, publisher.Errorf(publisher.CodeConflict, "node %s exists already; choose another name", n.Name)
	}
	if err != nil {
		return n, fmt.Errorf("add node %s: %w", n.Name, full(err))
	}
	return n, nil
}

// Enrol turns an invited node into a member with the keys in n, found by n.Name. CodeConflict when
// the token was used already or one of the keys belongs to another node.
func (d *DB) Enrol(ctx context.Context, n publisher.Node) (publisher.Node, error) {
	r, err := d.sql.ExecContext(ctx, `UPDATE nodes SET state = ?, key = ?, report_key = ?, ssh_key = ?, address = ?, record_key = nullif(?, ''), enrolled = ?
		WHERE name = ? AND state = ?`, publisher.Enrolled, n.Key, n.ReportKey, n.SSHKey, n.Address, n.RecordKey, millis(d.now()), n.Name, publisher.Invited)
	if unique(err) {
		return n, publisher.Errorf(publisher.CodeConflict, "another node has enrolled with this WireGuard key: give each node its own data partition")
	}
	if err != nil {
		return n, fmt.Errorf("enrol node %s: %w", n.Name, full(err))
	}
	if changed, err := r.RowsAffected(); err != nil || changed == 0 {
		return n, publisher.Errorf(publisher.CodeConflict, "the token of node %s was used already", n.Name)
	}
	return d.Node(ctx, n.Name)
}

// Nodes lists all nodes by name.
func (d *DB) Nodes(ctx context.Context) ([]publisher.Node, error) {
	r, err := d.sql.QueryContext(ctx, `SELECT `+nodeColumns+` FROM nodes ORDER BY name`)
	all, err := rows(r, err, scanNode)
	if err != nil {
		return nil, fmt.Errorf("list nodes: %w", err)
	}
	return all, nil
}

// Node finds one by name; CodeNotFound when there is none.
func (d *DB) Node(ctx context.Context, name string) (publisher.Node, error) {
	return d.node(ctx, `name = ?`, name, "no node is called "+name)
}

// NodeByAddress finds an enrolled node by its address inside the tunnel.
func (d *DB) NodeByAddress(ctx context.Context, address string) (publisher.Node, error) {
	return d.node(ctx, `address = ?`, address, "no node has the address "+address)
}

// NodeByInvite finds a node by the address that its token gives.
func (d *DB) NodeByInvite(ctx context.Context, address string) (publisher.Node, error) {
	return d.node(ctx, `invite_address = ?`, address, "no token gives the address "+address)
}

// Seen notes that a node was heard of now.
func (d *DB) Seen(ctx context.Context, name string) error {
	if _, err := d.sql.ExecContext(ctx, `UPDATE nodes SET last_seen = ? WHERE name = ?`, millis(d.now()), name); err != nil {
		return fmt.Errorf("note contact of node %s: %w", name, full(err))
	}
	return nil
}

func (d *DB) node(ctx context.Context, where, value, missing string) (publisher.Node, error) {
	n, err := scanNode(d.sql.QueryRowContext(ctx, `SELECT `+nodeColumns+` FROM nodes WHERE `+where, value))
	if errors.Is(err, sql.ErrNoRows) {
		return n, publisher.Errorf(publisher.CodeNotFound, "%s; list them with: publisherd node list", missing)
	}
	if err != nil {
		return n, fmt.Errorf("find node: %w", err)
	}
	return n, nil
}

func scanNode(r scanner) (publisher.Node, error) {
	var n publisher.Node
	var invited, enrolled, seen int64
	err := r.Scan(&n.Name, &n.State, &n.Key, &n.ReportKey, &n.SSHKey, &n.Address, &n.RecordKey, &n.InviteKey, &n.InviteAddress, &invited, &enrolled, &seen)
	n.Invited, n.Enrolled, n.LastSeen = moment(invited), moment(enrolled), moment(seen)
	return n, err
}

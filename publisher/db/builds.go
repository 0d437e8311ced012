package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"airlock/publisher"
)

const buildColumns = `id, project, commit_id, state, reason, release, queued, started, ended`

// AddBuild queues a commit; a build of it that waits or runs already is returned instead.
func (d *DB) AddBuild(ctx context.Context, project, commit string) (publisher.Build, error) {
	r, err := d.sql.ExecContext(ctx, `INSERT INTO builds (project, commit_id, state, queued) VALUES (?, ?, ?, ?)`,
		project, commit, publisher.Queued, millis(d.now()))
	if unique(err) {
		return d.build(ctx, `project = ? AND commit_id = ? AND state IN ('queued', 'running')`, project, commit)
	}
	if err != nil {
		return publisher.Build{}, fmt.Errorf("queue build of %s: %w", project, full(err))
	}
	id, err := r.LastInsertId()
	if err != nil {
		return publisher.Build{}, fmt.Errorf("queue build of %s: %w", project, err)
	}
	return d.Build(ctx, id)
}

// HasBuild tells whether a commit was ever queued.
func (d *DB) HasBuild(ctx context.Context, project, commit string) (bool, error) {
	var n int
	err := d.sql.QueryRowContext(ctx, `SELECT count(*) FROM builds WHERE project = ? AND commit_id = ?`, project, commit).Scan(&n)
	if err != nil {
		return false, fmt.Errorf("find builds of %s: %w", project, err)
	}
	return n > 0, nil
}

// Builds lists builds, the newest first; project may be empty for all.
func (d *DB) Builds(ctx context.Context, project string) ([]publisher.Build, error) {
	r, err := d.sql.QueryContext(ctx, `SELECT `+buildColumns+` FROM builds WHERE ?1 = '' OR project = ?1 ORDER BY id DESC LIMIT 1000`, project)
	all, err := rows(r, err, scanBuild)
	if err != nil {
		return nil, fmt.Errorf("list builds: %w", err)
	}
	return all, nil
}

// Build finds one; CodeNotFound when there is none.
func (d *DB) Build(ctx context.Context, id int64) (publisher.Build, error) {
	b, err := d.build(ctx, `id = ?`, id)
	if publisher.CodeOf(err) == publisher.CodeNotFound {
		return b, publisher.Errorf(publisher.CodeNotFound, "there is no build %d; list them with: publisherd build list", id)
	}
	return b, err
}

// TakeBuild marks the oldest queued build as running; CodeNotFound when none waits.
func (d *DB) TakeBuild(ctx context.Context) (publisher.Build, error) {
	b, err := scanBuild(d.sql.QueryRowContext(ctx, `UPDATE builds SET state = 'running', started = ?, reason = ''
		WHERE id = (SELECT min(id) FROM builds WHERE state = 'queued') RETURNING `+buildColumns, millis(d.now())))
	if errors.Is(err, sql.ErrNoRows) {
		return b, publisher.Errorf(publisher.CodeNotFound, "no build waits")
	}
	if err != nil {
		return b, fmt.Errorf("take build: %w", full(err))
	}
	return b, nil
}

// EndBuild writes down what became of a running build: b.State with Reason and Release. Queued puts it back.
func (d *DB) EndBuild(ctx context.Context, b publisher.Build) error {
	ended := millis(d.now())
	if !b.State.Final() {
		ended = 0
	}
	_, err := d.sql.ExecContext(ctx, `UPDATE builds SET state = ?, reason = ?, release = ?, ended = ? WHERE id = ? AND state = 'running'`,
		b.State, b.Reason, b.Release, ended, b.ID)
	if err != nil {
		return fmt.Errorf("end build %d: %w", b.ID, full(err))
	}
	return nil
}

// RequeueBuilds puts back the builds that were running when the server died.
func (d *DB) RequeueBuilds(ctx context.Context) (int64, error) {
	r, err := d.sql.ExecContext(ctx, `UPDATE builds SET state = 'queued', started = 0 WHERE state = 'running'`)
	if err != nil {
		return 0, fmt.Errorf("requeue builds: %w", full(err))
	}
	return r.RowsAffected()
}

func (d *DB) build(ctx context.Context, where string, args ...any) (publisher.Build, error) {
	b, err := scanBuild(d.sql.QueryRowContext(ctx, `SELECT `+buildColumns+` FROM builds WHERE `+where, args...))
	if errors.Is(err, sql.ErrNoRows) {
		return b, publisher.Errorf(publisher.CodeNotFound, "there is no such build")
	}
	if err != nil {
		return b, fmt.Errorf("find build: %w", err)
	}
	return b, nil
}

func scanBuild(r scanner) (publisher.Build, error) {
	var b publisher.Build
	var queued, started, ended int64
	err := r.Scan(&b.ID, &b.Project, &b.Commit, &b.State, &b.Reason, &b.Release, &queued, &started, &ended)
	b.Queued, b.Started, b.Ended = moment(queued), moment(started), moment(ended)
	return b, err
}

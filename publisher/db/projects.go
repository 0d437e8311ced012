package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"airlock/publisher"
)

// AddProject makes a project; CodeConflict when it exists.
func (d *DB) AddProject(ctx context.Context, name string) (publisher.Project, error) {
	p := publisher.Project{Name: name, Created: d.now().UTC()}
	_, err := d.sql.ExecContext(ctx, `INSERT INTO projects (name, created) VALUES (?, ?)`, name, millis(p.Created))
	if unique(err) {
		return p, publisher.Errorf(publisher.CodeConflict, "project %s exists already", name)
	}
	if err != nil {
		return p, fmt.Errorf("add project %s: %w", name, full(err))
	}
	return p, nil
}

// RemoveProject takes back an AddProject whose repository could not be made.
func (d *DB) RemoveProject(ctx context.Context, name string) error {
	if _, err := d.sql.ExecContext(ctx, `DELETE FROM projects WHERE name = ?`, name); err != nil {
		return fmt.Errorf("remove project %s: %w", name, full(err))
	}
	return nil
}

// Projects lists all projects by name.
func (d *DB) Projects(ctx context.Context) ([]publisher.Project, error) {
	r, err := d.sql.QueryContext(ctx, `SELECT name, created FROM projects ORDER BY name`)
	all, err := rows(r, err, scanProject)
	if err != nil {
		return nil, fmt.Errorf("list projects: %w", err)
	}
	return all, nil
}

// Project finds one; CodeNotFound when there is none.
func (d *DB) Project(ctx context.Context, name string) (publisher.Project, error) {
	p, err := scanProject(d.sql.QueryRowContext(ctx, `SELECT name, created FROM projects WHERE name = ?`, name))
	if errors.Is(err, sql.ErrNoRows) {
		return p, publisher.Errorf(publisher.CodeNotFound, "no project is called %s; make it with: publisherd project add %s", name, name)
	}
	if err != nil {
		return p, fmt.Errorf("find project %s: %w", name, err)
	}
	return p, nil
}

func scanProject(r scanner) (publisher.Project, error) {
	var p publisher.Project
	var created int64
	err := r.Scan(&p.Name, &created)
	p.Created = moment(created)
	return p, err
}

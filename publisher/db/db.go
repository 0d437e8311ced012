// Package db keeps the publisher's tables in one SQLite file: projects, nodes, builds, reports. It
// never decides anything and never keeps what stands elsewhere: releases and assignments live in
// the TUF repository, sources in git. Every room that needs rows declares an interface which *DB fits.
package db

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"time"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"airlock/publisher"
)

//go:embed migrations/*.sql
var migrations embed.FS

// DB is the open file.
type DB struct {
	sql *sql.DB
	now func() time.Time
}

// Open opens the file and brings its tables up to date; a file written by a newer publisherd is refused.
func Open(ctx context.Context, file string) (*DB, error) {
	v := url.Values{"_pragma": {"journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)", "busy_timeout(10000)"}, "_txlock": {"immediate"}}
	pool, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: file, RawQuery: v.Encode()}).String())
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w", file, err)
	}
	// One connection: SQLite has one writer, and a queue in front of it cannot fail as a lock can.
	pool.SetMaxOpenConns(1)
	if err := migrate(ctx, pool); err != nil {
		return nil, errors.Join(fmt.Errorf("open database %s: %w", file, full(err)), pool.Close())
	}
	return &DB{sql: pool, now: time.Now}, nil
}

// Close closes the file.
func (d *DB) Close() error { return d.sql.Close() }

func migrate(ctx context.Context, pool *sql.DB) error {
	dir, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, pool, dir)
	if err != nil {
		return err
	}
	have, want, err := p.GetVersions(ctx)
	if err != nil {
		return err
	}
	if have > want {
		return publisher.Errorf(publisher.CodeUnavailable,
			"its tables have version %d and this publisherd knows %d: start the newer publisherd that wrote it, or restore the backup made before", have, want)
	}
	_, err = p.Up(ctx)
	return err
}

// full gives SQLite's own word for a full disk the code that everybody knows.
func full(err error) error {
	var e *sqlite.Error
	if errors.As(err, &e) && e.Code()&0xff == sqlite3.SQLITE_FULL {
		return publisher.Errorf(publisher.CodeDiskFull, "write database: the disk is full; free some space and try again")
	}
	return err
}

// unique tells whether err is a violated PRIMARY KEY or UNIQUE.
func unique(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) && (e.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE || e.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY)
}

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func moment(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// rows gathers what scan makes of each row.
func rows[T any](r *sql.Rows, err error, scan func(scanner) (T, error)) ([]T, error) {
	if err != nil {
		return nil, full(err)
	}
	defer r.Close()
	all := []T{}
	for r.Next() {
		v, err := scan(r)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, r.Err()
}

type scanner interface{ Scan(...any) error }

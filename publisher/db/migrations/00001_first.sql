-- +goose Up
-- Times are milliseconds since 1970, 0 for never.
CREATE TABLE projects (
    name    TEXT PRIMARY KEY,
    created INTEGER NOT NULL
) STRICT;

CREATE TABLE nodes (
    name           TEXT PRIMARY KEY,
    state          TEXT NOT NULL CHECK (state IN ('invited', 'enrolled')),
    key            TEXT UNIQUE,
    report_key     TEXT,
    ssh_key        TEXT,
    address        TEXT UNIQUE,
    invite_key     TEXT NOT NULL UNIQUE,
    invite_address TEXT NOT NULL UNIQUE,
    invited        INTEGER NOT NULL,
    enrolled       INTEGER NOT NULL DEFAULT 0,
    last_seen      INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE builds (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    project   TEXT NOT NULL REFERENCES projects (name),
    commit_id TEXT NOT NULL,
    state     TEXT NOT NULL CHECK (state IN ('queued', 'running', 'released', 'failed')),
    reason    TEXT NOT NULL DEFAULT '',
    release   TEXT NOT NULL DEFAULT '',
    queued    INTEGER NOT NULL,
    started   INTEGER NOT NULL DEFAULT 0,
    ended     INTEGER NOT NULL DEFAULT 0
) STRICT;

-- A commit waits or runs once at most.
CREATE UNIQUE INDEX builds_open ON builds (project, commit_id) WHERE state IN ('queued', 'running');
CREATE INDEX builds_state ON builds (state, id);

CREATE TABLE reports (
    node     TEXT NOT NULL REFERENCES nodes (name),
    id       TEXT NOT NULL,
    received INTEGER NOT NULL,
    body     BLOB NOT NULL, -- JSON as the node signed it
    PRIMARY KEY (node, id)
) STRICT;

-- +goose Down
DROP TABLE reports;
DROP TABLE builds;
DROP TABLE nodes;
DROP TABLE projects;

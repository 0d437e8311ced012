-- +goose Up
ALTER TABLE nodes ADD COLUMN record_key TEXT;

-- The lines of each node's record in the parts in which they came; each continues the one before.
CREATE TABLE record_parts (
    node     TEXT NOT NULL REFERENCES nodes (name),
    first    INTEGER NOT NULL,
    last     INTEGER NOT NULL,
    hash     TEXT NOT NULL, -- of the last line
    received INTEGER NOT NULL,
    lines    BLOB NOT NULL, -- gzip
    PRIMARY KEY (node, first)
) STRICT;

-- When a node's record did not continue, and why.
CREATE TABLE record_troubles (
    node   TEXT NOT NULL REFERENCES nodes (name),
    at     INTEGER NOT NULL,
    detail TEXT NOT NULL
) STRICT;

-- +goose Down
DROP TABLE record_troubles;
DROP TABLE record_parts;
ALTER TABLE nodes DROP COLUMN record_key;

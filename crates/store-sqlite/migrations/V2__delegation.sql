-- Delegation by people: sessions of browsers, what works once, and how a grant came about.

-- One row per browser that signed in. `body` is the session as JSON, but for `ended_at`.
CREATE TABLE sessions (
    tenant TEXT NOT NULL,
    id BLOB NOT NULL,
    "user" BLOB NOT NULL,
    expires INTEGER NOT NULL,
    ended_at INTEGER,
    body TEXT NOT NULL,
    checksum BLOB NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_user ON sessions (tenant, "user", id);
CREATE INDEX sessions_expires ON sessions (expires);

-- Codes, pushed requests: each kind a space of its own.
CREATE TABLE single_use (
    tenant TEXT NOT NULL,
    kind TEXT NOT NULL,
    id BLOB NOT NULL,
    digest BLOB NOT NULL,
    expires INTEGER NOT NULL,
    spent INTEGER,
    body TEXT NOT NULL,
    checksum BLOB NOT NULL,
    PRIMARY KEY (tenant, kind, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX single_use_expires ON single_use (expires);

-- How the person signed in, and what was asked about her: JSON.
ALTER TABLE grants ADD COLUMN origin TEXT;

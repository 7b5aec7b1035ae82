-- Delegation by people: sessions of browsers, what works once, and how a grant came about.

-- One row per browser that signed in. `body` is the session as JSON, but for `ended_at`. Used again
-- and again, so pages have room left; the columns that change are in no index (HOT).
CREATE TABLE sessions (
    tenant TEXT COLLATE "C" NOT NULL,
    id UUID NOT NULL,
    "user" UUID NOT NULL,
    expires BIGINT NOT NULL,
    ended_at BIGINT,
    body TEXT NOT NULL,
    PRIMARY KEY (tenant, id)
) WITH (fillfactor = 80);
CREATE INDEX sessions_user ON sessions (tenant, "user", id);
CREATE INDEX sessions_expires ON sessions (expires);

-- Codes, pushed requests: each kind a space of its own.
CREATE TABLE single_use (
    tenant TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    id UUID NOT NULL,
    digest BYTEA NOT NULL,
    expires BIGINT NOT NULL,
    spent BIGINT,
    body TEXT NOT NULL,
    PRIMARY KEY (tenant, kind, id)
) WITH (fillfactor = 80);
CREATE INDEX single_use_expires ON single_use (expires);

-- How the person signed in, and what was asked about her: JSON.
ALTER TABLE grants ADD COLUMN origin TEXT;

-- The core: documents, groups, grants, counters, marks, sequences, audit.
--
-- The same tables and columns as on SQLite, so that a dump of one loads into the other. Times are
-- microseconds since 1970. Ids that we make are uuids in `grants` and `audit`, their text
-- elsewhere.
--
-- Text is compared by its bytes (COLLATE "C"): pages are in the same order on both backends, and no
-- index depends on the operating system's collation rules.

CREATE TABLE "tenant" (
    tenant TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C",
    parent TEXT COLLATE "C",
    version BIGINT NOT NULL,
    body TEXT NOT NULL,
    CONSTRAINT tenant_id PRIMARY KEY (tenant, id)
);
CREATE UNIQUE INDEX tenant_name ON "tenant" (tenant, name) WHERE name IS NOT NULL;
CREATE INDEX tenant_parent ON "tenant" (tenant, parent, id) WHERE parent IS NOT NULL;

-- A tenant belongs to itself, so its name (the issuer) must be unique over all of them (SEC-084).
CREATE UNIQUE INDEX tenant_issuer_name ON "tenant" (name);

CREATE TABLE "realm" (
    tenant TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C",
    parent TEXT COLLATE "C",
    version BIGINT NOT NULL,
    body TEXT NOT NULL,
    CONSTRAINT realm_id PRIMARY KEY (tenant, id)
);
CREATE UNIQUE INDEX realm_name ON "realm" (tenant, name) WHERE name IS NOT NULL;
CREATE INDEX realm_parent ON "realm" (tenant, parent, id) WHERE parent IS NOT NULL;

CREATE TABLE "user" (
    tenant TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C",
    parent TEXT COLLATE "C",
    version BIGINT NOT NULL,
    body TEXT NOT NULL,
    CONSTRAINT user_id PRIMARY KEY (tenant, id)
);
CREATE UNIQUE INDEX user_name ON "user" (tenant, name) WHERE name IS NOT NULL;
CREATE INDEX user_parent ON "user" (tenant, parent, id) WHERE parent IS NOT NULL;

CREATE TABLE "group" (
    tenant TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C",
    parent TEXT COLLATE "C",
    version BIGINT NOT NULL,
    body TEXT NOT NULL,
    CONSTRAINT group_id PRIMARY KEY (tenant, id)
);
CREATE UNIQUE INDEX group_name ON "group" (tenant, name) WHERE name IS NOT NULL;
CREATE INDEX group_parent ON "group" (tenant, parent, id) WHERE parent IS NOT NULL;

CREATE TABLE "application" (
    tenant TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C",
    parent TEXT COLLATE "C",
    version BIGINT NOT NULL,
    body TEXT NOT NULL,
    CONSTRAINT application_id PRIMARY KEY (tenant, id)
);
CREATE UNIQUE INDEX application_name ON "application" (tenant, name) WHERE name IS NOT NULL;
CREATE INDEX application_parent ON "application" (tenant, parent, id) WHERE parent IS NOT NULL;

CREATE TABLE "client" (
    tenant TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C",
    parent TEXT COLLATE "C",
    version BIGINT NOT NULL,
    body TEXT NOT NULL,
    CONSTRAINT client_id PRIMARY KEY (tenant, id)
);
CREATE UNIQUE INDEX client_name ON "client" (tenant, name) WHERE name IS NOT NULL;
CREATE INDEX client_parent ON "client" (tenant, parent, id) WHERE parent IS NOT NULL;

CREATE TABLE "resource_type" (
    tenant TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C",
    parent TEXT COLLATE "C",
    version BIGINT NOT NULL,
    body TEXT NOT NULL,
    CONSTRAINT resource_type_id PRIMARY KEY (tenant, id)
);
CREATE UNIQUE INDEX resource_type_name ON "resource_type" (tenant, name) WHERE name IS NOT NULL;
CREATE INDEX resource_type_parent ON "resource_type" (tenant, parent, id) WHERE parent IS NOT NULL;

CREATE TABLE "scope" (
    tenant TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C",
    parent TEXT COLLATE "C",
    version BIGINT NOT NULL,
    body TEXT NOT NULL,
    CONSTRAINT scope_id PRIMARY KEY (tenant, id)
);
CREATE UNIQUE INDEX scope_name ON "scope" (tenant, name) WHERE name IS NOT NULL;
CREATE INDEX scope_parent ON "scope" (tenant, parent, id) WHERE parent IS NOT NULL;

CREATE TABLE "assignment" (
    tenant TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C",
    parent TEXT COLLATE "C",
    version BIGINT NOT NULL,
    body TEXT NOT NULL,
    CONSTRAINT assignment_id PRIMARY KEY (tenant, id)
);
CREATE UNIQUE INDEX assignment_name ON "assignment" (tenant, name) WHERE name IS NOT NULL;
CREATE INDEX assignment_parent ON "assignment" (tenant, parent, id) WHERE parent IS NOT NULL;

CREATE TABLE "consent" (
    tenant TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C",
    parent TEXT COLLATE "C",
    version BIGINT NOT NULL,
    body TEXT NOT NULL,
    CONSTRAINT consent_id PRIMARY KEY (tenant, id)
);
CREATE UNIQUE INDEX consent_name ON "consent" (tenant, name) WHERE name IS NOT NULL;
CREATE INDEX consent_parent ON "consent" (tenant, parent, id) WHERE parent IS NOT NULL;

CREATE TABLE "signing_key" (
    tenant TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C",
    parent TEXT COLLATE "C",
    version BIGINT NOT NULL,
    body TEXT NOT NULL,
    CONSTRAINT signing_key_id PRIMARY KEY (tenant, id)
);
CREATE UNIQUE INDEX signing_key_name ON "signing_key" (tenant, name) WHERE name IS NOT NULL;
CREATE INDEX signing_key_parent ON "signing_key" (tenant, parent, id) WHERE parent IS NOT NULL;

CREATE TABLE "data_key" (
    tenant TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C",
    parent TEXT COLLATE "C",
    version BIGINT NOT NULL,
    body TEXT NOT NULL,
    CONSTRAINT data_key_id PRIMARY KEY (tenant, id)
);
CREATE UNIQUE INDEX data_key_name ON "data_key" (tenant, name) WHERE name IS NOT NULL;
CREATE INDEX data_key_parent ON "data_key" (tenant, parent, id) WHERE parent IS NOT NULL;

-- Who is in which group, derived from the bodies of groups in the same transaction.
CREATE TABLE group_member (
    tenant TEXT COLLATE "C" NOT NULL,
    member TEXT COLLATE "C" NOT NULL,
    group_id TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, member, group_id),
    FOREIGN KEY (tenant, group_id) REFERENCES "group" (tenant, id) ON DELETE CASCADE
);
CREATE INDEX group_member_group ON group_member (tenant, group_id);

-- One row per delegation, updated in place at each rotation. No index is on a column that a
-- rotation changes and pages have room left, so that the new version of a row goes beside the old
-- one and no index is touched (HOT).
CREATE TABLE grants (
    tenant TEXT COLLATE "C" NOT NULL,
    id UUID NOT NULL,
    client TEXT COLLATE "C" NOT NULL,
    "user" UUID NOT NULL,
    realm TEXT NOT NULL,
    scopes TEXT NOT NULL,
    audiences TEXT NOT NULL,
    created BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    generation BIGINT NOT NULL,
    digest BYTEA NOT NULL,
    idle_expires BIGINT NOT NULL,
    previous_digest BYTEA,
    previous_rotated BIGINT,
    previous_sealed BYTEA,
    ended_at BIGINT,
    ended_why TEXT,
    PRIMARY KEY (tenant, id)
) WITH (fillfactor = 80);
CREATE INDEX grants_user ON grants (tenant, "user", id);
CREATE INDEX grants_client ON grants (tenant, client, id);
CREATE INDEX grants_expires ON grants (expires);

-- Failed attempts; a success deletes the row.
CREATE TABLE attempts (
    tenant TEXT COLLATE "C" NOT NULL,
    account TEXT COLLATE "C" NOT NULL,
    count BIGINT NOT NULL,
    last BIGINT NOT NULL,
    PRIMARY KEY (tenant, account)
);
CREATE INDEX attempts_last ON attempts (last);

-- What was used and must not be used again: SHA-256 of the value.
CREATE TABLE used (
    kind TEXT COLLATE "C" NOT NULL,
    value BYTEA NOT NULL,
    until BIGINT NOT NULL,
    PRIMARY KEY (kind, value)
);
CREATE INDEX used_until ON used (until);

-- Numbers are taken under a lock that ends with the transaction (`sequence.rs`): whoever reads the
-- sequence never sees a number before a smaller one.
CREATE TABLE changes (
    seq BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    tenant TEXT COLLATE "C" NOT NULL,
    kind TEXT NOT NULL,
    id TEXT,
    parent TEXT
);

CREATE TABLE revocations (
    seq BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    tenant TEXT COLLATE "C" NOT NULL,
    target TEXT NOT NULL,
    issued_before BIGINT NOT NULL,
    revoked BIGINT NOT NULL,
    until BIGINT NOT NULL
);
CREATE INDEX revocations_tenant ON revocations (tenant, seq);
CREATE INDEX revocations_until ON revocations (until);

-- Rows are added and never changed. A row of one event has `first` = `last`; a batch is found
-- by the range of its ids.
CREATE TABLE audit (
    seq BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    tenant TEXT COLLATE "C" NOT NULL,
    first UUID NOT NULL,
    last UUID NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX audit_tenant ON audit (tenant, seq);
CREATE INDEX audit_single ON audit (tenant, first) WHERE first = last;
CREATE INDEX audit_batch ON audit (tenant, first, last) WHERE first <> last;

-- The chain, beside the rows: linking does not rewrite them.
CREATE TABLE audit_link (
    link BIGINT PRIMARY KEY,
    seq BIGINT NOT NULL UNIQUE,
    previous BYTEA NOT NULL,
    hash BYTEA NOT NULL
);

-- The rows that have no link yet. A row can be committed after one with a larger number, so "behind
-- the last link" would miss it, and a search for rows without a link would read the whole table.
CREATE TABLE audit_pending (
    seq BIGINT PRIMARY KEY
);

CREATE TABLE checkpoints (
    link BIGINT PRIMARY KEY,
    hash BYTEA NOT NULL,
    signed TEXT NOT NULL
);

-- Which binaries may use this schema: those that know the migration `needs` or a later one. A
-- migration that takes something away raises it (REL-030).
CREATE TABLE compatibility (
    needs INT NOT NULL
);
INSERT INTO compatibility VALUES (1);

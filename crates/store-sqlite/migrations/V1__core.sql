-- The core: documents, groups, grants, counters, marks, sequences, audit.
--
-- Times are microseconds since 1970. Ids that we make are their sixteen bytes in `grants` and
-- `audit`, their text elsewhere. `checksum` is over the other columns, so that damage on the disk
-- is seen when the row is read (REL-007); it is no protection against people.
--
-- Text is compared by its bytes (BINARY, the default): pages are in the same order on both backends.

CREATE TABLE "tenant" (
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    name TEXT,
    parent TEXT,
    version INTEGER NOT NULL,
    body TEXT NOT NULL,
    checksum BLOB NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT;
CREATE UNIQUE INDEX tenant_name ON "tenant" (tenant, name) WHERE name IS NOT NULL;
CREATE INDEX tenant_parent ON "tenant" (tenant, parent, id) WHERE parent IS NOT NULL;
-- A tenant belongs to itself, so its name (the issuer) must be unique over all of them (SEC-084).
CREATE UNIQUE INDEX tenant_issuer ON "tenant" (name);

CREATE TABLE "realm" (
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    name TEXT,
    parent TEXT,
    version INTEGER NOT NULL,
    body TEXT NOT NULL,
    checksum BLOB NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT;
CREATE UNIQUE INDEX realm_name ON "realm" (tenant, name) WHERE name IS NOT NULL;
CREATE INDEX realm_parent ON "realm" (tenant, parent, id) WHERE parent IS NOT NULL;

CREATE TABLE "user" (
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    name TEXT,
    parent TEXT,
    version INTEGER NOT NULL,
    body TEXT NOT NULL,
    checksum BLOB NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT;
CREATE UNIQUE INDEX user_name ON "user" (tenant, name) WHERE name IS NOT NULL;
CREATE INDEX user_parent ON "user" (tenant, parent, id) WHERE parent IS NOT NULL;

CREATE TABLE "group" (
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    name TEXT,
    parent TEXT,
    version INTEGER NOT NULL,
    body TEXT NOT NULL,
    checksum BLOB NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT;
CREATE UNIQUE INDEX group_name ON "group" (tenant, name) WHERE name IS NOT NULL;
CREATE INDEX group_parent ON "group" (tenant, parent, id) WHERE parent IS NOT NULL;

CREATE TABLE "application" (
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    name TEXT,
    parent TEXT,
    version INTEGER NOT NULL,
    body TEXT NOT NULL,
    checksum BLOB NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT;
CREATE UNIQUE INDEX application_name ON "application" (tenant, name) WHERE name IS NOT NULL;
CREATE INDEX application_parent ON "application" (tenant, parent, id) WHERE parent IS NOT NULL;

CREATE TABLE "client" (
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    name TEXT,
    parent TEXT,
    version INTEGER NOT NULL,
    body TEXT NOT NULL,
    checksum BLOB NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT;
CREATE UNIQUE INDEX client_name ON "client" (tenant, name) WHERE name IS NOT NULL;
CREATE INDEX client_parent ON "client" (tenant, parent, id) WHERE parent IS NOT NULL;

CREATE TABLE "resource_type" (
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    name TEXT,
    parent TEXT,
    version INTEGER NOT NULL,
    body TEXT NOT NULL,
    checksum BLOB NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT;
CREATE UNIQUE INDEX resource_type_name ON "resource_type" (tenant, name) WHERE name IS NOT NULL;
CREATE INDEX resource_type_parent ON "resource_type" (tenant, parent, id) WHERE parent IS NOT NULL;

CREATE TABLE "scope" (
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    name TEXT,
    parent TEXT,
    version INTEGER NOT NULL,
    body TEXT NOT NULL,
    checksum BLOB NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT;
CREATE UNIQUE INDEX scope_name ON "scope" (tenant, name) WHERE name IS NOT NULL;
CREATE INDEX scope_parent ON "scope" (tenant, parent, id) WHERE parent IS NOT NULL;

CREATE TABLE "assignment" (
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    name TEXT,
    parent TEXT,
    version INTEGER NOT NULL,
    body TEXT NOT NULL,
    checksum BLOB NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT;
CREATE UNIQUE INDEX assignment_name ON "assignment" (tenant, name) WHERE name IS NOT NULL;
CREATE INDEX assignment_parent ON "assignment" (tenant, parent, id) WHERE parent IS NOT NULL;

CREATE TABLE "consent" (
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    name TEXT,
    parent TEXT,
    version INTEGER NOT NULL,
    body TEXT NOT NULL,
    checksum BLOB NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT;
CREATE UNIQUE INDEX consent_name ON "consent" (tenant, name) WHERE name IS NOT NULL;
CREATE INDEX consent_parent ON "consent" (tenant, parent, id) WHERE parent IS NOT NULL;

CREATE TABLE "signing_key" (
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    name TEXT,
    parent TEXT,
    version INTEGER NOT NULL,
    body TEXT NOT NULL,
    checksum BLOB NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT;
CREATE UNIQUE INDEX signing_key_name ON "signing_key" (tenant, name) WHERE name IS NOT NULL;
CREATE INDEX signing_key_parent ON "signing_key" (tenant, parent, id) WHERE parent IS NOT NULL;

CREATE TABLE "data_key" (
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    name TEXT,
    parent TEXT,
    version INTEGER NOT NULL,
    body TEXT NOT NULL,
    checksum BLOB NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT;
CREATE UNIQUE INDEX data_key_name ON "data_key" (tenant, name) WHERE name IS NOT NULL;
CREATE INDEX data_key_parent ON "data_key" (tenant, parent, id) WHERE parent IS NOT NULL;

-- Who is in which group, derived from the bodies of groups in the same transaction.
CREATE TABLE group_member (
    tenant TEXT NOT NULL,
    member TEXT NOT NULL,
    group_id TEXT NOT NULL,
    PRIMARY KEY (tenant, member, group_id),
    FOREIGN KEY (tenant, group_id) REFERENCES "group" (tenant, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX group_member_group ON group_member (tenant, group_id);

-- One row per delegation, updated in place at each rotation. No index is on a column that a
-- rotation changes.
CREATE TABLE grants (
    tenant TEXT NOT NULL,
    id BLOB NOT NULL,
    client TEXT NOT NULL,
    "user" BLOB NOT NULL,
    realm TEXT NOT NULL,
    scopes TEXT NOT NULL,
    audiences TEXT NOT NULL,
    created INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    digest BLOB NOT NULL,
    idle_expires INTEGER NOT NULL,
    previous_digest BLOB,
    previous_rotated INTEGER,
    previous_sealed BLOB,
    ended_at INTEGER,
    ended_why TEXT,
    checksum BLOB NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX grants_user ON grants (tenant, "user", id);
CREATE INDEX grants_client ON grants (tenant, client, id);
CREATE INDEX grants_expires ON grants (expires);

-- Failed attempts; a success deletes the row.
CREATE TABLE attempts (
    tenant TEXT NOT NULL,
    account TEXT NOT NULL,
    count INTEGER NOT NULL,
    last INTEGER NOT NULL,
    PRIMARY KEY (tenant, account)
) STRICT, WITHOUT ROWID;
CREATE INDEX attempts_last ON attempts (last);

-- What was used and must not be used again: SHA-256 of the value.
CREATE TABLE used (
    kind TEXT NOT NULL,
    value BLOB NOT NULL,
    until INTEGER NOT NULL,
    PRIMARY KEY (kind, value)
) STRICT, WITHOUT ROWID;
CREATE INDEX used_until ON used (until);

-- AUTOINCREMENT: a number is never given twice, or a follower would miss a change.
CREATE TABLE changes (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant TEXT NOT NULL,
    kind TEXT NOT NULL,
    id TEXT,
    parent TEXT
) STRICT;

CREATE TABLE revocations (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant TEXT NOT NULL,
    target TEXT NOT NULL,
    issued_before INTEGER NOT NULL,
    revoked INTEGER NOT NULL,
    until INTEGER NOT NULL,
    checksum BLOB NOT NULL
) STRICT;
CREATE INDEX revocations_tenant ON revocations (tenant, seq);
CREATE INDEX revocations_until ON revocations (until);

-- Rows are added and never changed. A row of one event has `first` = `last`; a batch is found
-- by the range of its ids.
CREATE TABLE audit (
    seq INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL,
    first BLOB NOT NULL,
    last BLOB NOT NULL,
    kind TEXT NOT NULL,
    body TEXT NOT NULL,
    checksum BLOB NOT NULL
) STRICT;
CREATE INDEX audit_single ON audit (tenant, first) WHERE first = last;
CREATE INDEX audit_batch ON audit (tenant, first, last) WHERE first <> last;

-- The chain, beside the rows: linking does not rewrite them.
CREATE TABLE audit_link (
    link INTEGER PRIMARY KEY,
    seq INTEGER NOT NULL UNIQUE REFERENCES audit (seq),
    previous BLOB NOT NULL,
    hash BLOB NOT NULL
) STRICT;

CREATE TABLE checkpoints (
    link INTEGER PRIMARY KEY,
    hash BLOB NOT NULL,
    signed TEXT NOT NULL
) STRICT;

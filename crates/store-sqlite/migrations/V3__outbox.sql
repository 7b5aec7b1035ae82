-- What has to be told to others, and a log for each person.

-- Messages that were not told yet. `due` and `tries` change with each try and are not in `checksum`.
CREATE TABLE outbox (
    id BLOB NOT NULL PRIMARY KEY,
    tenant TEXT NOT NULL,
    due INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    tries INTEGER NOT NULL,
    body TEXT NOT NULL,
    checksum BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX outbox_due ON outbox (due);

-- Which audit rows tell of whom, derived from them in the same transaction.
CREATE TABLE audit_person (
    tenant TEXT NOT NULL,
    person BLOB NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (tenant, person, seq)
) STRICT, WITHOUT ROWID;

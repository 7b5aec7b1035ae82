-- What has to be told to others, and a log for each person.

-- Messages that were not told yet.
CREATE TABLE outbox (
    id UUID NOT NULL PRIMARY KEY,
    tenant TEXT COLLATE "C" NOT NULL,
    due BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    tries BIGINT NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX outbox_due ON outbox (due);

-- Which audit rows tell of whom, derived from them in the same transaction.
CREATE TABLE audit_person (
    tenant TEXT COLLATE "C" NOT NULL,
    person UUID NOT NULL,
    seq BIGINT NOT NULL,
    PRIMARY KEY (tenant, person, seq)
);

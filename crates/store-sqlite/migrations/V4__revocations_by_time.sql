-- Plan B's consumers ask for what was revoked since a time.
CREATE INDEX revocations_revoked ON revocations (tenant, revoked, seq);

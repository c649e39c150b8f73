-- Periodic jobs, which one replica at a time runs: the replica that moves due_at forward runs the job.
CREATE TABLE jobs (
    name TEXT PRIMARY KEY NOT NULL,
    due_at TIMESTAMP NOT NULL
);

INSERT INTO jobs (name, due_at) VALUES ('flushexpiredtokens', '1970-01-01 00:00:00');

-- For the deletion of successors whose replay window has ended.
CREATE INDEX refresh_tokens_waiting ON refresh_tokens (consumed_at) WHERE successor IS NOT NULL;
CREATE INDEX refresh_tokens_family_expires_at ON refresh_tokens (family_expires_at);

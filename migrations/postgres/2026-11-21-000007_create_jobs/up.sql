-- What is done once in a while, by one replica at a time: whoever moves due_at on does it.
CREATE TABLE jobs (
    name TEXT PRIMARY KEY NOT NULL,
    due_at TIMESTAMP NOT NULL
);

INSERT INTO jobs (name, due_at) VALUES ('flushexpiredtokens', '1970-01-01 00:00:00');

-- Pairs that nobody gets any more are looked for among those that still wait.
CREATE INDEX refresh_tokens_waiting ON refresh_tokens (consumed_at) WHERE successor IS NOT NULL;
CREATE INDEX refresh_tokens_family_expires_at ON refresh_tokens (family_expires_at);

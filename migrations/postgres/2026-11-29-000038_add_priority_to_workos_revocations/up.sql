-- In which order sessions are revoked at WorkOS: those with the lowest number first. Somebody who causes many
-- revocations of one kind must not delay those of another.
ALTER TABLE workos_revocations ADD COLUMN priority INTEGER NOT NULL DEFAULT 0;

ALTER TABLE workos_revocations DROP COLUMN priority;

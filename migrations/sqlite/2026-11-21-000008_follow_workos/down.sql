DROP TRIGGER sessions_deleted;
DROP TRIGGER users_deleted;
DROP TRIGGER users_closed;
DROP TABLE ended_sessions;
ALTER TABLE sessions DROP COLUMN renewal_failures;
ALTER TABLE sessions DROP COLUMN renewing_until;
ALTER TABLE sessions DROP COLUMN renew_after;
ALTER TABLE sessions DROP COLUMN role;
ALTER TABLE sessions DROP COLUMN organization_id;

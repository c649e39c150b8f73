-- Every replica asks each second what was revoked lately.
CREATE INDEX sessions_revoked_at ON sessions (revoked_at);

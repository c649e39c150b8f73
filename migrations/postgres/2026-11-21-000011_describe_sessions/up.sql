-- Where a session was started, for the list on the account page.
-- user_agent: truncated to 255 characters. impersonator: the e-mail of the impersonator.
ALTER TABLE sessions ADD COLUMN ip_address TEXT;
ALTER TABLE sessions ADD COLUMN user_agent TEXT;
ALTER TABLE sessions ADD COLUMN impersonator TEXT;

-- What a session began from, so that its owner can tell it on the account page.
-- user_agent: cut to 255 characters. impersonator: the e-mail of whoever acts for its owner there.
ALTER TABLE sessions ADD COLUMN ip_address TEXT;
ALTER TABLE sessions ADD COLUMN user_agent TEXT;
ALTER TABLE sessions ADD COLUMN impersonator TEXT;

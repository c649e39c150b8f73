-- Django's username, compared exactly. NULL in accounts that have none.
ALTER TABLE users ADD COLUMN username TEXT;
CREATE UNIQUE INDEX users_username ON users (username);

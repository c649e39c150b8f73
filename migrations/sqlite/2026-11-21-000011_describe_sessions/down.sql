ALTER TABLE sessions DROP COLUMN impersonator;
ALTER TABLE sessions DROP COLUMN user_agent;
ALTER TABLE sessions DROP COLUMN ip_address;

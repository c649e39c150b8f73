-- Empty. After a write has failed, the readiness probe fills it and empties it again, to find out whether the disk has
-- space.
CREATE TABLE space_probe (content BYTEA NOT NULL);

-- What a restored backup is recognized by, in one row. epoch: a random number, which `vestibule restored`
-- replaces; a cookie that names another one is compared with its session's row. heartbeat_at: when a running
-- server last wrote to the database, by the database's clock; in a backup it says up to when its data go.
-- restore_noticed_at: the heartbeat of a restored backup, until `vestibule restored` has run.
CREATE TABLE database_epoch (
    id INTEGER PRIMARY KEY NOT NULL CHECK (id = 1),
    epoch BIGINT NOT NULL,
    heartbeat_at TIMESTAMP NOT NULL,
    restore_noticed_at TIMESTAMP
);

-- The last session says up to when the data of an earlier version go, which may be a backup too.
INSERT INTO database_epoch (id, epoch, heartbeat_at)
SELECT 1, abs(random() % 281474976710656), min(
    coalesce((SELECT max(created_at) FROM sessions), strftime('%Y-%m-%d %H:%M:%f', 'now')),
    strftime('%Y-%m-%d %H:%M:%f', 'now')
);

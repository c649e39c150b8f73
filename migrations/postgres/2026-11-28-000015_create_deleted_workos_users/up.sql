-- WorkOS users that WorkOS has deleted. An event about one of them that arrives late does not create an
-- account again. Until now the table webhook_events was searched for `user.deleted`.
CREATE TABLE deleted_workos_users (
    workos_user_id TEXT PRIMARY KEY NOT NULL,
    deleted_at TIMESTAMP NOT NULL
);

CREATE INDEX deleted_workos_users_deleted_at ON deleted_workos_users (deleted_at);

INSERT INTO deleted_workos_users (workos_user_id, deleted_at)
SELECT object_id, max(received_at) FROM webhook_events
WHERE event = 'user.deleted' AND object_id IS NOT NULL
GROUP BY object_id;

DROP INDEX webhook_events_object_id;

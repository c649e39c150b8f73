CREATE INDEX webhook_events_object_id ON webhook_events (object_id);

DROP TABLE deleted_workos_users;

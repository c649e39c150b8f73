ALTER TABLE users DROP COLUMN workos_deleted_at;
DROP TABLE webhook_events;

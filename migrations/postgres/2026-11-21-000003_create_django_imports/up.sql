-- What import-django brought of each row, so that a later run can tell what has changed, and where.
-- Digests are SHA-256: of the password as it was written here, of e-mail and names.
CREATE TABLE django_imports (
    user_id BIGINT PRIMARY KEY NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    password_digest BYTEA NOT NULL,
    profile_digest BYTEA NOT NULL,
    workos_user_id TEXT,
    is_active BOOLEAN NOT NULL,
    is_staff BOOLEAN NOT NULL,
    is_superuser BOOLEAN NOT NULL,
    imported_at TIMESTAMP NOT NULL
);

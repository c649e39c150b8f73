-- What import-django imported of each row, so that a later run can tell which side has changed.
-- The digests are SHA-256. password_digest: of Django's password. password_here: of the same password as
-- it is stored here; a sign-in may have hashed it again. profile_digest: of the e-mail and the names.
-- There is no foreign key, so that an account that was deleted here is not imported again.
CREATE TABLE django_imports (
    user_id BIGINT PRIMARY KEY NOT NULL,
    password_digest BYTEA NOT NULL,
    password_here BYTEA NOT NULL,
    profile_digest BYTEA NOT NULL,
    workos_user_id TEXT,
    is_active BOOLEAN NOT NULL,
    is_staff BOOLEAN NOT NULL,
    is_superuser BOOLEAN NOT NULL,
    imported_at TIMESTAMP NOT NULL
);

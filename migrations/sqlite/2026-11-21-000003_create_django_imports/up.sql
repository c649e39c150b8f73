-- What import-django brought of each row, so that a later run can tell what has changed, and where.
-- Digests are SHA-256: password_digest of Django's password, password_here of the same here, which a
-- sign-in may have hashed anew; profile_digest of e-mail and names. No foreign key: an account that was
-- deleted here is not to come back.
CREATE TABLE django_imports (
    user_id BIGINT PRIMARY KEY NOT NULL,
    password_digest BLOB NOT NULL,
    password_here BLOB NOT NULL,
    profile_digest BLOB NOT NULL,
    workos_user_id TEXT,
    is_active BOOLEAN NOT NULL,
    is_staff BOOLEAN NOT NULL,
    is_superuser BOOLEAN NOT NULL,
    imported_at TIMESTAMP NOT NULL
);

-- Authenticator apps (RFC 6238), the second factor of local passwords.
CREATE TABLE totp_factors (
    user_id BIGINT PRIMARY KEY NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- Encrypted.
    secret BYTEA NOT NULL,
    created_at TIMESTAMP NOT NULL,
    -- The time step of the last accepted code. No code of this step or an earlier one is accepted.
    last_step BIGINT NOT NULL,
    -- When the last wrong code is forgotten; until then the wrong codes are limited.
    wrong_codes_until TIMESTAMP
);

-- Unused recovery codes, by their SHA-256 hashes. A used code is deleted.
CREATE TABLE recovery_codes (
    user_id BIGINT NOT NULL REFERENCES totp_factors (user_id) ON DELETE CASCADE,
    code_hash BYTEA NOT NULL,
    PRIMARY KEY (user_id, code_hash)
);

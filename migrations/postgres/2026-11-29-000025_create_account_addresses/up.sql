-- Further verified email addresses of accounts, imported from django-allauth. A sign-in through WorkOS, Google
-- or Okta finds its account by them too. No account's own address is one of them.
CREATE TABLE account_addresses (
    email_key TEXT PRIMARY KEY NOT NULL,
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE
);

CREATE INDEX account_addresses_user_id ON account_addresses (user_id);

-- What import-django imported of an account's addresses, identities, groups and second factor, so that a later
-- run brings back nothing that was removed here.
CREATE TABLE django_import_items (
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (user_id, kind, value)
);

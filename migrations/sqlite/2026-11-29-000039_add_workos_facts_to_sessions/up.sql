-- What WorkOS's access token says of the session besides organisation and role: roles, permissions, entitlements,
-- feature flags and more, as JSON. NULL in sessions without WorkOS, and in older ones until their next renewal.
ALTER TABLE sessions ADD COLUMN workos_facts TEXT;

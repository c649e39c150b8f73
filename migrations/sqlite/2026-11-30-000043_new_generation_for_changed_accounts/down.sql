DROP TRIGGER users_identity_changed;

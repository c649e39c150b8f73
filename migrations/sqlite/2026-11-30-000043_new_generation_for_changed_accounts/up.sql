-- The cookies and the memory of the replicas hold the address, the names and the username of a session's account. A
-- change of them begins a new generation of the account's open sessions, whoever makes it: so an address that goes to
-- another person leaves the sessions of the one who had it within two seconds.
CREATE TRIGGER users_identity_changed
AFTER UPDATE OF email, email_verified, username, first_name, last_name, picture_url ON users
WHEN NEW.email <> OLD.email OR NEW.email_verified <> OLD.email_verified OR NEW.username IS NOT OLD.username
    OR NEW.first_name <> OLD.first_name OR NEW.last_name <> OLD.last_name OR NEW.picture_url IS NOT OLD.picture_url
BEGIN
    UPDATE sessions SET generation = generation + 1, generation_changed_at = strftime('%Y-%m-%d %H:%M:%f', 'now')
    WHERE user_id = NEW.id AND revoked_at IS NULL;
END;

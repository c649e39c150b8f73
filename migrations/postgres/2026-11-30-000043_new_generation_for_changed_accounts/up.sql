-- The cookies and the memory of the replicas hold the address, the names and the username of a session's account. A
-- change of them begins a new generation of the account's open sessions, whoever makes it: so an address that goes to
-- another person leaves the sessions of the one who had it within two seconds.
CREATE FUNCTION renew_sessions_of_user() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE sessions
    SET generation = generation + 1, generation_changed_at = clock_timestamp() AT TIME ZONE 'UTC'
    WHERE user_id = NEW.id AND revoked_at IS NULL;
    RETURN NEW;
END
$$;

-- As for the other functions of triggers.
DO $$
DECLARE
    home TEXT := (SELECT nspname FROM pg_namespace JOIN pg_class ON pg_namespace.oid = relnamespace
                  WHERE pg_class.oid = to_regclass('users'));
BEGIN
    EXECUTE format('ALTER FUNCTION renew_sessions_of_user() SECURITY DEFINER SET search_path = %I, pg_temp', home);
    REVOKE ALL ON FUNCTION renew_sessions_of_user() FROM PUBLIC;
END
$$;

CREATE TRIGGER users_identity_changed
AFTER UPDATE OF email, email_verified, username, first_name, last_name, picture_url ON users
FOR EACH ROW WHEN (
    NEW.email <> OLD.email OR NEW.email_verified <> OLD.email_verified OR NEW.username IS DISTINCT FROM OLD.username
    OR NEW.first_name <> OLD.first_name OR NEW.last_name <> OLD.last_name
    OR NEW.picture_url IS DISTINCT FROM OLD.picture_url
) EXECUTE FUNCTION renew_sessions_of_user();

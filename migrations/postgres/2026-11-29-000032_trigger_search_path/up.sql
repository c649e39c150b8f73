-- The functions of the triggers find vestibule's tables whatever the caller's search_path is, and have the rights
-- of their owner: who may close an account or delete a session with SQL need not have rights on the other tables.
-- pg_temp comes last, so that nobody can put a temporary table in the place of one of vestibule's. Nobody else may
-- attach the functions to a table of their own.
--
-- A later migration that replaces one of the functions has to repeat this: CREATE OR REPLACE resets it.
DO $$
DECLARE
    home TEXT := (SELECT nspname FROM pg_namespace JOIN pg_class ON pg_namespace.oid = relnamespace
                  WHERE pg_class.oid = to_regclass('users'));
    name TEXT;
BEGIN
    FOREACH name IN ARRAY ARRAY['end_sessions_of_user', 'end_deleted_session'] LOOP
        EXECUTE format('ALTER FUNCTION %I() SECURITY DEFINER SET search_path = %I, pg_temp', name, home);
        EXECUTE format('REVOKE ALL ON FUNCTION %I() FROM PUBLIC', name);
    END LOOP;
END
$$;

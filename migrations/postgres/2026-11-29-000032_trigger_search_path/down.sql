ALTER FUNCTION end_sessions_of_user() SECURITY INVOKER RESET search_path;
ALTER FUNCTION end_deleted_session() SECURITY INVOKER RESET search_path;
GRANT EXECUTE ON FUNCTION end_sessions_of_user(), end_deleted_session() TO PUBLIC;

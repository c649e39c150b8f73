DROP TRIGGER users_identity_changed ON users;
DROP FUNCTION renew_sessions_of_user();

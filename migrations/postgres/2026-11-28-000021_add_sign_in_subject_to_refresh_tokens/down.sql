ALTER TABLE refresh_tokens DROP COLUMN sign_in_subject;

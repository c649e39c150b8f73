ALTER TABLE sessions DROP COLUMN callback_proof;

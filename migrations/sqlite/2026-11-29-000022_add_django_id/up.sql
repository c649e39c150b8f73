-- django_id: the key of an imported account in Django, where it is no integer. Such an account has an id of
-- ours. The import's ledger keeps it too, so that an account that was deleted here is not imported again.
ALTER TABLE users ADD COLUMN django_id TEXT;
CREATE UNIQUE INDEX users_django_id ON users (django_id) WHERE django_id IS NOT NULL;
ALTER TABLE django_imports ADD COLUMN django_id TEXT;
CREATE UNIQUE INDEX django_imports_django_id ON django_imports (django_id) WHERE django_id IS NOT NULL;

-- Tokens that were issued before this time need not bind their claims. Servers of the earlier version may run
-- for a while beside those of the new one.
INSERT INTO jobs (name, due_at)
SELECT 'refuse unbound token claims', datetime('now', '+1 day')
WHERE EXISTS (SELECT 1 FROM refresh_tokens);

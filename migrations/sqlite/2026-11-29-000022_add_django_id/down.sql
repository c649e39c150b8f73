DELETE FROM jobs WHERE name = 'refuse unbound token claims';
DROP INDEX django_imports_django_id;
ALTER TABLE django_imports DROP COLUMN django_id;
DROP INDEX users_django_id;
ALTER TABLE users DROP COLUMN django_id;

-- The table from which import-django took the account, so that a row of another table with the same key is not
-- taken for the same person. NULL for accounts that an earlier version imported, until an import finds them again.
ALTER TABLE django_imports ADD COLUMN source_table TEXT;

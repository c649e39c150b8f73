ALTER TABLE django_imports DROP COLUMN source_table;

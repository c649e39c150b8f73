-- The options with which imports decided which accounts are closed.
CREATE TABLE django_import_options (
    source_table TEXT NOT NULL,
    option TEXT NOT NULL,
    PRIMARY KEY (source_table, option)
);

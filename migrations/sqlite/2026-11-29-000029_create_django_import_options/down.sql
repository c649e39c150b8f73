DROP TABLE django_import_options;

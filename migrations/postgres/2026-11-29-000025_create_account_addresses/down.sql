DROP TABLE django_import_items;
DROP TABLE account_addresses;

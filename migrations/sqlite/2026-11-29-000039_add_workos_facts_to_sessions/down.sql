ALTER TABLE sessions DROP COLUMN workos_facts;

-- SQLite's triggers need no search path and have no rights of their own.
SELECT 1;

DROP TABLE space_probe;

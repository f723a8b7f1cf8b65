-- The workers that share the frames, by their client ids. Each raises its number as long as it lives. A
-- crash of the server may empty the table: they are in it again with their next number.
CREATE UNLOGGED TABLE worker (
    id TEXT COLLATE "C" PRIMARY KEY,
    beat BIGINT NOT NULL
);

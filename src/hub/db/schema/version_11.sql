-- The feed: in the order of their commits, the ranges of entries that transactions have booked. The
-- hub's own ledger has the book 0. Without the time, which is 0 then, they were booked by an earlier
-- program.
CREATE TABLE feed (
    position  {int} NOT NULL PRIMARY KEY,
    book      {int} NOT NULL,
    first_seq {int} NOT NULL,
    last_seq  {int} NOT NULL,
    at_ms     {int} NOT NULL
){table};
CREATE INDEX feed_by_time ON feed (at_ms, position);
INSERT INTO feed SELECT row_number() OVER (ORDER BY id), id, 1, acked_seq, 0 FROM book
    WHERE acked_seq > 0;
INSERT INTO feed SELECT (SELECT coalesce(max(position), 0) + 1 FROM feed), 0, 1, seq, 0
    FROM movement_end WHERE seq > 0;

-- The position of the last range, in one row.
CREATE TABLE feed_end (
    one      {int} NOT NULL PRIMARY KEY,
    position {int} NOT NULL
){table};
INSERT INTO feed_end SELECT 1, coalesce(max(position), 0) FROM feed;

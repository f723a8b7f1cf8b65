-- Ranges that are committed and have no position in the feed yet.
CREATE TABLE feed_waiting (
    n         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    book      BIGINT NOT NULL,
    first_seq BIGINT NOT NULL,
    last_seq  BIGINT NOT NULL,
    at_ms     BIGINT NOT NULL
);

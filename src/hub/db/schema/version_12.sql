-- The public key of the device that keeps a database, and another one that it shows.
ALTER TABLE book ADD COLUMN device_key {blob};
ALTER TABLE book ADD COLUMN offered_key {blob};
-- The position after which its ledger has the newer kind of chain.
ALTER TABLE book ADD COLUMN chain_since {int} NOT NULL DEFAULT 0;

-- What devices have signed of their ledgers: the last position of each part of 10,000 entries.
CREATE TABLE checkpoint (
    book       {int}  NOT NULL,
    part       {int}  NOT NULL,
    seq        {int}  NOT NULL,
    chain      {blob} NOT NULL,
    at_ms      {int}  NOT NULL,
    signature  {blob} NOT NULL,
    public_key {blob} NOT NULL,
    PRIMARY KEY (book, part)
){table};

-- The chain of the hub's own ledger; NULL before the first movement that is chained.
ALTER TABLE movement_end ADD COLUMN chain {blob};

-- What the hub has signed of its own ledger.
CREATE TABLE books_checkpoint (
    part       {int}  NOT NULL PRIMARY KEY,
    seq        {int}  NOT NULL,
    chain      {blob} NOT NULL,
    at_ms      {int}  NOT NULL,
    signature  {blob} NOT NULL,
    public_key {blob} NOT NULL
){table};

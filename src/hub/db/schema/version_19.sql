-- Where ledgers begin whose older entries were removed: the last position that was, and the chain
-- after it. The hub's own ledger has the book 0.
CREATE TABLE pruned (
    book  {int}  NOT NULL PRIMARY KEY,
    seq   {int}  NOT NULL,
    chain {blob} NOT NULL
){table};

-- The sums of the entries that were removed.
CREATE TABLE pruned_sum (
    book            {int}  NOT NULL,
    sku             {text} NOT NULL,
    change          {int}  NOT NULL,
    reserved_change {int}  NOT NULL,
    PRIMARY KEY (book, sku)
){table};

-- The place in the feed after the last event that was removed, in one row.
CREATE TABLE feed_start (
    one      {int} NOT NULL PRIMARY KEY,
    position {int} NOT NULL,
    seq      {int} NOT NULL
){table};
INSERT INTO feed_start VALUES (1, 0, 0);

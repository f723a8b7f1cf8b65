-- What a gateway receives, counts and deducts is kept with its allotment, not in the pool: so no
-- gateway's frames touch a row of another one.
ALTER TABLE held ADD COLUMN received {int} NOT NULL DEFAULT 0;
ALTER TABLE held ADD COLUMN adjusted {int} NOT NULL DEFAULT 0;
ALTER TABLE held ADD COLUMN deducted {int} NOT NULL DEFAULT 0;
ALTER TABLE held ADD COLUMN given {int} NOT NULL DEFAULT 0;

-- The kinds of entries, less the bit of a clock that was not trusted: 0 deduct, 1 restock, 2 count,
-- 3 rollback, 5 commit.
UPDATE held SET received = sums.received, adjusted = sums.adjusted, deducted = sums.deducted
    FROM (SELECT book, sku,
          CAST(sum(CASE WHEN kind % 64 = 1 THEN change ELSE 0 END) AS {int}) AS received,
          CAST(sum(CASE WHEN kind % 64 = 2 THEN change ELSE 0 END) AS {int}) AS adjusted,
          CAST(sum(CASE WHEN kind % 64 IN (0, 3, 5) THEN -change ELSE 0 END) AS {int}) AS deducted
          FROM entry GROUP BY book, sku) AS sums
    WHERE sums.book = held.book AND sums.sku = held.sku;
UPDATE held SET given = on_hand + in_transit - received - adjusted + deducted;

ALTER TABLE pool ADD COLUMN given {int} NOT NULL DEFAULT 0;
UPDATE pool SET received = pool.received - sums.received, adjusted = pool.adjusted - sums.adjusted,
        deducted = pool.deducted - sums.deducted
    FROM (SELECT sku, CAST(sum(received) AS {int}) AS received,
          CAST(sum(adjusted) AS {int}) AS adjusted, CAST(sum(deducted) AS {int}) AS deducted
          FROM held GROUP BY sku) AS sums
    WHERE sums.sku = pool.sku;
UPDATE pool SET given = received + adjusted - deducted - unallotted;

ALTER TABLE book ADD COLUMN in_force {int} NOT NULL DEFAULT 0;
UPDATE book SET in_force = 1 WHERE id IN (SELECT max(id) FROM book GROUP BY site, gateway);
CREATE UNIQUE INDEX book_in_force ON book (site, gateway) WHERE in_force = 1;
CREATE INDEX book_with_problem ON book (site, gateway)
    WHERE in_force = 1 AND problem IS NOT NULL;
CREATE INDEX held_in_transit ON held (book) WHERE in_transit <> 0;

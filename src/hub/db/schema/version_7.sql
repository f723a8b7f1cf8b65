-- Gateways that have more than the books, and the takeover of their ledgers.
ALTER TABLE book ADD COLUMN held {text};
ALTER TABLE book ADD COLUMN held_since_ms {int} NOT NULL DEFAULT 0;
ALTER TABLE book ADD COLUMN held_until_recovered {int} NOT NULL DEFAULT 0;
ALTER TABLE book ADD COLUMN generation {int} NOT NULL DEFAULT 1;
ALTER TABLE book ADD COLUMN heard_generation {int} NOT NULL DEFAULT 0;
ALTER TABLE book ADD COLUMN takeover_up_to {int} NOT NULL DEFAULT 0;
ALTER TABLE book ADD COLUMN takeover_transfer {int} NOT NULL DEFAULT 0;
ALTER TABLE book ADD COLUMN taken_over_transfers {int} NOT NULL DEFAULT 0;
ALTER TABLE book ADD COLUMN taken_over_units {int} NOT NULL DEFAULT 0;
-- Why a database was fenced that may show that its ledger continues the books.
ALTER TABLE book ADD COLUMN reopening {text};
CREATE INDEX book_held ON book (site, gateway) WHERE in_force = 1 AND held IS NOT NULL;

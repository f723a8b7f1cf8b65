-- The number of the change with which a SKU got its decimals.
ALTER TABLE listing ADD COLUMN decimals_n {int} NOT NULL DEFAULT 0;
UPDATE listing SET decimals_n = n;

-- Listings have a unit and decimals, and barcodes a content, in the smallest unit: the column barcodes
-- holds code*content, with a space between them.
ALTER TABLE listing ADD COLUMN unit {text};
ALTER TABLE listing ADD COLUMN decimals {int} NOT NULL DEFAULT 0;
UPDATE listing SET barcodes = replace(barcodes, ' ', '*1 ') || '*1' WHERE barcodes <> '';

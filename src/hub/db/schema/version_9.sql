-- The chain of a ledger that has gone over to SHA-256; chain is 0 then.
ALTER TABLE book ADD COLUMN chain_sha256 {blob};

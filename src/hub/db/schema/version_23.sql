-- When a greeting last showed that the gateway has no more than the books.
ALTER TABLE book ADD COLUMN in_step_ms {int} NOT NULL DEFAULT 0;

-- When a greeting last showed that the gateway has no more than the books.
ALTER TABLE book ADD COLUMN in_step_ms {int} NOT NULL DEFAULT 0;
-- The broker over which frames of that size were lost: its host and port.
ALTER TABLE book ADD COLUMN frame_lost_broker {text};

-- The broker over which frames of that size were lost: its host and port.
ALTER TABLE book ADD COLUMN frame_lost_broker {text};

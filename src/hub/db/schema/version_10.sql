-- The size of frames that do not reach a gateway though smaller ones do.
ALTER TABLE book ADD COLUMN frame_lost_bytes {int};

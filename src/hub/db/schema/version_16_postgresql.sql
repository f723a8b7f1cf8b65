-- A row is counted up again and again within its day: with room in its page, no index changes.
ALTER TABLE demand SET (fillfactor = 70);

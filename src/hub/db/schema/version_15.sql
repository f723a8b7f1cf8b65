-- What is added to the numbers of the catalogue's changes in frames to a gateway that has taken
-- changes of other books, or of these before an older copy of them was put back.
ALTER TABLE book ADD COLUMN catalogue_base {int} NOT NULL DEFAULT 0;

-- The SKUs that a gateway has booked in whole units, and what it knew when it greeted last.
ALTER TABLE book ADD COLUMN whole_units {blob};

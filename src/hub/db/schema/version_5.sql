-- Which books these are: one row. A program that opens them makes it where it is missing.
CREATE TABLE identity (
    one             {int}  NOT NULL PRIMARY KEY,
    books           {blob} NOT NULL,
    generation      {int}  NOT NULL
){table};
-- The version of the protocol of the last frame of a database.
ALTER TABLE book ADD COLUMN wire {int} NOT NULL DEFAULT 1;

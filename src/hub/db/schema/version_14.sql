-- Sales that wait for units which were recalled for them.
CREATE TABLE open_order (
    id          {text} NOT NULL PRIMARY KEY,
    deadline_ms {int}  NOT NULL,
    state       {blob} NOT NULL
){table};

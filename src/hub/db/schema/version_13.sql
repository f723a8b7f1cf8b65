-- Reservations in the pool. What they hold of a pool is a part of what is unallotted.
CREATE TABLE reservation (
    id          {text} NOT NULL PRIMARY KEY,
    deadline_ms {int}  NOT NULL,
    order_id    {text},
    actor       {text},
    lines       {blob} NOT NULL
){table};
CREATE INDEX reservation_due ON reservation (deadline_ms);
CREATE INDEX reservation_of_order ON reservation (order_id, id);
ALTER TABLE pool ADD COLUMN reserved {int} NOT NULL DEFAULT 0;
ALTER TABLE movement ADD COLUMN reserved_change {int} NOT NULL DEFAULT 0;

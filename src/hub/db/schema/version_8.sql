-- Who asked for an entry and why, and which goods of the SKU it was about: lot, serial number, and
-- expiry date in days since 1970.
ALTER TABLE entry ADD COLUMN actor {text};
ALTER TABLE entry ADD COLUMN reason {text};
ALTER TABLE entry ADD COLUMN lot {text};
ALTER TABLE entry ADD COLUMN serial {text};
ALTER TABLE entry ADD COLUMN expires {int};
ALTER TABLE aside ADD COLUMN actor {text};
ALTER TABLE aside ADD COLUMN reason {text};
ALTER TABLE aside ADD COLUMN lot {text};
ALTER TABLE aside ADD COLUMN serial {text};
ALTER TABLE aside ADD COLUMN expires {int};

-- The hub's own ledger: what changed the pools, beside the entries of gateways.
CREATE TABLE movement (
    seq               {int}  NOT NULL PRIMARY KEY,
    kind              {int}  NOT NULL,
    sku               {text} NOT NULL,
    change            {int}  NOT NULL,
    in_transit_change {int}  NOT NULL,
    site              {text},
    gateway           {text},
    order_id          {text},
    request_id        {text} NOT NULL,
    at_ms             {int}  NOT NULL,
    actor             {text},
    reason            {text},
    lot               {text},
    serial            {text},
    expires           {int}
){table};

-- The position of the last movement, in one row.
CREATE TABLE movement_end (
    one {int} NOT NULL PRIMARY KEY,
    seq {int} NOT NULL
){table};
INSERT INTO movement_end VALUES (1, 0);

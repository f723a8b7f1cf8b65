-- The orders that wait for units of a SKU, so that what brings some finds them. An order that waited
-- before the upgrade is decided when its time is over.
CREATE TABLE open_order_line (
    sku {text} NOT NULL,
    id {text} NOT NULL,
    units {int} NOT NULL,
    PRIMARY KEY (sku, id)
){table};

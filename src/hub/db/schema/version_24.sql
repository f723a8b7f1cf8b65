-- The decimals that SKUs got, and with which change of the catalogue: what a gateway booked before it
-- took that is in those that the SKU had until then. Of what was given before this table there was, only
-- the last is known.
CREATE TABLE listing_decimals (
    sku {text} NOT NULL,
    n {int} NOT NULL,
    decimals {int} NOT NULL,
    PRIMARY KEY (sku, n)
){table};
INSERT INTO listing_decimals SELECT sku, decimals_n, decimals FROM listing WHERE decimals <> 0;

-- For the refused demand of a SKU that gets other decimals.
CREATE INDEX demand_sku ON demand (sku);

-- The version of a gateway's program, and since when entries wait that are not in the books.
ALTER TABLE book ADD COLUMN software {text} NOT NULL DEFAULT '';
ALTER TABLE book ADD COLUMN pending_since_ms {int} NOT NULL DEFAULT 0;

-- A policy is for all gateways, with an empty site and gateway, or for one.
CREATE TABLE policy_6 (
    sku         {text} NOT NULL,
    site        {text} NOT NULL,
    gateway     {text} NOT NULL,
    low_water   {int}  NOT NULL,
    target      {int}  NOT NULL,
    max_per_day {int},
    PRIMARY KEY (sku, site, gateway)
){table};
INSERT INTO policy_6 SELECT sku, '', '', low_water, target, NULL FROM policy;
DROP TABLE policy;
ALTER TABLE policy_6 RENAME TO policy;

-- What policies have granted to a gateway lately, by hour.
CREATE TABLE granted (
    sku     {text} NOT NULL,
    site    {text} NOT NULL,
    gateway {text} NOT NULL,
    recent  {blob} NOT NULL,
    PRIMARY KEY (sku, site, gateway)
){table};

-- The gateways whose frames are taken where only enrolled ones are.
CREATE TABLE enrolled (
    site    {text} NOT NULL,
    gateway {text} NOT NULL,
    at_ms   {int}  NOT NULL,
    PRIMARY KEY (site, gateway)
){table};

-- What was sold, and what was refused for want of stock, by day since 1970. What a database has
-- refused is cumulative, so it is kept for each.
CREATE TABLE demand (
    day           {int}  NOT NULL,
    site          {text} NOT NULL,
    gateway       {text} NOT NULL,
    sku           {text} NOT NULL,
    book          {int}  NOT NULL,
    sold          {int}  NOT NULL,
    refused_lines {int}  NOT NULL,
    refused_units {int}  NOT NULL,
    PRIMARY KEY (day, site, gateway, sku, book)
){table};

-- Ledgers are kept in a table for each month, so that what is old goes with its table. The month is that
-- of the booking by the server's clock in UTC, counted from January 1970. What is booked already, and
-- what is booked until the next month, is in the first of these tables; what no other is there for, in the
-- last one. The positions are unique in each of them.
ALTER TABLE entry RENAME TO entry_first;
ALTER INDEX IF EXISTS entry_pkey RENAME TO entry_first_pkey;
ALTER TABLE entry_first ADD COLUMN month BIGINT NOT NULL
    DEFAULT CAST(extract(year FROM now() AT TIME ZONE 'UTC') * 12
        + extract(month FROM now() AT TIME ZONE 'UTC') - 23641 AS BIGINT);
CREATE TABLE entry (LIKE entry_first INCLUDING DEFAULTS) PARTITION BY RANGE (month);
ALTER TABLE entry ATTACH PARTITION entry_first FOR VALUES FROM (MINVALUE)
    TO (CAST(extract(year FROM now() AT TIME ZONE 'UTC') * 12
        + extract(month FROM now() AT TIME ZONE 'UTC') - 23640 AS BIGINT));
CREATE TABLE entry_default (LIKE entry INCLUDING DEFAULTS, PRIMARY KEY (book, seq));
ALTER TABLE entry ATTACH PARTITION entry_default DEFAULT;
CREATE INDEX entry_default_month ON entry_default (month);

ALTER TABLE movement RENAME TO movement_first;
ALTER INDEX IF EXISTS movement_pkey RENAME TO movement_first_pkey;
ALTER TABLE movement_first ADD COLUMN month BIGINT NOT NULL
    DEFAULT CAST(extract(year FROM now() AT TIME ZONE 'UTC') * 12
        + extract(month FROM now() AT TIME ZONE 'UTC') - 23641 AS BIGINT);
CREATE TABLE movement (LIKE movement_first INCLUDING DEFAULTS) PARTITION BY RANGE (month);
ALTER TABLE movement ATTACH PARTITION movement_first FOR VALUES FROM (MINVALUE)
    TO (CAST(extract(year FROM now() AT TIME ZONE 'UTC') * 12
        + extract(month FROM now() AT TIME ZONE 'UTC') - 23640 AS BIGINT));
CREATE TABLE movement_default (LIKE movement INCLUDING DEFAULTS, PRIMARY KEY (seq));
ALTER TABLE movement ATTACH PARTITION movement_default DEFAULT;
CREATE INDEX movement_default_month ON movement_default (month);

-- The month of a range's entries, so that they are looked for in one table.
ALTER TABLE feed_waiting ADD COLUMN month BIGINT NOT NULL
    DEFAULT CAST(extract(year FROM now() AT TIME ZONE 'UTC') * 12
        + extract(month FROM now() AT TIME ZONE 'UTC') - 23641 AS BIGINT);
ALTER TABLE feed ADD COLUMN month BIGINT NOT NULL
    DEFAULT CAST(extract(year FROM now() AT TIME ZONE 'UTC') * 12
        + extract(month FROM now() AT TIME ZONE 'UTC') - 23641 AS BIGINT);
ALTER TABLE feed ALTER COLUMN month DROP DEFAULT;

-- Who may use the tables, or columns of them, still may.
DO $grants$
DECLARE
    given record;
BEGIN
    FOR given IN
        SELECT split_part(old.relname, '_', 1) AS ledger, acl.privilege_type || acl.columns AS privilege,
            CASE acl.grantee WHEN 0 THEN 'PUBLIC' ELSE acl.grantee::regrole::text END AS grantee,
            CASE WHEN acl.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END AS tail
        FROM pg_class AS old, LATERAL (
            SELECT '' AS columns, every.* FROM aclexplode(old.relacl) AS every
            UNION ALL
            SELECT format(' (%I)', attname), every.* FROM pg_attribute, aclexplode(attacl) AS every
            WHERE attrelid = old.oid) AS acl
        WHERE old.oid IN ('entry_first'::regclass, 'movement_first'::regclass)
            AND acl.grantee <> old.relowner
    LOOP
        EXECUTE format('GRANT %s ON %I TO %s%s', given.privilege, given.ledger, given.grantee,
            given.tail);
    END LOOP;
END $grants$;

-- The view with the new tables. An entry that was removed, with what is before it, may still be in its
-- table: it goes with that. A device may have any time in its entries; what is before 1970 or after the
-- year 9999 is shown as the first or the last moment of these.
CREATE OR REPLACE VIEW inventory_changed_event AS
    SELECT stockgate_event_id(book.site || '/' || book.gateway || '/'
            || encode(book.epoch, 'hex')::uuid || '/' || entry.seq) AS event_id,
        entry.sku AS product_id,
        CASE WHEN coalesce(position(convert_to(chr(octet_length(entry.sku)) || entry.sku, 'UTF8')
                IN book.whole_units), 0) = 0
            THEN trim_scale(entry.change / power(10::numeric, coalesce(listing.decimals, 0)))
            ELSE entry.change::numeric END AS change_amount,
        entry.order_id AS source_order,
        to_timestamp(least(greatest(entry.at_ms, 0), 253402300799999) / 1000.0) AS created_at,
        (ARRAY['deduct', 'restock', 'count', 'rollback', 'reserve', 'commit', 'release', 'expire',
            'grant', 'recall'])[entry.kind % 64 + 1] AS kind,
        book.site, book.gateway, entry.actor, entry.reason
    FROM entry JOIN book ON book.id = entry.book LEFT JOIN listing ON listing.sku = entry.sku
        LEFT JOIN pruned ON pruned.book = entry.book
    WHERE entry.seq > coalesce(pruned.seq, 0)
    UNION ALL
    SELECT stockgate_event_id(encode(identity.books, 'hex')::uuid || '/' || movement.seq),
        movement.sku,
        trim_scale(movement.change / power(10::numeric, coalesce(listing.decimals, 0))),
        movement.order_id,
        to_timestamp(movement.at_ms / 1000.0),
        (ARRAY['receipt', 'deduct', 'grant', 'recall', 'bring_back', 'correction', 'rollback',
            'reserve', 'commit', 'release', 'expire'])[movement.kind + 1],
        NULL, NULL, movement.actor, movement.reason
    FROM movement CROSS JOIN identity LEFT JOIN listing ON listing.sku = movement.sku
    WHERE movement.seq > coalesce((SELECT seq FROM pruned WHERE book = 0), 0);

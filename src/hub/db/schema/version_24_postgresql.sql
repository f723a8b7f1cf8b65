
-- The view with SKUs that a gateway books in decimals of an earlier catalogue. Behind the length and the
-- bytes of such a SKU stands a byte, whose bits 4 to 6 are the decimals of its entries.
CREATE OR REPLACE VIEW inventory_changed_event AS
    SELECT stockgate_event_id(book.site || '/' || book.gateway || '/'
            || encode(book.epoch, 'hex')::uuid || '/' || entry.seq) AS event_id,
        entry.sku AS product_id,
        trim_scale(entry.change / power(10::numeric, CASE WHEN own.at = 0
            THEN coalesce(listing.decimals, 0)
            ELSE (get_byte(book.whole_units, own.at + octet_length(entry.sku)) >> 4) & 7
            END)) AS change_amount,
        entry.order_id AS source_order,
        to_timestamp(least(greatest(entry.at_ms, 0), 253402300799999) / 1000.0) AS created_at,
        (ARRAY['deduct', 'restock', 'count', 'rollback', 'reserve', 'commit', 'release', 'expire',
            'grant', 'recall'])[entry.kind % 64 + 1] AS kind,
        book.site, book.gateway, entry.actor, entry.reason
    FROM entry JOIN book ON book.id = entry.book LEFT JOIN listing ON listing.sku = entry.sku
        LEFT JOIN pruned ON pruned.book = entry.book
        CROSS JOIN LATERAL (SELECT coalesce(position(
            convert_to(chr(octet_length(entry.sku)) || entry.sku, 'UTF8') IN book.whole_units), 0) AS at) AS own
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


-- The name-based UUID (version 5) of a text in the namespace of event ids. SHA-1 is written out,
-- because the server has none without an extension, which its operator may not allow.
CREATE FUNCTION stockgate_event_id(name text) RETURNS uuid
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $event_id$
DECLARE
    mask CONSTANT bigint := 4294967295;
    m bytea := '\xf98470bd9efb566186b07716d250e2a0'::bytea || convert_to(name, 'UTF8');
    bits CONSTANT bigint := octet_length(m) * 8;
    blocks CONSTANT int := (octet_length(m) + 72) / 64;
    w bigint[];
    x bigint; f bigint; a bigint; b bigint; c bigint; d bigint; e bigint;
    h0 bigint := 1732584193; h1 bigint := 4023233417; h2 bigint := 2562383102;
    h3 bigint := 271733878; h4 bigint := 3285377520;
BEGIN
    m := m || '\x80'::bytea || decode(repeat('00', 64 * blocks - octet_length(m) - 9), 'hex')
        || int8send(bits);
    FOR block IN 0 .. blocks - 1 LOOP
        FOR t IN 0 .. 15 LOOP
            x := 64 * block + 4 * t;
            w[t] := (get_byte(m, x::int)::bigint << 24) | (get_byte(m, x::int + 1)::bigint << 16)
                | (get_byte(m, x::int + 2)::bigint << 8) | get_byte(m, x::int + 3)::bigint;
        END LOOP;
        a := h0; b := h1; c := h2; d := h3; e := h4;
        FOR t IN 0 .. 79 LOOP
            IF t > 15 THEN
                x := w[t - 3] # w[t - 8] # w[t - 14] # w[t - 16];
                w[t] := ((x << 1) & mask) | (x >> 31);
            END IF;
            IF t < 20 THEN f := ((b & c) | (~b & d)) + 1518500249;
            ELSIF t < 40 THEN f := (b # c # d) + 1859775393;
            ELSIF t < 60 THEN f := ((b & c) | (b & d) | (c & d)) + 2400959708;
            ELSE f := (b # c # d) + 3395469782;
            END IF;
            x := ((((a << 5) & mask) | (a >> 27)) + f + e + w[t]) & mask;
            e := d; d := c; c := ((b << 30) & mask) | (b >> 2); b := a; a := x;
        END LOOP;
        h0 := (h0 + a) & mask; h1 := (h1 + b) & mask; h2 := (h2 + c) & mask;
        h3 := (h3 + d) & mask; h4 := (h4 + e) & mask;
    END LOOP;
    h1 := (h1 & 4294905855) | 20480;
    h2 := (h2 & 1073741823) | 2147483648;
    RETURN (lpad(to_hex(h0), 8, '0') || lpad(to_hex(h1), 8, '0') || lpad(to_hex(h2), 8, '0')
        || lpad(to_hex(h3), 8, '0'))::uuid;
END $event_id$;

-- Every movement, for analysts. It stays as it is; columns may be added behind the last one.
CREATE VIEW inventory_changed_event AS
    SELECT stockgate_event_id(book.site || '/' || book.gateway || '/'
            || encode(book.epoch, 'hex')::uuid || '/' || entry.seq) AS event_id,
        entry.sku AS product_id,
        CASE WHEN coalesce(position(convert_to(chr(octet_length(entry.sku)) || entry.sku, 'UTF8')
                IN book.whole_units), 0) = 0
            THEN trim_scale(entry.change / power(10::numeric, coalesce(listing.decimals, 0)))
            ELSE entry.change::numeric END AS change_amount,
        entry.order_id AS source_order,
        to_timestamp(entry.at_ms / 1000.0) AS created_at,
        (ARRAY['deduct', 'restock', 'count', 'rollback', 'reserve', 'commit', 'release', 'expire',
            'grant', 'recall'])[entry.kind % 64 + 1] AS kind,
        book.site, book.gateway, entry.actor, entry.reason
    FROM entry JOIN book ON book.id = entry.book LEFT JOIN listing ON listing.sku = entry.sku
    UNION ALL
    SELECT stockgate_event_id(encode(identity.books, 'hex')::uuid || '/' || movement.seq),
        movement.sku,
        trim_scale(movement.change / power(10::numeric, coalesce(listing.decimals, 0))),
        movement.order_id,
        to_timestamp(movement.at_ms / 1000.0),
        (ARRAY['receipt', 'deduct', 'grant', 'recall', 'bring_back', 'correction', 'rollback',
            'reserve', 'commit', 'release', 'expire'])[movement.kind + 1],
        NULL, NULL, movement.actor, movement.reason
    FROM movement CROSS JOIN identity LEFT JOIN listing ON listing.sku = movement.sku;

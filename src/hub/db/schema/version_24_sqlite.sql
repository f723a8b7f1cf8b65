
-- The view with SKUs that a gateway books in decimals of an earlier catalogue. Behind the length and the
-- bytes of such a SKU stands a byte, whose bits 4 to 6 are the decimals of its entries.
--
-- The event id is the name-based UUID (version 5) of `name` in the namespace of event ids. SHA-1 is
-- written out, because SQLite has none, and computed only if the column is selected. A row of `sha`
-- is the state before step `t` of the block `n`: the digest before the block, the five words that
-- rotate, the word of this step, and the fifteen before it. Step 80 adds up the block.
-- x ^ y is (x | y) - (x & y).
DROP VIEW inventory_changed_event;
CREATE VIEW inventory_changed_event AS
    SELECT (WITH RECURSIVE
            text(m, bytes) AS (SELECT name || char(128), length(name) + 16),
            sha(n, t, h0, h1, h2, h3, h4, a, b, c, d, e, w,
                w1, w2, w3, w4, w5, w6, w7, w8, w9, w10, w11, w12, w13, w14, w15) AS (
            SELECT 0, 0, 1732584193, 4023233417, 2562383102, 271733878, 3285377520,
                1732584193, 4023233417, 2562383102, 271733878, 3285377520, 4186206397,
                0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
            UNION ALL
            SELECT n + t / 80, (t + 1) % 81,
                CASE t WHEN 80 THEN (h0 + a) & 4294967295 ELSE h0 END,
                CASE t WHEN 80 THEN (h1 + b) & 4294967295 ELSE h1 END,
                CASE t WHEN 80 THEN (h2 + c) & 4294967295 ELSE h2 END,
                CASE t WHEN 80 THEN (h3 + d) & 4294967295 ELSE h3 END,
                CASE t WHEN 80 THEN (h4 + e) & 4294967295 ELSE h4 END,
                CASE WHEN t = 80 THEN (h0 + a) & 4294967295 ELSE (((a << 5) | (a >> 27)) + e + w +
                    CASE t / 20
                    WHEN 0 THEN 1518500249 + ((b & c) | (~b & d))
                    WHEN 1 THEN 1859775393 +
                        (((b | c) - (b & c)) | d) - (((b | c) - (b & c)) & d)
                    WHEN 2 THEN 2400959708 + ((b & c) | (b & d) | (c & d))
                    ELSE 3395469782 + (((b | c) - (b & c)) | d) - (((b | c) - (b & c)) & d)
                    END) & 4294967295 END,
                CASE t WHEN 80 THEN (h1 + b) & 4294967295 ELSE a END,
                CASE t WHEN 80 THEN (h2 + c) & 4294967295
                    ELSE ((b << 30) | (b >> 2)) & 4294967295 END,
                CASE t WHEN 80 THEN (h3 + d) & 4294967295 ELSE c END,
                CASE t WHEN 80 THEN (h4 + e) & 4294967295 ELSE d END,
                CASE
                WHEN t = 79 THEN 0
                WHEN t > 14 AND t < 79 THEN
                    2 * ((((w2 | w7) - (w2 & w7)) | ((w13 | w15) - (w13 & w15))) - (((w2 | w7) - (w2 & w7)) & ((w13 | w15) - (w13 & w15))))
                    - 4294967295 * (((((w2 | w7) - (w2 & w7)) | ((w13 | w15) - (w13 & w15))) - (((w2 | w7) - (w2 & w7)) & ((w13 | w15) - (w13 & w15)))) >> 31)
                WHEN n = 0 AND t < 3 THEN CASE t WHEN 0 THEN 2667271777
                    WHEN 1 THEN 2259711766 ELSE 3528516256 END
                WHEN t = 14 AND n = (bytes + 8) / 64 THEN bytes * 8
                ELSE (coalesce(unicode(substr(m, 64 * n + 4 * ((t + 1) % 81) + 64 * (t / 80) - 15, 1)), 0) << 24)
                    | (coalesce(unicode(substr(m, 64 * n + 4 * ((t + 1) % 81) + 64 * (t / 80) - 14, 1)), 0) << 16)
                    | (coalesce(unicode(substr(m, 64 * n + 4 * ((t + 1) % 81) + 64 * (t / 80) - 13, 1)), 0) << 8)
                    | coalesce(unicode(substr(m, 64 * n + 4 * ((t + 1) % 81) + 64 * (t / 80) - 12, 1)), 0)
                END,
                w, w1, w2, w3, w4, w5, w6, w7, w8, w9, w10, w11, w12, w13, w14
            FROM sha, text WHERE n <= (bytes + 8) / 64)
        SELECT lower(printf('%08x-%04x-5%03x-%04x-%04x%08x', h0, h1 >> 16, h1 & 4095,
            (h2 >> 16 & 16383) | 32768, h2 & 65535, h3))
        FROM sha ORDER BY n DESC, t LIMIT 1) AS event_id,
        product_id, change_amount, source_order, created_at, kind, site, gateway, actor, reason
    FROM (SELECT book.site || '/' || book.gateway || '/' || lower(printf('%s-%s-%s-%s-%s',
                substr(hex(book.epoch), 1, 8), substr(hex(book.epoch), 9, 4),
                substr(hex(book.epoch), 13, 4), substr(hex(book.epoch), 17, 4),
                substr(hex(book.epoch), 21))) || '/' || entry.seq AS name,
            entry.sku AS product_id,
            CASE entry.own WHEN 0 THEN entry.change
                ELSE entry.change / CAST('1e' || entry.own AS REAL) END AS change_amount,
            entry.order_id AS source_order,
            strftime('%Y-%m-%dT%H:%M:%S', entry.at_ms / 1000, 'unixepoch')
                || printf('.%03dZ', entry.at_ms % 1000) AS created_at,
            CASE entry.kind % 64 WHEN 0 THEN 'deduct' WHEN 1 THEN 'restock' WHEN 2 THEN 'count'
                WHEN 3 THEN 'rollback' WHEN 4 THEN 'reserve' WHEN 5 THEN 'commit'
                WHEN 6 THEN 'release' WHEN 7 THEN 'expire' WHEN 8 THEN 'grant'
                WHEN 9 THEN 'recall' END AS kind,
            book.site AS site, book.gateway AS gateway, entry.actor AS actor, entry.reason AS reason
        FROM (SELECT entry.*, coalesce(CASE
                    coalesce(instr(book.whole_units, CAST(char(length(CAST(entry.sku AS BLOB))) || entry.sku AS BLOB)), 0)
                WHEN 0 THEN listing.decimals
                ELSE (instr('0123456789ABCDEF', substr(hex(substr(book.whole_units,
                    instr(book.whole_units, CAST(char(length(CAST(entry.sku AS BLOB))) || entry.sku AS BLOB))
                        + length(CAST(entry.sku AS BLOB)) + 1, 1)), 1, 1)) - 1) % 8
                END, 0) AS own
            FROM entry JOIN book ON book.id = entry.book
                LEFT JOIN listing ON listing.sku = entry.sku) AS entry
            JOIN book ON book.id = entry.book
        UNION ALL
        SELECT lower(printf('%s-%s-%s-%s-%s', substr(hex(books), 1, 8), substr(hex(books), 9, 4),
                substr(hex(books), 13, 4), substr(hex(books), 17, 4), substr(hex(books), 21)))
                || '/' || movement.seq,
            movement.sku,
            CASE WHEN listing.decimals IS NULL OR listing.decimals = 0 THEN movement.change
                ELSE movement.change / CAST('1e' || listing.decimals AS REAL) END,
            movement.order_id,
            strftime('%Y-%m-%dT%H:%M:%S', movement.at_ms / 1000, 'unixepoch')
                || printf('.%03dZ', movement.at_ms % 1000),
            CASE movement.kind WHEN 0 THEN 'receipt' WHEN 1 THEN 'deduct' WHEN 2 THEN 'grant'
                WHEN 3 THEN 'recall' WHEN 4 THEN 'bring_back' WHEN 5 THEN 'correction'
                WHEN 6 THEN 'rollback' WHEN 7 THEN 'reserve' WHEN 8 THEN 'commit'
                WHEN 9 THEN 'release' WHEN 10 THEN 'expire' END,
            NULL, NULL, movement.actor, movement.reason
        FROM movement JOIN identity LEFT JOIN listing ON listing.sku = movement.sku);

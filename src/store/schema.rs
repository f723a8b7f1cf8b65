//! The tables, as numbered migrations. The version of a database is the number of its last one.

/// `SGGW` in the header of the file: this is a gateway's database.
pub(super) const APPLICATION_ID: i32 = i32::from_be_bytes(*b"SGGW");

/// The version before the first migration. A database of this version is from before the first
/// release.
pub(super) const OLDEST: i32 = 1;

/// The version that knows transfers and the catalogue.
pub(super) const CATALOGUE: i32 = 3;

/// The version whose rows have checksums.
pub(super) const CHECKSUMS: i32 = 4;

/// The version whose listings have units, decimals and contents.
pub(super) const CONTENTS: i32 = 5;

/// The version that knows which books the gateway belongs to.
pub(super) const BOOKS: i32 = 6;

/// The version that keeps signed positions, and what was refused for want of stock.
pub(super) const REPORTS: i32 = 7;

/// The version that knows with which record the ledger begins.
pub(super) const BEGINNING: i32 = 8;

/// The newest version.
pub(super) fn newest() -> i32 {
    OLDEST + i32::try_from(MIGRATIONS.len()).expect("a handful of migrations")
}

/// Migration `n` brings a database of version `OLDEST + n` to the next one. One that was released
/// is never edited, comments included: SQLite stores them.
///
/// The one that adds checksums deletes the hashes of requests, because nothing says that they are
/// right. A start rebuilds them from the ledger.
pub(super) const MIGRATIONS: [&str; 7] = [
    "
    -- One row: who this database belongs to, and the positions that are not in the ledger.
    CREATE TABLE gateway (
        one         INTEGER PRIMARY KEY CHECK (one = 1),
        site        TEXT    NOT NULL,
        gateway     TEXT    NOT NULL,
        epoch       BLOB    NOT NULL,
        acked_seq   INTEGER NOT NULL,
        running_ms  INTEGER NOT NULL,
        -- Up to here every change is in the table stock; what is behind is in the ledger alone.
        stocked_seq INTEGER NOT NULL,
        -- Up to here the ledger has been forgotten on purpose.
        pruned_seq  INTEGER NOT NULL,
        -- Makes the hashes of request ids this database's own.
        seed        INTEGER NOT NULL
    ) STRICT;

    -- The ledger is the outbox (past gateway.acked_seq), the replay log, the memory of requests
    -- and the audit trail. A row holds some consecutive facts; n is the number of its last one,
    -- seq the position of its last entry.
    CREATE TABLE ledger (
        n     INTEGER PRIMARY KEY,
        seq   INTEGER NOT NULL,
        chunk BLOB    NOT NULL
    ) STRICT;

    -- Hashes of the request ids of consecutive facts, eight bytes each; n is the last one's
    -- number. So that a start need not read the whole ledger.
    CREATE TABLE seen (
        n      INTEGER PRIMARY KEY,
        hashes BLOB NOT NULL
    ) STRICT;

    CREATE TABLE stock (
        sku      TEXT PRIMARY KEY,
        on_hand  INTEGER NOT NULL CHECK (on_hand >= reserved),
        reserved INTEGER NOT NULL CHECK (reserved >= 0),
        version  INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;

    -- Open reservations, with the number of the fact that is their request's.
    CREATE TABLE hold (
        id   TEXT PRIMARY KEY,
        n    INTEGER NOT NULL,
        hold BLOB NOT NULL
    ) STRICT, WITHOUT ROWID;

    -- How far the ledger had come at some running time: ages without a column per row.
    CREATE TABLE mark (
        running_ms INTEGER PRIMARY KEY,
        n          INTEGER NOT NULL
    ) STRICT;
",
    "
    -- What the hub sent, as far as it was taken: transfers by number, the position of the ledger
    -- behind the last one's entries, and changes of the catalogue by number.
    ALTER TABLE gateway ADD COLUMN taken_transfer  INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE gateway ADD COLUMN taken_at_seq    INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE gateway ADD COLUMN taken_catalogue INTEGER NOT NULL DEFAULT 0;

    -- What goods are called; their barcodes with a space between them.
    CREATE TABLE listing (
        sku      TEXT PRIMARY KEY,
        name     TEXT NOT NULL,
        barcodes TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;

    -- Which SKU a barcode stands for.
    CREATE TABLE barcode (
        code TEXT PRIMARY KEY,
        sku  TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
",
    "
    -- Every row has a checksum over its table, its key and its values, and the number of rows is
    -- kept where nothing else would show that one is missing. The row of the gateway cannot be
    -- derived from anything, so it is there twice, with the same values.
    CREATE TABLE gateway_twice (
        copy            INTEGER PRIMARY KEY CHECK (copy IN (1, 2)),
        site            TEXT    NOT NULL,
        gateway         TEXT    NOT NULL,
        epoch           BLOB    NOT NULL,
        acked_seq       INTEGER NOT NULL,
        running_ms      INTEGER NOT NULL,
        -- Up to here every change is in the table stock; what comes after is in the ledger alone.
        stocked_seq     INTEGER NOT NULL,
        -- Up to here the ledger has been deleted on purpose.
        pruned_seq      INTEGER NOT NULL,
        -- Makes the hashes of request ids this database's own.
        seed            INTEGER NOT NULL,
        taken_transfer  INTEGER NOT NULL,
        taken_at_seq    INTEGER NOT NULL,
        taken_catalogue INTEGER NOT NULL,
        -- How many rows these tables have.
        stock_rows      INTEGER NOT NULL,
        listing_rows    INTEGER NOT NULL,
        barcode_rows    INTEGER NOT NULL,
        crc             INTEGER NOT NULL
    ) STRICT;
    INSERT INTO gateway_twice
        SELECT copy, site, gateway, epoch, acked_seq, running_ms, stocked_seq, pruned_seq, seed,
            taken_transfer, taken_at_seq, taken_catalogue,
            (SELECT count(*) FROM stock), (SELECT count(*) FROM listing),
            (SELECT count(*) FROM barcode), 0
        FROM gateway, (SELECT 1 AS copy UNION SELECT 2);
    DROP TABLE gateway;
    ALTER TABLE gateway_twice RENAME TO gateway;
    UPDATE gateway SET crc = row_crc('gateway', copy, site, gateway, epoch, acked_seq, running_ms,
        stocked_seq, pruned_seq, seed, taken_transfer, taken_at_seq, taken_catalogue, stock_rows,
        listing_rows, barcode_rows);

    ALTER TABLE seen ADD COLUMN crc INTEGER NOT NULL DEFAULT 0;
    DELETE FROM seen;
    ALTER TABLE stock ADD COLUMN crc INTEGER NOT NULL DEFAULT 0;
    UPDATE stock SET crc = row_crc('stock', sku, on_hand, reserved, version);
    ALTER TABLE hold ADD COLUMN crc INTEGER NOT NULL DEFAULT 0;
    UPDATE hold SET crc = row_crc('hold', id, n, hold);
    ALTER TABLE mark ADD COLUMN crc INTEGER NOT NULL DEFAULT 0;
    UPDATE mark SET crc = row_crc('mark', running_ms, n);
    ALTER TABLE listing ADD COLUMN crc INTEGER NOT NULL DEFAULT 0;
    UPDATE listing SET crc = row_crc('listing', sku, name, barcodes);
    ALTER TABLE barcode ADD COLUMN crc INTEGER NOT NULL DEFAULT 0;
    UPDATE barcode SET crc = row_crc('barcode', code, sku);
",
    "
    -- Listings have a unit and decimals, and barcodes a content, in the smallest unit: the column
    -- barcodes holds code*content, with a space between them. Damaged rows are left out, so that the
    -- check at the start finds that they are missing.
    CREATE TABLE listing_5 (
        sku      TEXT PRIMARY KEY,
        name     TEXT NOT NULL,
        unit     TEXT,
        decimals INTEGER NOT NULL,
        barcodes TEXT NOT NULL,
        crc      INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    INSERT OR IGNORE INTO listing_5
        SELECT sku, name, NULL, 0,
            CASE barcodes WHEN '' THEN '' ELSE replace(barcodes, ' ', '*1 ') || '*1' END, 0
        FROM listing WHERE crc = row_crc('listing', sku, name, barcodes);
    DROP TABLE listing;
    ALTER TABLE listing_5 RENAME TO listing;
    UPDATE listing SET crc = row_crc('listing', sku, name, unit, decimals, barcodes);

    CREATE TABLE barcode_5 (
        code    TEXT PRIMARY KEY,
        sku     TEXT NOT NULL,
        content INTEGER NOT NULL,
        crc     INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    INSERT OR IGNORE INTO barcode_5
        SELECT code, sku, 1, 0 FROM barcode WHERE crc = row_crc('barcode', code, sku);
    DROP TABLE barcode;
    ALTER TABLE barcode_5 RENAME TO barcode;
    UPDATE barcode SET crc = row_crc('barcode', code, sku, content);
",
    "
    -- The hub's books that the gateway belongs to, and how often they had been recovered.
    CREATE TABLE gateway_6 (
        copy             INTEGER PRIMARY KEY CHECK (copy IN (1, 2)),
        site             TEXT    NOT NULL,
        gateway          TEXT    NOT NULL,
        epoch            BLOB    NOT NULL,
        acked_seq        INTEGER NOT NULL,
        running_ms       INTEGER NOT NULL,
        -- Up to here every change is in the table stock; what comes after is in the ledger alone.
        stocked_seq      INTEGER NOT NULL,
        -- Up to here the ledger has been deleted on purpose.
        pruned_seq       INTEGER NOT NULL,
        -- Makes the hashes of request ids this database's own.
        seed             INTEGER NOT NULL,
        taken_transfer   INTEGER NOT NULL,
        taken_at_seq     INTEGER NOT NULL,
        taken_catalogue  INTEGER NOT NULL,
        -- How many rows these tables have.
        stock_rows       INTEGER NOT NULL,
        listing_rows     INTEGER NOT NULL,
        barcode_rows     INTEGER NOT NULL,
        books            BLOB,
        books_generation INTEGER NOT NULL,
        crc              INTEGER NOT NULL
    ) STRICT;
    INSERT INTO gateway_6
        SELECT copy, site, gateway, epoch, acked_seq, running_ms, stocked_seq, pruned_seq, seed,
            taken_transfer, taken_at_seq, taken_catalogue, stock_rows, listing_rows, barcode_rows,
            NULL, 0, 0
        FROM gateway WHERE crc = row_crc('gateway', copy, site, gateway, epoch, acked_seq,
            running_ms, stocked_seq, pruned_seq, seed, taken_transfer, taken_at_seq,
            taken_catalogue, stock_rows, listing_rows, barcode_rows);
    DROP TABLE gateway;
    ALTER TABLE gateway_6 RENAME TO gateway;
    UPDATE gateway SET crc = row_crc('gateway', copy, site, gateway, epoch, acked_seq, running_ms,
        stocked_seq, pruned_seq, seed, taken_transfer, taken_at_seq, taken_catalogue, stock_rows,
        listing_rows, barcode_rows, books, books_generation);
",
    "
    -- Positions of the ledger that the device has signed.
    CREATE TABLE signed (
        seq        INTEGER PRIMARY KEY,
        chain      BLOB    NOT NULL,
        at_ms      INTEGER NOT NULL,
        signature  BLOB    NOT NULL,
        public_key BLOB    NOT NULL,
        crc        INTEGER NOT NULL
    ) STRICT;

    -- What was refused for want of stock; days since 1970.
    CREATE TABLE demand (
        day   INTEGER NOT NULL,
        sku   TEXT    NOT NULL,
        lines INTEGER NOT NULL,
        units INTEGER NOT NULL,
        crc   INTEGER NOT NULL,
        PRIMARY KEY (day, sku)
    ) STRICT, WITHOUT ROWID;
",
    // Up to this record the ledger has been deleted on purpose; not known until a start has read the
    // first row of a database of an older version. A damaged copy is not sealed.
    "
    ALTER TABLE gateway ADD COLUMN pruned_n INTEGER;
    UPDATE gateway SET crc = row_crc('gateway', copy, site, gateway, epoch, acked_seq, running_ms,
        stocked_seq, pruned_seq, seed, taken_transfer, taken_at_seq, taken_catalogue, stock_rows,
        listing_rows, barcode_rows, books, books_generation, NULL)
    WHERE crc = row_crc('gateway', copy, site, gateway, epoch, acked_seq, running_ms,
        stocked_seq, pruned_seq, seed, taken_transfer, taken_at_seq, taken_catalogue, stock_rows,
        listing_rows, barcode_rows, books, books_generation);
",
];

//! The tables of the books, as numbered migrations.
//!
//! In the statements, `{int}`, `{text}`, `{blob}` and `{table}` stand for what the database calls a
//! 64-bit integer, a text that is ordered by its bytes, bytes, and the options of a table.

mod tables;

pub(in crate::hub) use self::tables::{
    ASIDE, ASK, BOOK, BOOKS_CHECKPOINT, CHECKPOINT, ColumnType, DEMAND, ENROLLED, ENTRY,
    ENTRY_DEFAULT, FEED, FEED_START, FEED_WAITING, GRANTED, HELD, IDENTITY, LISTING,
    LISTING_DECIMALS, MOVEMENT, MOVEMENT_DEFAULT, MOVEMENT_END, OPEN_ORDER, OPEN_ORDER_LINE,
    POLICY, POOL, PRUNED, PRUNED_SUM, REQUEST, RESERVATION, SINK, SINK_ASIDE, TRANSFER, Table,
};

/// The version that the first migration leads to: there are no books of older ones.
pub(super) const OLDEST: i64 = 2;

/// The migrations, each to the version after the one before.
const MIGRATIONS: [Migration; 24] = [
    Migration::same(include_str!("version_2.sql")),
    Migration {
        script: include_str!("version_3.sql"),
        sqlite: "",
        postgresql: include_str!("version_3_postgresql.sql"),
    },
    Migration::same(include_str!("version_4.sql")),
    Migration::same(include_str!("version_5.sql")),
    Migration::same(include_str!("version_6.sql")),
    Migration::same(include_str!("version_7.sql")),
    Migration::same(include_str!("version_8.sql")),
    Migration::same(include_str!("version_9.sql")),
    Migration::same(include_str!("version_10.sql")),
    Migration {
        script: include_str!("version_11.sql"),
        sqlite: "",
        postgresql: include_str!("version_11_postgresql.sql"),
    },
    Migration::same(include_str!("version_12.sql")),
    Migration::same(include_str!("version_13.sql")),
    Migration::same(include_str!("version_14.sql")),
    Migration::same(include_str!("version_15.sql")),
    Migration {
        script: include_str!("version_16.sql"),
        sqlite: "",
        postgresql: include_str!("version_16_postgresql.sql"),
    },
    Migration {
        script: "",
        sqlite: include_str!("version_17_sqlite.sql"),
        postgresql: include_str!("version_17_postgresql.sql"),
    },
    Migration::same(include_str!("version_18.sql")),
    Migration::same(include_str!("version_19.sql")),
    Migration { script: "", sqlite: "", postgresql: include_str!("version_20_postgresql.sql") },
    Migration::same(include_str!("version_21.sql")),
    Migration { script: "", sqlite: "", postgresql: include_str!("version_22_postgresql.sql") },
    Migration::same(include_str!("version_23.sql")),
    Migration {
        script: include_str!("version_24.sql"),
        sqlite: include_str!("version_24_sqlite.sql"),
        postgresql: include_str!("version_24_postgresql.sql"),
    },
    Migration { script: "", sqlite: "", postgresql: include_str!("version_25_postgresql.sql") },
];

struct Migration {
    /// The same for both databases.
    script: &'static str,
    /// What only SQLite needs.
    sqlite: &'static str,
    /// What only PostgreSQL needs.
    postgresql: &'static str,
}

/// The databases that the statements are written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::hub) enum Dialect {
    Sqlite,
    Postgresql,
}

/// The version of the tables that this program works with.
pub(in crate::hub) fn newest() -> i64 {
    OLDEST + MIGRATIONS.len() as i64 - 1
}

/// The versions after `version`, each with the statements that lead to it. `None` stands for a
/// database without tables.
pub(super) fn migrations(
    dialect: Dialect,
    version: Option<i64>,
) -> impl Iterator<Item = (i64, String)> {
    let after = version.unwrap_or(OLDEST - 1);
    let numbered = (OLDEST..).zip(&MIGRATIONS).filter(move |(number, _)| *number > after);
    numbered.map(move |(number, migration)| (number, migration.statements(dialect)))
}

impl Migration {
    const fn same(script: &'static str) -> Self {
        Self { script, sqlite: "", postgresql: "" }
    }

    fn statements(&self, dialect: Dialect) -> String {
        let (int, text, blob, table) = match dialect {
            Dialect::Sqlite => ("INTEGER", "TEXT", "BLOB", " STRICT, WITHOUT ROWID"),
            Dialect::Postgresql => ("BIGINT", "TEXT COLLATE \"C\"", "BYTEA", ""),
        };
        let script = self
            .script
            .replace("{int}", int)
            .replace("{text}", text)
            .replace("{blob}", blob)
            .replace("{table}", table);
        script
            + match dialect {
                Dialect::Sqlite => self.sqlite,
                Dialect::Postgresql => self.postgresql,
            }
    }
}

//! The rows that are reported and decide nothing: signed positions of the ledger, and what was
//! refused for want of stock. Damaged ones are dropped with a word.

use rusqlite::{Connection, Transaction};

use super::error::StoreError;
use super::repairs::{DEMAND, Repairs, SIGNED, Table, keep_sound_rows};
use super::row_check::RowChecks;
use super::schema::REPORTS;
use super::version::check_ours;

/// How many rows of each table are damaged.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct DamagedReports {
    signed: usize,
    demand: usize,
}

impl DamagedReports {
    /// Checks all rows. A database of an earlier version has none.
    pub(super) fn check(db: &Connection) -> Result<Self, StoreError> {
        if check_ours(db)? < REPORTS {
            return Ok(Self::default());
        }
        Ok(Self { signed: count_damaged(db, SIGNED)?, demand: count_damaged(db, DEMAND)? })
    }

    /// Says how many rows are damaged. Returns whether any is.
    pub(super) fn tell(self, repairs: &mut Repairs) -> bool {
        for (table, damaged, what) in [
            (SIGNED, self.signed, "they are dropped; an audit goes by the other signed positions"),
            (DEMAND, self.demand, "they are dropped; less is reported as refused on these days"),
        ] {
            if damaged > 0 {
                repairs
                    .add(format!("{damaged} rows of the table {} are damaged", table.name), what);
            }
        }
        self.signed + self.demand > 0
    }

    /// Drops what is damaged.
    pub(super) fn write(self, db: &Transaction<'_>) -> Result<(), StoreError> {
        for (table, damaged) in [(SIGNED, self.signed), (DEMAND, self.demand)] {
            if damaged > 0 {
                keep_sound_rows(db, table)?;
            }
        }
        Ok(())
    }
}

fn count_damaged(db: &Connection, table: Table) -> Result<usize, StoreError> {
    let Table { name, columns } = table;
    let mut statement = db.prepare(&format!("SELECT {columns}, crc FROM {name}"))?;
    let mut rows = statement.query([])?;
    let mut damaged = 0;
    while let Some(row) = rows.next()? {
        damaged += usize::from(!RowChecks::EXIST.pass(name, row));
    }
    Ok(damaged)
}

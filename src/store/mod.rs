//! The store: the gateway's database and the files beside it. SQLite, synchronous, one connection
//! for writing.
//!
//! This folder owns the schema, the format of the ledger's rows, and every file in the data
//! directory. Each batch is one transaction, synced to disk (`synchronous=FULL`) before
//! [`Store::commit`] returns: what it has committed survives a power cut. Nothing here decides
//! anything about stock, and nothing here knows of terminals, the hub link or the configuration.

mod aside;
mod binding;
mod bit_flip;
mod catalogue;
mod catalogue_repair;
mod checkpoint;
mod chunk;
mod data_dir;
mod database;
mod demand_rows;
mod demand_table;
mod directories;
mod displacement;
mod encoded_hold;
mod error;
mod examine;
mod files;
mod free_space;
mod gateway_row;
mod hash_check;
mod high_water_mark;
mod ledger;
mod ledger_end;
mod ledger_reader;
mod ledger_repair;
mod ledger_scan;
mod link_file;
mod load;
pub mod lock_holders;
mod locked_file;
mod maintenance;
mod migrate;
mod open;
mod overwrite;
mod permission;
mod placement;
mod read_only;
mod read_turns;
mod repairs;
mod reported_rows;
mod request_hashes;
mod request_index;
mod request_load;
mod request_lookup;
mod reservation_order;
mod reserve;
mod restore;
mod retention;
mod row_check;
mod salvage;
mod schema;
mod signed_rows;
mod signed_table;
mod sql_values;
mod stock_repair;
mod stock_table;
mod upgrade_copies;
mod version;

pub use self::catalogue::{find_barcode, listing};
pub use self::chunk::LedgerChunk;
pub use self::database::{Opened, Store};
pub use self::error::StoreError;
pub use self::examine::{examine, find_structural_damage};
pub use self::files::{
    DATABASE_FILE, DEVICE_KEY_FILE, HIGH_WATER_MARK_FILE, LINK_FILE, LOCK_FILE, RESERVE_FILE,
};
pub use self::free_space::FreeSpace;
pub use self::gateway_row::{Progress, check_owner, read_identity, read_ledger_range};
pub use self::high_water_mark::HighWaterMark;
pub use self::ledger::{read_end, read_last_seq, read_ledger, visit_ledger};
pub use self::ledger_end::LedgerEnd;
pub use self::ledger_reader::{DatabaseSizes, LedgerReader};
pub use self::link_file::LinkFile;
pub use self::load::load_stock;
pub use self::lock_holders::LockHolder;
pub use self::maintenance::wal_bytes;
pub use self::read_only::{
    last_decided_at_ms, open_file_read_only, open_read_only, open_with_high_water_mark,
    schema_version,
};
pub use self::repairs::Repair;
pub use self::request_lookup::RequestLookup;
pub use self::reserve::free_pages_bytes;
pub use self::restore::{RestoreSource, Restored, accept, move_database_aside, restore};
pub use self::row_check::add_row_crc_function;
pub use self::signed_table::{first_damaged_signed, last_signed, read_signed};

#[cfg(test)]
mod bit_flip_tests;
#[cfg(test)]
mod catalogue_tests;
#[cfg(test)]
mod cause_tests;
#[cfg(test)]
mod checkpoint_tests;
#[cfg(test)]
mod damage_tests;
#[cfg(test)]
mod demand_tests;
#[cfg(test)]
mod log_flip_tests;
#[cfg(test)]
mod overwrite_tests;
#[cfg(test)]
mod repair_tests;
#[cfg(test)]
mod request_tests;
#[cfg(test)]
mod retention_tests;
#[cfg(test)]
mod shop;
#[cfg(test)]
mod store_tests;
#[cfg(test)]
mod write_cost_tests;

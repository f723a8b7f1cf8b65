//! A gateway on a data directory of its own, filled beforehand by the engine.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use stockgate::clock::Now;
use stockgate::limits::CATALOGUE_LISTINGS_MAX;
use stockgate::stock::{Barcode, CatalogueUpdate, Decimals, Draft, Listing, Sku};
use stockgate::store::Store;
use tempfile::TempDir;

use super::client::Load;
use super::engine::{Engine, Reservations};
use super::figures::Figures;
use super::protocol::Protocol;
use super::requests::{Ids, Requests};
use super::served::{Served, free_port};
use super::zipf::Zipf;

/// The size up to which a database is copied.
const COPIED_MAX: u64 = 256 << 20;

/// A directory on the disk that is measured.
pub fn temp_dir() -> TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

/// A database to start gateways on.
#[derive(Debug)]
pub struct Prefilled {
    dir: TempDir,
}

impl Prefilled {
    /// A database with stock of all these SKUs and this many decided requests.
    pub fn new(skus: &Arc<Zipf>, ids: Ids, requests: usize) -> Self {
        let dir = temp_dir();
        drop(Engine::prefill(dir.path(), skus, Requests::new(skus, ids), requests));
        Self { dir }
    }

    /// A database with so many listings.
    pub fn listed(count: usize) -> Self {
        let dir = temp_dir();
        let (mut store, opened) = Store::open(dir.path(), "wh-01", "gw-01").unwrap();
        let mut stock = opened.stock;
        for first in (0..count).step_by(CATALOGUE_LISTINGS_MAX) {
            let last = (first + CATALOGUE_LISTINGS_MAX).min(count);
            let listings = (first..last).map(listing).collect();
            let (after, up_to) = (first as u64, last as u64);
            let mut draft = Draft::new(&stock, Now { wall_ms: 0, running_ms: 0, trusted: true }, 0);
            draft.apply_catalogue_update(&CatalogueUpdate { after, up_to, listings });
            let changes = draft.finish();
            store.commit(&changes, None, &stock).unwrap();
            stock.apply(&changes);
        }
        drop(store);
        Self { dir }
    }

    /// A database with stock of all these SKUs and with open reservations.
    pub fn reserved(skus: &Zipf, reservations: &Reservations) -> Self {
        let dir = temp_dir();
        Engine::prefill_reserved(dir.path(), skus, reservations);
        Self { dir }
    }

    /// A gateway on a copy of this database, so that the next one finds it unchanged. A database
    /// that is large compared with what is added is not copied: the disk would be busy with it for
    /// long.
    pub fn start(&self) -> Gateway {
        self.start_with("")
    }

    /// The same with more sections of configuration.
    pub fn start_with(&self, sections: &str) -> Gateway {
        let (dir, files) = (temp_dir(), self.files());
        if files.iter().map(|file| file.metadata().unwrap().len()).sum::<u64>() > COPIED_MAX {
            return Gateway::start(dir, self.dir.path(), sections);
        }
        let data = dir.path().join("data");
        std::fs::create_dir(&data).unwrap();
        files.iter().for_each(|file| copy_synced(file, &data));
        Gateway::start(dir, &data, sections)
    }

    fn files(&self) -> Vec<PathBuf> {
        let files = std::fs::read_dir(self.dir.path()).unwrap();
        files.map(|file| file.unwrap().path()).collect()
    }
}

/// A listing with a name of four words and two barcodes.
fn listing(n: usize) -> Listing {
    const COLOURS: [&str; 8] = ["red", "white", "grün", "blue", "CREAM", "black", "rosé", "silver"];
    const THINGS: [&str; 6] = ["lamp", "lantern", "heart holder", "Tür stop", "cake stand", "bag"];
    let (colour, thing) = (COLOURS[n % COLOURS.len()], THINGS[n / 8 % THINGS.len()]);
    Listing {
        sku: Sku::parse(&format!("SKU-{n:06}")).unwrap(),
        name: Some(format!("{colour} hanging {thing} no {n}")),
        unit: None,
        decimals: Decimals::default(),
        barcodes: [4_000_000_000_000_usize, 9_000_000_000_000]
            .map(|first| Barcode::single(format!("{}", first + n)))
            .to_vec(),
    }
}

/// Copies a file and syncs it, so that the disk is idle afterwards.
fn copy_synced(file: &Path, to: &Path) {
    let copy = to.join(file.file_name().unwrap());
    std::fs::copy(file, &copy).unwrap();
    std::fs::File::open(copy).unwrap().sync_all().unwrap();
}

/// A running gateway.
#[derive(Debug)]
pub struct Gateway {
    /// Its process.
    pub served: Served,
    dir: TempDir,
}

impl Gateway {
    /// A gateway of this file, of any version, without stock.
    pub fn empty(program: &Path) -> Self {
        let dir = temp_dir();
        let data = dir.path().join("data");
        Self::start_program(program, dir, &data, "")
    }

    /// Stops a gateway of [`Self::empty`], and keeps its data.
    pub fn stop(self) -> Stopped {
        let Self { served, dir } = self;
        drop(served);
        Stopped { dir }
    }

    fn start(dir: TempDir, data: &Path, sections: &str) -> Self {
        Self::start_program(&program(), dir, data, sections)
    }

    fn start_program(program: &Path, dir: TempDir, data: &Path, sections: &str) -> Self {
        let (port, config) = (free_port(), dir.path().join("stockgate.toml"));
        let text = format!(
            "[gateway]\ndata_dir = \"{}\"\n[terminals]\nlisten = \"127.0.0.1:{port}\"\n{sections}",
            data.display()
        );
        std::fs::write(&config, text).unwrap();
        let mut command = Command::new(program);
        command.args(["run", "--config"]).arg(&config);
        Self { served: Served::start(&mut command, port), dir }
    }

    /// Sends it requests.
    pub fn run(&self, load: &Load, protocol: &impl Protocol) -> Figures {
        load.run(self.served.port, protocol, || self.served.bytes_written())
    }
}

/// The data of a gateway that is not running.
#[derive(Debug)]
pub struct Stopped {
    dir: TempDir,
}

impl Stopped {
    /// A copy, on the disk and no longer in the way of anything.
    pub fn copy(&self) -> Self {
        let dir = temp_dir();
        let data = dir.path().join("data");
        std::fs::create_dir(&data).unwrap();
        let files = std::fs::read_dir(self.dir.path().join("data")).unwrap();
        files.for_each(|file| copy_synced(&file.unwrap().path(), &data));
        Self { dir }
    }

    /// A gateway of this file on it.
    pub fn start(&self, program: &Path) -> Gateway {
        let config = temp_dir();
        Gateway::start_program(program, config, &self.dir.path().join("data"), "")
    }
}

/// `STOCKGATE_BIN`, or the program built with the benchmark.
fn program() -> PathBuf {
    let built = || env!("CARGO_BIN_EXE_stockgate").into();
    std::env::var_os("STOCKGATE_BIN").map_or_else(built, PathBuf::from)
}

//! A gateway on a data directory of its own, filled beforehand by the engine.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

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
    _dir: TempDir,
}

impl Gateway {
    fn start(dir: TempDir, data: &Path, sections: &str) -> Self {
        let (port, config) = (free_port(), dir.path().join("stockgate.toml"));
        let text = format!(
            "[gateway]\ndata_dir = \"{}\"\n[terminals]\nlisten = \"127.0.0.1:{port}\"\n{sections}",
            data.display()
        );
        std::fs::write(&config, text).unwrap();
        let mut command = Command::new(program());
        command.args(["run", "--config"]).arg(&config);
        Self { served: Served::start(&mut command, port), _dir: dir }
    }

    /// Sends it requests.
    pub fn run(&self, load: &Load, protocol: &impl Protocol) -> Figures {
        load.run(self.served.port, protocol, || self.served.bytes_written())
    }
}

/// `STOCKGATE_BIN`, or the program built with the benchmark.
fn program() -> PathBuf {
    let built = || env!("CARGO_BIN_EXE_stockgate").into();
    std::env::var_os("STOCKGATE_BIN").map_or_else(built, PathBuf::from)
}

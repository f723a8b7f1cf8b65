//! A small server that can be written in an afternoon: one transaction a request.

use std::process::Command;

use tempfile::TempDir;

use crate::load::client::Load;
use crate::load::figures::Figures;
use crate::load::gateway::temp_dir;
use crate::load::http::Http;
use crate::load::served::{Served, free_port};

/// A running server.
pub(crate) struct Python {
    served: Served,
    _dir: TempDir,
}

impl Python {
    /// Starts a server with stock of all SKUs and this many decided requests.
    pub(crate) fn start(skus: usize, remembered: usize) -> Self {
        let (dir, port) = (temp_dir(), free_port());
        let mut command = Command::new("python3");
        command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/benches/peers/one_by_one.py"));
        command.arg(dir.path().join("stock.db"));
        command.args([port.to_string(), skus.to_string(), remembered.to_string()]);
        Self { served: Served::start(&mut command, port), _dir: dir }
    }

    /// Sends it requests.
    pub(crate) fn run(&self, load: &Load) -> Figures {
        load.run(self.served.port, &Http, || self.served.bytes_written())
    }
}

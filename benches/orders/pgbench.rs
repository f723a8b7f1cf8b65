//! pgbench with one call of a function a sale.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::load::figures::Figures;
use crate::pool::SKUS;
use crate::support::postgres::Postgres;

const SCHEMA: &str = include_str!("../peers/deduct.sql");

/// A database with the function and its stock.
pub(crate) struct Pgbench {
    port: u16,
    dir: TempDir,
}

impl Pgbench {
    pub(crate) fn prepare(postgres: &Postgres) -> Self {
        let dir = TempDir::new().unwrap();
        let script = format!(
            "\\set n random(0, {})\nSELECT deduct(gen_random_uuid()::text, 'S' || lpad(:n::text, 7, '0'), 1);\n",
            SKUS - 1
        );
        fs::write(dir.path().join("sale.sql"), script).unwrap();
        postgres.sql(SCHEMA);
        postgres.sql(&format!(
            "INSERT INTO stock SELECT 'S' || lpad(n::text, 7, '0'), 1000000000 FROM generate_series(0, {SKUS} - 1) n"
        ));
        Self { port: postgres.port(), dir }
    }

    /// Its sales a second and their mean latency. It says nothing of percentiles.
    pub(crate) fn run(&self, clients: usize, time: Duration) -> Figures {
        let mut command = Command::new(program());
        command.args(["-n", "-M", "prepared", "-h", "127.0.0.1", "-U", "postgres", "-j", "2"]);
        command.args(["-p", &self.port.to_string(), "-c", &clients.to_string()]);
        command.args(["-T", &time.as_secs().to_string()]);
        command.arg("-f").arg(self.dir.path().join("sale.sql")).arg("postgres");
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        let number = |name: &str| -> f64 {
            let value = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            value.split_whitespace().next().unwrap().parse().unwrap()
        };
        let p50_ms = number("latency average = ");
        Figures { per_second: number("tps = "), p50_ms, ..Figures::default() }
    }
}

/// Debian installs it by version, outside the path.
fn program() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").unwrap();
    let programs = versions.map(|version| version.unwrap().path().join("bin/pgbench"));
    programs.filter(|path| path.exists()).max().expect("Debian's package postgresql has pgbench")
}

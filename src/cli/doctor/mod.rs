//! `doctor`: finds out what is wrong, and says what to do. It changes nothing and does not disturb
//! a running gateway.

mod bundle;
mod database;
mod locks;
pub(super) mod machine;
mod probe;
pub(super) mod reach;
pub(super) mod report;
mod tar;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::Value;

use self::reach::Silence;
use self::report::{Check, Report};
use super::tell;
use crate::config::{self, GatewayConfig};
use crate::protocol::topic::{Channel, GatewayId};
use crate::store::last_decided_at_ms;

/// What to look at.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct DoctorArguments {
    /// The gateway's data directory; by default the one in the configuration
    #[arg(long)]
    data_dir: Option<PathBuf>,
    /// The gateway's configuration: checks it too, and the broker and the hub
    #[arg(long)]
    config: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Write the findings and what helps to understand them to a new file, a .tar.gz without
    /// secrets
    #[arg(long)]
    bundle: Option<PathBuf>,
    /// A file with the gateway's log, for the bundle; by default the log in the journal
    #[arg(long, requires = "bundle")]
    log: Option<PathBuf>,
}

/// What the checks have found.
struct Visit {
    report: Report,
    data_dir: Option<PathBuf>,
    /// The configuration, if one was given and it is valid.
    config: Option<GatewayConfig>,
    /// The status of the gateway, or why there is none.
    status: Result<Value, Silence>,
    metrics: Result<String, String>,
}

/// The problem of a database copy, if it has one.
pub(super) fn faults(file: &Path) -> Option<String> {
    let mut report = Report::default();
    database::examine_copy(&mut report, file);
    report.faults()
}

pub(super) fn run(arguments: &DoctorArguments) -> ExitCode {
    let mut healthy = false;
    let ended = super::STOCKGATE.with_runtime("error", async {
        let visit = visit(arguments).await;
        let told = if arguments.json { visit.report.json() } else { visit.report.text() };
        healthy = tell(told) && visit.report.is_healthy();
        match &arguments.bundle {
            Some(file) => bundle::write(file, &visit, arguments),
            None => Ok(()),
        }
    });
    if healthy { ended } else { ExitCode::FAILURE }
}

async fn visit(arguments: &DoctorArguments) -> Visit {
    let mut report = Report::default();
    let config = configuration(&mut report, arguments);
    let data_dir = arguments.data_dir.clone();
    let data_dir = data_dir.or_else(|| config.as_ref().map(|config| config.data_dir.clone()));
    if let Some(data_dir) = &data_dir {
        let named = config.as_ref().filter(|_| arguments.config.is_some());
        database::examine(&mut report, data_dir, named);
        locks::locks(&mut report, data_dir);
        machine::space(&mut report, data_dir);
        machine::permissions(&mut report, data_dir);
        machine::key(&mut report, data_dir);
        machine::clock(&mut report, last_decided_at_ms(data_dir).ok().flatten());
    }
    if let Some(file) = &arguments.config {
        machine::secrets(&mut report, &config::secret_files(file));
    }
    // Without a configuration file nothing says where the broker is.
    let config = config.filter(|_| arguments.config.is_some());
    let mut visit = Visit {
        report,
        data_dir,
        config,
        status: Err(Silence::Down),
        metrics: Err("no --config".into()),
    };
    visit.look_around().await;
    visit
}

impl Visit {
    async fn look_around(&mut self) {
        let Some(config) = &self.config else { return };
        self.status = reach::gateway(&mut self.report, config).await;
        self.metrics = reach::metrics(config).await.map_err(|error| format!("{error:#}"));
        // It reads its key at the start; a credential is seen by nobody else.
        if self.metrics.as_ref().is_ok_and(|page| page.contains("\nstockgate_ledger_signed 0\n")) {
            self.report.wrong(
                Check::Key,
                "the gateway runs without a key: its ledger is not signed",
                "its log says why, at its start; put the key right and restart it",
            );
        }
        let Some(mqtt) = &config.mqtt else {
            return self.report.ok(Check::Broker, "no [mqtt] section: there is no hub to follow");
        };
        let gateway = GatewayId { site: config.site.clone(), gateway: config.id.clone() };
        reach::certificate(&mut self.report, mqtt);
        let filters = [gateway.topic(Channel::Down)];
        reach::broker(&mut self.report, mqtt, &filters, Some(&gateway)).await;
        reach::hub(&mut self.report, &self.status);
    }
}

/// The configuration; `None` if it is invalid.
fn configuration(report: &mut Report, arguments: &DoctorArguments) -> Option<GatewayConfig> {
    let file = arguments.config.as_deref();
    match GatewayConfig::load(file) {
        Ok(config) => {
            if let Some(file) = file {
                report.ok(Check::Configuration, format!("configuration {}", file.display()));
            }
            Some(config)
        }
        // With `--data-dir` alone, only that directory is checked.
        Err(_) if file.is_none() && arguments.data_dir.is_some() => None,
        Err(error) => {
            for problem in error.to_string().lines() {
                report.wrong(
                    Check::Configuration,
                    problem,
                    "correct it; check-config says when it is valid",
                );
            }
            None
        }
    }
}

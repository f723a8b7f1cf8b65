//! The command line of `stockgate`: what to run, and how it ends.

mod backup;
mod client;
pub(crate) mod csv_file;
#[cfg(feature = "demo")]
mod demo;
mod doctor;
mod examples;
#[cfg(feature = "hub")]
pub mod hub;
mod inspect;
pub(crate) mod replay;
mod restore;
mod watch;

#[cfg(test)]
#[cfg(feature = "hub")]
mod manual_tests;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[cfg(feature = "demo")]
pub(crate) use self::client::Client;
pub(crate) use self::client::GatewayArguments;
use crate::config::GatewayConfig;
use crate::gateway::Reloading;
use crate::process::service::Manager;
use crate::process::stop;
use crate::process::{VERSION, logs};

/// Bad usage or configuration.
pub const EXIT_USAGE: u8 = 2;

#[derive(Debug, Parser)]
#[command(name = "stockgate", version = VERSION, about = "Edge stock gateway")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the gateway
    #[command(after_help = examples::RUN)]
    Run {
        /// The configuration; without it, the built-in defaults
        #[arg(long)]
        config: Option<PathBuf>,
    },
    /// Say what is wrong with a configuration
    #[command(after_help = examples::CHECK_CONFIG)]
    CheckConfig {
        /// The configuration
        #[arg(long)]
        config: Option<PathBuf>,
    },
    /// Show gateway, hub and broker at work in one process
    #[cfg(feature = "demo")]
    #[command(after_help = examples::DEMO)]
    Demo(demo::DemoArguments),
    /// Replay a CSV file of order lines
    #[command(after_help = examples::REPLAY)]
    Replay(replay::ReplayArguments),
    /// Show the stock of some SKUs, or of all
    #[command(after_help = examples::STOCK)]
    Stock {
        /// SKUs; none means all
        skus: Vec<String>,
        /// Only SKUs that begin like this
        #[arg(long)]
        prefix: Option<String>,
        #[command(flatten)]
        gateway: GatewayArguments,
        /// Print JSON, an item a line
        #[arg(long)]
        json: bool,
    },
    /// Show the ledger
    #[command(after_help = examples::LEDGER)]
    Ledger {
        /// Go on as it grows
        #[arg(long)]
        follow: bool,
        /// Begin after this position
        #[arg(long, default_value_t = 0)]
        after: u64,
        #[command(flatten)]
        gateway: GatewayArguments,
        /// Print JSON, an entry a line
        #[arg(long)]
        json: bool,
    },
    /// Show changes of stock and sync as they happen
    #[command(after_help = examples::WATCH)]
    Watch(watch::WatchArguments),
    /// Show the status of the gateway
    #[command(after_help = examples::STATUS)]
    Status {
        #[command(flatten)]
        gateway: GatewayArguments,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Copy the database while the gateway runs
    #[command(after_help = examples::BACKUP)]
    Backup {
        /// The gateway's data directory
        #[arg(long)]
        data_dir: PathBuf,
        /// The copy, which must not exist
        #[arg(long)]
        to: PathBuf,
    },
    /// Put a new database in the place of one that is lost or damaged
    #[command(after_help = examples::RESTORE)]
    Restore {
        #[command(flatten)]
        source: restore::RestoreArgs,
        /// The gateway's data directory; the gateway must not run
        #[arg(long)]
        data_dir: PathBuf,
    },
    /// Say what is wrong with database, machine and links, and what to do
    #[command(after_help = examples::DOCTOR)]
    Doctor(doctor::DoctorArguments),
}

/// Runs `stockgate`.
pub fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Run { config } => run(config),
        Command::CheckConfig { config } => check_config(config),
        #[cfg(feature = "demo")]
        Command::Demo(arguments) => with_runtime("stockgate=error", demo::run(arguments)),
        Command::Replay(arguments) => with_runtime("warn", replay::run(arguments)),
        Command::Stock { skus, prefix, gateway, json } => {
            with_runtime("warn", inspect::stock(gateway, skus, prefix, json))
        }
        Command::Ledger { follow, after, gateway, json } => {
            with_runtime("warn", inspect::ledger(gateway, after, follow, json))
        }
        Command::Watch(arguments) => with_runtime("warn", watch::run(arguments)),
        Command::Status { gateway, json } => with_runtime("warn", inspect::status(gateway, json)),
        Command::Backup { data_dir, to } => ended(backup::run(&data_dir, &to)),
        Command::Restore { source, data_dir } => ended(restore::run(&data_dir, &source)),
        Command::Doctor(arguments) => doctor::run(&arguments),
    }
}

fn run(config: Option<PathBuf>) -> ExitCode {
    let asked = match Reloading::asked() {
        Ok(asked) => asked,
        Err(error) => return ended(Err(error.into())),
    };
    let file = config;
    let config = match GatewayConfig::load(file.as_deref()) {
        Ok(config) => config,
        Err(error) => return usage(&error),
    };
    logs::start(&config.log_level);
    let manager = Manager::from_environment();
    manager.tell("STATUS=Opening the database.");
    let opened = match crate::gateway::open(&config) {
        Ok(opened) => opened,
        Err(error) => return ended(Err(error.into())),
    };
    on_runtime(async {
        let (stopper, stop) = stop::channel();
        on_signal(stopper);
        let load = Box::new(move || GatewayConfig::load(file.as_deref()));
        let reloading = Reloading { asked, load, set_log_level: logs::set_level };
        crate::gateway::run(config, opened, &manager, stop, reloading).await
    })
}

fn check_config(config: Option<PathBuf>) -> ExitCode {
    match GatewayConfig::load(config.as_deref()) {
        Ok(_) => {
            say("ok");
            ExitCode::SUCCESS
        }
        Err(error) => usage(&error),
    }
}

/// Reports bad usage or configuration.
pub fn usage(error: &dyn std::fmt::Display) -> ExitCode {
    report(error);
    ExitCode::from(EXIT_USAGE)
}

/// Runs a future on a small runtime, with logs on stderr.
pub fn with_runtime(level: &str, work: impl Future<Output = anyhow::Result<()>>) -> ExitCode {
    logs::start(level);
    on_runtime(work)
}

fn on_runtime(work: impl Future<Output = anyhow::Result<()>>) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(8)
        .enable_all()
        .build();
    match runtime {
        Ok(runtime) => {
            let result = runtime.block_on(work);
            runtime.shutdown_timeout(std::time::Duration::from_millis(100));
            ended(result)
        }
        Err(error) => ended(Err(error.into())),
    }
}

/// Turns the result of a run into an exit code, and reports an error.
fn ended(result: anyhow::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Requests a stop on SIGTERM and SIGINT.
pub fn on_signal(stopper: stop::Stopper) {
    use tokio::signal::unix::{SignalKind, signal};
    let handlers = signal(SignalKind::terminate())
        .and_then(|terminate| Ok((terminate, signal(SignalKind::interrupt())?)));
    let Ok((mut terminate, mut interrupt)) = handlers else {
        tracing::warn!("signals cannot be handled; the program ends without a clean stop");
        std::mem::forget(stopper);
        return;
    };
    tokio::spawn(async move {
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        stopper.stop();
        // A second signal ends the program at once, in case the clean stop hangs.
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        std::process::exit(1);
    });
}

/// Prints a line to stdout; a closed pipe ends the program quietly.
pub(crate) fn say(line: impl std::fmt::Display) {
    use std::io::Write as _;
    if writeln!(std::io::stdout(), "{line}").is_err() {
        std::process::exit(0);
    }
}

fn report(error: &dyn std::fmt::Display) {
    logs::report("stockgate", error);
}

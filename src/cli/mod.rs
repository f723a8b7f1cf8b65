//! The command line of `stockgate`: what to run, and how it ends.

mod audit;
mod backup;
mod by_hand;
mod client;
#[cfg(feature = "demo")]
mod demo;
mod doctor;
mod examples;
mod figures;
#[cfg(feature = "hub")]
pub mod hub;
mod inspect;
mod manual;
pub(crate) mod orders;
mod program;
pub(crate) mod replay;
mod restore;
mod token;
mod watch;

#[cfg(test)]
#[cfg(feature = "hub")]
mod manual_tests;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Parser, Subcommand};

#[cfg(feature = "demo")]
pub(crate) use self::client::Client;
pub(crate) use self::client::GatewayArguments;
use self::program::{Program, on_signal};
use crate::clock::{rfc3339, wall_ms};
use crate::config::{CertificateDates, GatewayConfig};
use crate::process::reload::{self, Reload};
use crate::process::service::Manager;
use crate::process::stop;
use crate::process::{VERSION, logs};

/// The program of this command line.
const STOCKGATE: Program = Program("stockgate");

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
    /// Check a configuration
    #[command(after_help = examples::CHECK_CONFIG)]
    CheckConfig {
        /// The configuration
        #[arg(long)]
        config: Option<PathBuf>,
    },
    /// Make the secret of a token
    #[command(after_help = examples::TOKEN)]
    Token {
        /// Write it to this file, which must not exist, instead of printing it
        #[arg(long)]
        file: Option<PathBuf>,
    },
    /// Show gateway, hub and broker at work in one process
    #[cfg(feature = "demo")]
    #[command(after_help = examples::DEMO)]
    Demo(demo::DemoArguments),
    /// Replay a CSV file of order lines
    #[command(after_help = examples::REPLAY)]
    Replay(replay::ReplayArguments),
    /// Deduct a quantity of a SKU by hand
    #[command(after_help = examples::DEDUCT)]
    Deduct(by_hand::ByHandArguments),
    /// Restock a quantity of a SKU by hand
    #[command(after_help = examples::RESTOCK)]
    Restock(by_hand::ByHandArguments),
    /// Set on hand of a SKU to a cycle count by hand
    #[command(after_help = examples::COUNT)]
    Count(by_hand::ByHandArguments),
    /// Move all units of a SKU that should not be there to the one that was meant
    #[command(after_help = examples::MERGE)]
    Merge(by_hand::MergeArguments),
    /// Take a SKU without stock and listing out of the lists
    #[command(after_help = examples::HIDE)]
    Hide(by_hand::HideArguments),
    /// Show the stock of some SKUs, or of all
    #[command(after_help = examples::STOCK)]
    Stock {
        /// The SKUs; all if none is given
        skus: Vec<String>,
        /// Only SKUs that begin with this text
        #[arg(long)]
        prefix: Option<String>,
        /// Only SKUs of which SKU, name or a barcode has every word of this text
        #[arg(long, value_name = "TEXT")]
        search: Option<String>,
        #[command(flatten)]
        gateway: GatewayArguments,
        /// Print JSON, an item a line
        #[arg(long)]
        json: bool,
    },
    /// Show the ledger
    #[command(after_help = examples::LEDGER)]
    Ledger {
        /// Continue with new entries as they arrive
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
    /// Write the signed ledger as JSON lines, for auditors
    #[command(after_help = examples::EXPORT)]
    Export {
        /// The gateway's data directory
        #[arg(long)]
        data_dir: PathBuf,
        /// The first position
        #[arg(long)]
        from: Option<u64>,
        /// The last position
        #[arg(long)]
        to: Option<u64>,
    },
    /// Check the chain and the signatures of a ledger
    #[command(after_help = examples::VERIFY)]
    Verify(audit::VerifyArguments),
    /// Replace a lost or damaged database with a new one
    #[command(after_help = examples::RESTORE)]
    Restore {
        #[command(flatten)]
        source: restore::RestoreArgs,
        /// The gateway's data directory; the gateway must not run
        #[arg(long)]
        data_dir: PathBuf,
    },
    /// Check database, machine and links, and say what to do
    #[command(after_help = examples::DOCTOR)]
    Doctor(doctor::DoctorArguments),
    /// Print the completions for a shell
    #[command(after_help = examples::COMPLETIONS)]
    Completions {
        /// The shell
        shell: manual::Shell,
    },
    /// Print a manual page
    #[command(after_help = examples::MAN)]
    Man(manual::ManArguments),
}

/// Runs `stockgate`.
pub fn main() -> ExitCode {
    #[cfg(not(feature = "demo"))]
    if std::env::args_os().nth(1).is_some_and(|command| command == "demo") {
        return STOCKGATE.usage(
            &"demo: not in this file, but in a build from source: cargo run --release -- demo",
        );
    }
    match Arguments::parse().command {
        Command::Run { config } => run(config),
        Command::CheckConfig { config } => check_config(config),
        Command::Token { file } => STOCKGATE.ended(token::run(file.as_deref())),
        #[cfg(feature = "demo")]
        Command::Demo(arguments) => STOCKGATE.with_runtime("stockgate=error", demo::run(arguments)),
        Command::Replay(arguments) => STOCKGATE.with_runtime("warn", replay::run(arguments)),
        Command::Deduct(arguments) => by_hand::run(&STOCKGATE, by_hand::ByHand::Deduct, arguments),
        Command::Restock(arguments) => {
            by_hand::run(&STOCKGATE, by_hand::ByHand::Restock, arguments)
        }
        Command::Count(arguments) => by_hand::run(&STOCKGATE, by_hand::ByHand::Count, arguments),
        Command::Merge(arguments) => by_hand::merge(&STOCKGATE, arguments),
        Command::Hide(arguments) => by_hand::hide(&STOCKGATE, arguments),
        Command::Stock { skus, prefix, search, gateway, json } => {
            let filter = inspect::Filter { prefix, search };
            STOCKGATE.with_runtime("warn", inspect::stock(gateway, skus, filter, json))
        }
        Command::Ledger { follow, after, gateway, json } => {
            STOCKGATE.with_runtime("warn", inspect::ledger(gateway, after, follow, json))
        }
        Command::Watch(arguments) => STOCKGATE.with_runtime("warn", watch::run(arguments)),
        Command::Status { gateway, json } => {
            STOCKGATE.with_runtime("warn", inspect::status(gateway, json))
        }
        Command::Backup { data_dir, to } => STOCKGATE.ended(backup::run(&data_dir, &to)),
        Command::Export { data_dir, from, to } => {
            STOCKGATE.ended(audit::export(&data_dir, from, to))
        }
        Command::Verify(arguments) => STOCKGATE.ended(audit::verify(&arguments)),
        Command::Restore { source, data_dir } => STOCKGATE.ended(restore::run(&data_dir, &source)),
        Command::Doctor(arguments) => doctor::run(&arguments),
        Command::Completions { shell } => {
            STOCKGATE.ended(manual::Manual::of_gateway().print_completions(shell))
        }
        Command::Man(arguments) => {
            STOCKGATE.ended(manual::Manual::of_gateway().print_pages(&arguments))
        }
    }
}

fn run(config: Option<PathBuf>) -> ExitCode {
    let hangups = match reload::install_signal_handler() {
        Ok(hangups) => hangups,
        Err(error) => return STOCKGATE.ended(Err(error.into())),
    };
    let file = config;
    let config = match GatewayConfig::load(file.as_deref()) {
        Ok(config) => config,
        Err(error) => return STOCKGATE.usage(&error),
    };
    logs::start(&config.log_level);
    if let Some(displaced) = &config.displaced_data_dir {
        let (used, displaced) = (config.data_dir.display(), displaced.display());
        tracing::warn!(
            "gateway.data_dir is relative to the configuration: {used} is used, and {displaced} in the working directory is not"
        );
    }
    let manager = Manager::from_environment();
    manager.tell("STATUS=Opening the database.");
    let opened = match crate::gateway::open(&config) {
        Ok(opened) => opened,
        Err(error) => return STOCKGATE.ended(Err(error.into())),
    };
    STOCKGATE.on_runtime(async {
        let (stopper, stop) = stop::channel();
        on_signal(stopper);
        let load =
            move || GatewayConfig::load(file.as_deref()).map_err(|error| error.problems().to_vec());
        let load = Arc::new(load);
        let reload = Reload { hangups, load, set_log_level: logs::set_level };
        crate::gateway::run(config, opened, &manager, stop, reload).await
    })
}

fn check_config(config: Option<PathBuf>) -> ExitCode {
    match GatewayConfig::load(config.as_deref()) {
        Ok(config) => {
            say_valid(&STOCKGATE, config.mqtt.and_then(|mqtt| mqtt.certificate));
            ExitCode::SUCCESS
        }
        Err(error) => STOCKGATE.usage(&error),
    }
}

/// Says that a configuration is valid, and on stderr when our certificate for the broker ends.
fn say_valid(program: &Program, certificate: Option<CertificateDates>) {
    say("ok");
    if let Some(dates) = certificate {
        program.report(&certificate_line(dates));
    }
}

/// When our certificate for the broker ends.
pub(crate) fn certificate_line(dates: CertificateDates) -> String {
    let now_ms = wall_ms();
    let end = rfc3339(dates.end_ms);
    match dates.end_ms.saturating_sub(now_ms) {
        left @ 0.. => {
            let days = counted(left / 86_400_000, "day");
            let hours = counted(left / 3_600_000 % 24, "hour");
            format!("our certificate for the broker ends {end}, in {days} and {hours}")
        }
        _ => format!("our certificate for the broker has ended {end}"),
    }
}

fn counted(number: i64, unit: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{number} {unit}{ending}")
}

/// Prints a line to stdout; a closed pipe ends the program quietly.
pub(crate) fn say(line: impl std::fmt::Display) {
    say_text(&format!("{line}\n"));
}

/// Prints a text to stdout as it is.
fn say_text(text: &str) {
    if let Err(exit_code) = print(text) {
        std::process::exit(exit_code);
    }
}

/// Prints a line of a command whose exit code has to be right even if nobody reads the line: a
/// closed pipe is passed over. Returns `false` for another error.
pub(crate) fn tell(mut line: String) -> bool {
    line.push('\n');
    print(&line) != Err(1)
}

/// Prints a text to stdout. The error is an exit code: 0 for a closed pipe, whose reader has seen
/// enough, and 1 for any other, which is reported.
fn print(text: &str) -> Result<(), i32> {
    use std::io::{ErrorKind, Write as _};
    std::io::stdout().write_all(text.as_bytes()).map_err(|error| {
        if error.kind() == ErrorKind::BrokenPipe {
            return 0;
        }
        logs::report("stdout", &format!("cannot be written: {error}"));
        1
    })
}

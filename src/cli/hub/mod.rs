//! The command line of `stockgate-hub`.

mod audit;
mod backup;
mod doctor;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use serde_json::Value;

use super::manual::{self, Manual};
use super::program::{Program, on_signal};
use super::{examples, say, say_valid, token};
use crate::config::{BookStore, HubConfig};
use crate::hex;
use crate::hub;
use crate::process::reload::{self, Reload};
use crate::process::{VERSION, logs, stop};
use crate::protocol::envelope::FrameError;

/// The program of this command line.
const STOCKGATE_HUB: Program = Program("stockgate-hub");

#[derive(Debug, Parser)]
#[command(name = "stockgate-hub", version = VERSION, about = "The central books of all gateways")]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the hub
    #[command(after_help = examples::HUB_RUN)]
    Run {
        /// The configuration; without it, the built-in defaults
        #[arg(long)]
        config: Option<PathBuf>,
    },
    /// Check a configuration
    #[command(after_help = examples::HUB_CHECK_CONFIG)]
    CheckConfig {
        /// The configuration
        #[arg(long)]
        config: Option<PathBuf>,
    },
    /// Make the secret of a token
    #[command(after_help = examples::HUB_TOKEN)]
    Token {
        /// Write it to this file, which must not exist, instead of printing it
        #[arg(long)]
        file: Option<PathBuf>,
    },
    /// Copy the books while the hub runs
    #[command(after_help = examples::HUB_BACKUP)]
    Backup(backup::BackupArguments),
    /// Put a copy in the place of the books
    #[command(after_help = examples::HUB_RESTORE)]
    Restore(backup::RestoreArguments),
    /// Write the hub's own ledger, or that of a gateway, as JSON lines, for auditors
    #[command(after_help = examples::HUB_EXPORT)]
    Export(audit::ExportArguments),
    /// Check the chains and signatures of the books or of an export
    #[command(after_help = examples::HUB_VERIFY)]
    Verify(audit::VerifyArguments),
    /// Check books, machine and links, and say what to do
    #[command(after_help = examples::HUB_DOCTOR)]
    Doctor(doctor::DoctorArguments),
    /// Print the completions for a shell
    #[command(after_help = examples::HUB_COMPLETIONS)]
    Completions {
        /// The shell
        shell: manual::Shell,
    },
    /// Print a manual page
    #[command(after_help = examples::HUB_MAN)]
    Man(manual::ManArguments),
    /// Print a captured frame as JSON
    #[command(after_help = examples::HUB_DECODE)]
    Decode {
        /// A file that holds one frame, as it is or in hexadecimal digits
        file: PathBuf,
    },
}

/// Runs `stockgate-hub`.
pub fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Run { config } => run(config),
        Command::CheckConfig { config } => with_config(config.as_deref(), |config| {
            say_valid(&STOCKGATE_HUB, config.mqtt.and_then(|mqtt| mqtt.certificate));
            Ok(())
        }),
        Command::Token { file } => STOCKGATE_HUB.ended(token::run(file.as_deref())),
        Command::Backup(arguments) => with_config(arguments.config.as_deref(), |config| {
            backup::back_up(&config.store, &arguments.to)
        }),
        Command::Restore(arguments) => with_config(arguments.config.as_deref(), |config| {
            backup::restore(&config.store, &arguments.from)
        }),
        Command::Export(arguments) => with_books(arguments.config.clone(), move |config| {
            audit::export(&config.store, &arguments)
        }),
        Command::Verify(arguments) => match arguments.parts() {
            (Some(file), known) => STOCKGATE_HUB.ended(audit::verify_export(file, known)),
            (None, _) => with_books(arguments.config.clone(), move |config| {
                audit::verify_books(&config.store, arguments.parts().1)
            }),
        },
        Command::Doctor(arguments) => doctor::run(&arguments),
        Command::Completions { shell } => {
            STOCKGATE_HUB.ended(Manual::of_hub().print_completions(shell))
        }
        Command::Man(arguments) => STOCKGATE_HUB.ended(Manual::of_hub().print_pages(&arguments)),
        Command::Decode { file } => STOCKGATE_HUB.ended(decode(&file)),
    }
}

fn run(config: Option<PathBuf>) -> ExitCode {
    let hangups = match reload::install_signal_handler() {
        Ok(hangups) => hangups,
        Err(error) => return STOCKGATE_HUB.ended(Err(error.into())),
    };
    let file = config;
    let config = match HubConfig::load(file.as_deref()) {
        Ok(config) => config,
        Err(error) => return STOCKGATE_HUB.usage(&error),
    };
    let level = config.log_level.clone();
    STOCKGATE_HUB.with_runtime(&level, async {
        look_for_displaced(&config)?;
        let (stopper, stop) = stop::channel();
        on_signal(stopper);
        let load =
            move || HubConfig::load(file.as_deref()).map_err(|error| error.problems().to_vec());
        let load = Arc::new(load);
        hub::run(config, stop, Reload { hangups, load, set_log_level: logs::set_level }).await
    })
}

/// Books that earlier versions have used must not be left behind for new ones.
fn look_for_displaced(config: &HubConfig) -> anyhow::Result<()> {
    let (Some(displaced), BookStore::Sqlite(used)) = (&config.displaced_store, &config.store)
    else {
        return Ok(());
    };
    let (used_now, displaced) = (used.display(), displaced.display());
    anyhow::ensure!(
        used.exists(),
        "hub.store is relative to the configuration: there are no books at {used_now}, but there are at {displaced}, in the working directory; move them, or write their whole path"
    );
    tracing::warn!(
        "hub.store is relative to the configuration: {used_now} is used, and {displaced} in the working directory is not"
    );
    Ok(())
}

fn with_config(
    file: Option<&Path>,
    work: impl FnOnce(HubConfig) -> anyhow::Result<()>,
) -> ExitCode {
    match HubConfig::load(file) {
        Ok(config) => STOCKGATE_HUB.ended(work(config)),
        Err(error) => STOCKGATE_HUB.usage(&error),
    }
}

/// Works on the books, whose connections to PostgreSQL need a runtime around them.
fn with_books(
    file: Option<PathBuf>,
    work: impl FnOnce(HubConfig) -> anyhow::Result<()> + Send + 'static,
) -> ExitCode {
    match HubConfig::load(file.as_deref()) {
        Ok(config) => STOCKGATE_HUB
            .on_runtime(async { tokio::task::spawn_blocking(move || work(config)).await? }),
        Err(error) => STOCKGATE_HUB.usage(&error),
    }
}

fn decode(file: &Path) -> anyhow::Result<()> {
    let shown = file.display();
    let bytes = std::fs::read(file).with_context(|| format!("{shown} cannot be read"))?;
    let json = captured(&bytes).with_context(|| shown.to_string())?;
    say(format!("{json:#}"));
    Ok(())
}

/// Decodes a frame as clients write it: as it is, with a line feed after it, or in hexadecimal digits.
fn captured(bytes: &[u8]) -> Result<Value, FrameError> {
    if let Some(bytes) = hex::decode_text(bytes) {
        return hub::frame_json(&bytes);
    }
    hub::frame_json(bytes).or_else(|error| match bytes.strip_suffix(b"\n") {
        Some(frame) => hub::frame_json(frame),
        None => Err(error),
    })
}

//! The command line of `stockgate-hub`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, Subcommand};

use super::program::{Program, on_signal};
use super::{examples, say};
use crate::config::HubConfig;
use crate::hub;
use crate::process::reload::{self, Reload};
use crate::process::{VERSION, logs, stop};

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
    /// Print a captured frame as JSON
    #[command(after_help = examples::HUB_DECODE)]
    Decode {
        /// A file that holds one frame
        file: PathBuf,
    },
}

/// Runs `stockgate-hub`.
pub fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Run { config } => run(config),
        Command::CheckConfig { config } => match HubConfig::load(config.as_deref()) {
            Ok(_) => {
                say("ok");
                ExitCode::SUCCESS
            }
            Err(error) => STOCKGATE_HUB.usage(&error),
        },
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
        let (stopper, stop) = stop::channel();
        on_signal(stopper);
        let load =
            move || HubConfig::load(file.as_deref()).map_err(|error| error.problems().to_vec());
        let load = Box::new(load);
        hub::run(config, stop, Reload { hangups, load, set_log_level: logs::set_level }).await
    })
}

fn decode(file: &std::path::Path) -> anyhow::Result<()> {
    let shown = file.display();
    let bytes = std::fs::read(file).with_context(|| format!("{shown} cannot be read"))?;
    let json = hub::frame_json(&bytes).with_context(|| shown.to_string())?;
    say(format!("{json:#}"));
    Ok(())
}

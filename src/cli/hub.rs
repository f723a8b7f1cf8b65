//! The command line of `stockgate-hub`.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use super::{examples, on_signal, usage, with_runtime};
use crate::config::HubConfig;
use crate::hub;
use crate::process::{VERSION, stop};

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
    /// Say what is wrong with a configuration
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
            Ok(_) => say("ok"),
            Err(error) => usage(&error),
        },
        Command::Decode { file } => decode(&file),
    }
}

fn run(config: Option<PathBuf>) -> ExitCode {
    let config = match HubConfig::load(config.as_deref()) {
        Ok(config) => config,
        Err(error) => return usage(&error),
    };
    let level = config.log_level.clone();
    with_runtime(&level, async {
        let (stopper, stop) = stop::channel();
        on_signal(stopper);
        hub::run(config, stop).await
    })
}

fn decode(file: &std::path::Path) -> ExitCode {
    let bytes = match std::fs::read(file) {
        Ok(bytes) => bytes,
        Err(error) => return failed(&format!("{} cannot be read: {error}", file.display())),
    };
    match hub::frame_json(&bytes) {
        Ok(json) => say(&format!("{json:#}")),
        Err(error) => failed(&format!("{}: {error}", file.display())),
    }
}

fn say(line: &str) -> ExitCode {
    let _ = writeln!(std::io::stdout(), "{line}");
    ExitCode::SUCCESS
}

fn failed(why: &str) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "stockgate-hub: {why}");
    ExitCode::FAILURE
}

//! Running a program and turning its result into an exit code. Errors go to stderr, after the name of
//! the program.

use std::pin::{Pin, pin};
use std::process::ExitCode;

use crate::process::{logs, stop};

/// The exit code for bad usage or configuration.
const EXIT_USAGE: u8 = 2;

/// Arguments that clap takes and that cannot be used together, or as they are.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Usage(pub(super) String);

/// A program, by its name.
pub(super) struct Program(pub(super) &'static str);

impl Program {
    /// Reports bad usage or configuration.
    pub(super) fn usage(&self, error: &dyn std::fmt::Display) -> ExitCode {
        self.report(error);
        ExitCode::from(EXIT_USAGE)
    }

    /// Runs a future on a small runtime, with logs on stderr.
    pub(super) fn with_runtime(
        &self,
        level: &str,
        work: impl Future<Output = anyhow::Result<()>>,
    ) -> ExitCode {
        logs::start(level);
        self.on_runtime(work)
    }

    pub(super) fn on_runtime(&self, work: impl Future<Output = anyhow::Result<()>>) -> ExitCode {
        self.block_on(pin!(work))
    }

    /// Not for any type of future: the runtime would be compiled once for each command.
    fn block_on(&self, work: Pin<&mut dyn Future<Output = anyhow::Result<()>>>) -> ExitCode {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .max_blocking_threads(8)
            .enable_all()
            .build();
        match runtime {
            Ok(runtime) => {
                let result = runtime.block_on(work);
                runtime.shutdown_timeout(std::time::Duration::from_millis(100));
                self.ended(result)
            }
            Err(error) => self.ended(Err(error.into())),
        }
    }

    /// Turns the result of a run into an exit code, and reports an error.
    pub(super) fn ended(&self, result: anyhow::Result<()>) -> ExitCode {
        match result {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                self.report(&format!("{error:#}"));
                match error.is::<Usage>() {
                    true => ExitCode::from(EXIT_USAGE),
                    false => ExitCode::FAILURE,
                }
            }
        }
    }

    /// Writes a line to stderr.
    pub(super) fn report(&self, error: &dyn std::fmt::Display) {
        logs::report(self.0, error);
    }
}

/// Requests a stop on SIGTERM and SIGINT.
pub(super) fn on_signal(stopper: stop::Stopper) {
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

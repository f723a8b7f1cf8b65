//! Reading the configuration again while the program runs, on SIGHUP. If anything in the new one is
//! wrong, all of the old one stays in force. Otherwise what can change while the program runs
//! changes, and the log names what needs a restart.

use std::sync::Arc;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::spawn_blocking;

/// What a reload needs from the program.
pub struct Reload<C> {
    /// SIGHUP. The handler must be installed first of all: without one, the signal ends the process.
    pub hangups: Signal,
    /// Reads the configuration again, or says everything that is wrong with it.
    pub load: Arc<dyn Fn() -> Result<C, Vec<String>> + Send + Sync>,
    /// Sets the log level; returns false if it is fixed by `RUST_LOG`.
    pub set_log_level: fn(&str) -> bool,
}

impl<C: Send + 'static> Reload<C> {
    /// Reads the configuration again and judges it, beside everything else: its disk may hang.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub async fn read<T: Send + 'static>(
        &self,
        judge: impl FnOnce(C) -> Result<T, Vec<String>> + Send + 'static,
    ) -> Result<T, Vec<String>> {
        let load = Arc::clone(&self.load);
        let read = spawn_blocking(move || load().and_then(judge)).await;
        read.unwrap_or_else(|_| Err(vec!["the program ends".into()]))
    }
}

impl<C> std::fmt::Debug for Reload<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Reload")
    }
}

/// Installs the handler for SIGHUP, also before a runtime starts: a signal that arrives earlier is
/// seen then.
///
/// # Errors
/// If the handler cannot be installed.
pub fn install_signal_handler() -> std::io::Result<Signal> {
    let briefly = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let _entered = briefly.enter();
    signal(SignalKind::hangup())
}

/// What a new configuration changes.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ConfigChanges {
    /// In words: keys, and tokens by name.
    pub at_once: Vec<String>,
    /// The keys whose new values need a restart.
    pub at_restart: Vec<String>,
}

impl ConfigChanges {
    /// Adds the keys whose values differ, to those that apply at once.
    pub fn add_at_once<'a>(&mut self, keys: impl IntoIterator<Item = (&'a str, bool)>) {
        self.at_once.extend(differing(keys));
    }

    /// Adds the keys whose values differ, to those that need a restart.
    pub fn add_at_restart<'a>(&mut self, keys: impl IntoIterator<Item = (&'a str, bool)>) {
        self.at_restart.extend(differing(keys));
    }

    /// Logs what has changed.
    pub fn announce(&self) {
        let at_once = match self.at_once.as_slice() {
            [] => "no changes".into(),
            changes => changes.join(", "),
        };
        tracing::info!("the configuration was read again; from now on: {at_once}");
        for key in &self.at_restart {
            tracing::warn!("{key}: unchanged; the new value needs a restart");
        }
    }
}

fn differing<'a>(keys: impl IntoIterator<Item = (&'a str, bool)>) -> impl Iterator<Item = String> {
    keys.into_iter().filter(|(_, differs)| *differs).map(|(key, _)| key.to_owned())
}

/// Logs why a new configuration is not applied; returns a sentence for the service manager.
pub fn refuse(problems: &[String]) -> String {
    for problem in problems {
        tracing::error!("{problem}");
    }
    tracing::error!("the new configuration is not valid; the old one stays in force");
    let why = problems.join("; ").replace('\n', " ");
    format!("The new configuration is not valid; the old one stays in force: {why}.")
}

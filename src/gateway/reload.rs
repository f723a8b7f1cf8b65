//! Reloads the configuration of a running gateway. If anything in the new one is wrong, all of the
//! old one stays in force. Otherwise what can change while the gateway runs changes, and the log
//! names what needs a restart.

use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::changes::{ConfigChanges, merged};
use super::running::{Gateway, access, writer_rules};
use crate::config::{ConfigError, GatewayConfig};

/// What a reload needs from the program that runs the gateway.
pub struct ReloadContext {
    /// SIGHUP. The handler must be installed first of all: without one, the signal ends the process.
    pub hangups: Signal,
    /// Reads the configuration again.
    pub load: Box<dyn Fn() -> Result<GatewayConfig, ConfigError> + Send + Sync>,
    /// Sets the log level; returns false if it is fixed by `RUST_LOG`.
    pub set_log_level: fn(&str) -> bool,
}

impl std::fmt::Debug for ReloadContext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ReloadContext")
    }
}

impl ReloadContext {
    /// Installs the handler for SIGHUP, also before a runtime starts: a signal that arrives
    /// earlier is seen then.
    ///
    /// # Errors
    /// If the handler cannot be installed.
    pub fn install_signal_handler() -> std::io::Result<Signal> {
        let briefly = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        let _entered = briefly.enter();
        signal(SignalKind::hangup())
    }
}

impl Gateway {
    /// Reads the configuration again and applies what can change while the gateway runs. The log says
    /// what has changed.
    ///
    /// # Errors
    /// If the configuration is wrong: a sentence for the service manager that says why.
    pub(super) async fn reload(&mut self, context: &ReloadContext) -> Result<(), String> {
        match (context.load)().map_err(|error| error.problems().to_vec()).and_then(|new| {
            let changes = ConfigChanges::between(&self.config, &new);
            merged(&self.config, new).map(|config| (config, changes))
        }) {
            Ok((config, changes)) => {
                self.apply(config, changes, context.set_log_level).await;
                Ok(())
            }
            Err(problems) => {
                for problem in &problems {
                    tracing::error!("{problem}");
                }
                tracing::error!("the new configuration is not valid; the old one stays in force");
                let why = problems.join("; ").replace('\n', " ");
                Err(format!(
                    "The new configuration is not valid; the old one stays in force: {why}."
                ))
            }
        }
    }

    async fn apply(&mut self, new: GatewayConfig, changes: ConfigChanges, log: fn(&str) -> bool) {
        self.access.send_replace(Arc::new(access(&new)));
        if let (Some(newest), Some(tls)) = (&self.certificates, &new.tls) {
            newest.send_replace(Arc::clone(&tls.config));
        }
        while !self.intake.set_rules(writer_rules(&new)) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let ConfigChanges { at_once, at_restart } = changes;
        let at_once = if at_once.is_empty() { "no changes".into() } else { at_once.join(", ") };
        tracing::info!("the configuration was read again; from now on: {at_once}");
        for key in at_restart {
            tracing::warn!("{key}: unchanged; the new value needs a restart");
        }
        // Last, so that the lines above are still logged at the old level.
        if new.log_level != self.config.log_level && !log(&new.log_level) {
            tracing::warn!("log.level: unchanged; RUST_LOG overrides it");
        }
        self.config = new;
    }
}

//! Reloads the configuration of a running gateway.

use std::time::Duration;

use super::changes::{changes, merged};
use super::running::{Gateway, writer_rules};
use crate::config::GatewayConfig;
use crate::process::reload::{ConfigChanges, refuse};

/// The configuration that comes in force, and what it changes.
type Judged = (GatewayConfig, ConfigChanges);

/// Compares a new configuration with the one in force. It looks at directories, so it may take long.
///
/// # Errors
/// Everything that is wrong with the new one.
pub(super) fn judged(now: &GatewayConfig, new: GatewayConfig) -> Result<Judged, Vec<String>> {
    let changes = changes(now, &new);
    merged(now, new).map(|config| (config, changes))
}

impl Gateway {
    /// Applies what can change while the gateway runs, of the configuration as it was read again and
    /// [`judged`]. The log says what has changed.
    ///
    /// # Errors
    /// If the configuration is wrong: a sentence for the service manager that says why.
    pub(super) async fn reload(
        &mut self,
        read: Result<Judged, Vec<String>>,
        set_log_level: fn(&str) -> bool,
    ) -> Result<(), String> {
        let (config, changes) = read.map_err(|problems| refuse(&problems))?;
        self.apply(config, &changes, set_log_level).await;
        Ok(())
    }

    async fn apply(&mut self, new: GatewayConfig, changes: &ConfigChanges, log: fn(&str) -> bool) {
        let tls = new.terminals.tls.as_ref().map(|tls| tls.config.clone());
        self.port.replace(new.terminals.access(), tls);
        self.identity.renew(new.mqtt.as_ref());
        while !self.intake.set_rules(writer_rules(&new)) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        changes.announce();
        // Last, so that the lines above are still logged at the old level.
        if new.log_level != self.config.log_level && !log(&new.log_level) {
            tracing::warn!("log.level: unchanged; RUST_LOG overrides it");
        }
        self.config = new;
    }
}

//! Reloads the configuration of a running hub: access, certificates, and the log level.

use super::{Hub, broker_tls, report_certificate};
use crate::config::{BookStore, HubConfig, MqttConfig};
use crate::process::reload::{ConfigChanges, refuse};

impl Hub {
    /// Applies what can change while the hub runs, of the configuration as it was read again. The log
    /// says what has changed.
    ///
    /// # Errors
    /// If the configuration is wrong: a sentence for the service manager that says why.
    pub(super) fn reload(
        &mut self,
        read: Result<HubConfig, Vec<String>>,
        set_log_level: fn(&str) -> bool,
    ) -> Result<(), String> {
        let read = read.and_then(|new| {
            let changes = changes(&self.config, &new);
            merged(&self.config, new).map(|config| (config, changes))
        });
        let (new, changes) = read.map_err(|problems| refuse(&problems))?;
        let tls = new.http.tls.as_ref().map(|tls| tls.config.clone());
        self.port.replace(new.http.access(), tls);
        self.broker_tls.renew(broker_tls(&new));
        report_certificate(&self.metrics, &new);
        changes.announce();
        // Last, so that the lines above are still logged at the old level.
        if new.log_level != self.config.log_level && !set_log_level(&new.log_level) {
            tracing::warn!("log.level: unchanged; RUST_LOG overrides it");
        }
        self.config = new;
        Ok(())
    }
}

/// What a new configuration changes. The default name of a worker is the same for one process.
fn changes(now: &HubConfig, new: &HubConfig) -> ConfigChanges {
    let mut changes = now.http.changes(&new.http);
    changes.add_at_once([("log.level", now.log_level != new.log_level)]);
    changes.add_at_restart([
        ("hub.store", !now.store.is_same(&new.store)),
        ("hub.grpc_listen", now.grpc_listen != new.grpc_listen),
        ("hub.worker", now.worker != new.worker),
        ("hub.subscription", now.shared != new.shared),
        ("hub.gateways", now.gateways != new.gateways),
        ("hub.unknown_skus", now.unknown_skus != new.unknown_skus),
        ("hub.ledger_retention_days", now.retention_days != new.retention_days),
        ("hub.sinks", !have_same_sinks(now, new)),
        ("mqtt", now.mqtt.is_some() != new.mqtt.is_some()),
    ]);
    if let (Some(now), Some(new)) = (&now.mqtt, &new.mqtt) {
        changes.add_at_restart(now.differences(new).map(|key| (key, true)));
        changes.add_at_once([("mqtt.ca_file, cert_file or key_file", now.has_other_files(new))]);
    }
    changes
}

fn have_same_sinks(now: &HubConfig, new: &HubConfig) -> bool {
    now.sinks.len() == new.sinks.len()
        && now.sinks.iter().zip(&new.sinks).all(|(now, new)| now.is_same(new))
}

/// The configuration in force after a reload: new values where they apply at once, old ones
/// elsewhere.
///
/// # Errors
/// Everything that shows that the new configuration is not one for this hub, or that would leave
/// it without tokens. A file that is half written or of another hub is refused as a whole.
fn merged(now: &HubConfig, new: HubConfig) -> Result<HubConfig, Vec<String>> {
    let mut why = Vec::new();
    if is_elsewhere(&now.store, &new.store) {
        why.push(format!("hub.store: is {}, and this hub's is {}", new.store, now.store));
    }
    why.extend(now.http.refusal(&new.http));
    if !why.is_empty() {
        return Err(why);
    }
    let http = now.http.merged(new.http);
    let mqtt = MqttConfig::reloaded(now.mqtt.as_ref(), new.mqtt);
    Ok(HubConfig { http, log_level: new.log_level, mqtt, ..now.clone() })
}

/// Whether they are certainly other books. An address in PostgreSQL may change for the same ones.
fn is_elsewhere(now: &BookStore, new: &BookStore) -> bool {
    let are_in_postgresql = matches!((now, new), (BookStore::Postgres(_), BookStore::Postgres(_)));
    !are_in_postgresql && !now.is_same(new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Enrolment, UnknownSkus};
    use crate::net::access::{Role, Sites, Token};

    fn with(tokens: &[&str]) -> HubConfig {
        let token = |name: &&str| Token {
            name: (*name).into(),
            role: Role::Viewer,
            secret: format!("{name}-secret-0123456789"),
            requests_per_s: None,
            sites: Sites::All,
        };
        let mut config = HubConfig::default();
        config.http.tokens = tokens.iter().map(token).collect();
        config
    }

    #[test]
    fn access_applies_at_once_and_the_rest_at_the_next_start() {
        let now = with(&["a", "b"]);
        let mut new = HubConfig {
            worker: "other".into(),
            gateways: Enrolment::Listed,
            unknown_skus: UnknownSkus::Refuse,
            ..with(&["a", "c"])
        };
        new.http.tokens[0].sites = Sites::Only(["wh-01".to_owned()].into());
        new.http.listen.set_port(1);
        new.grpc_listen = Some(new.http.listen);
        let ConfigChanges { at_once, at_restart } = changes(&now, &new);
        assert_eq!(at_once, ["token b revoked", "token a changed", "token c added"]);
        assert_eq!(
            at_restart,
            ["hub.listen", "hub.grpc_listen", "hub.worker", "hub.gateways", "hub.unknown_skus"]
        );
        let merged = merged(&now, new).unwrap();
        assert_eq!((&merged.worker, merged.gateways), (&now.worker, Enrolment::Open));
        assert_eq!((merged.http.listen, merged.http.tokens.len()), (now.http.listen, 2));
        assert_eq!(changes(&now, &now.clone()), ConfigChanges::default());
    }

    #[test]
    fn a_configuration_of_other_books_or_without_tokens_is_refused() {
        let now = with(&["a"]);
        let elsewhere = HubConfig { store: BookStore::Sqlite("x/hub.db".into()), ..with(&[]) };
        let why = merged(&now, elsewhere).unwrap_err();
        assert!(why[0].starts_with("hub.store: is x/hub.db, and this hub's is "), "{why:?}");
        assert!(why[1].starts_with("hub.tokens: has none"), "{why:?}");
        assert!(merged(&with(&[]), now).is_ok());
    }
}

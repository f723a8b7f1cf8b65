//! What differs between the configuration in force and a new one, and when it applies.

use std::path::Path;

use crate::config::{GatewayConfig, MqttConfig};
use crate::process::reload::ConfigChanges;

const LOG_LEVEL: &str = "log.level";

/// What a new configuration changes.
pub(super) fn changes(now: &GatewayConfig, new: &GatewayConfig) -> ConfigChanges {
    let mut changes = now.terminals.changes(&new.terminals);
    changes.add_at_once([
        ("stock.reservation_ttl_s", now.reservation_ttl_s != new.reservation_ttl_s),
        ("stock.ledger_retention_days", now.ledger_retention_days != new.ledger_retention_days),
        (LOG_LEVEL, now.log_level != new.log_level),
    ]);
    changes.add_at_restart([
        ("terminals.reasons", now.reasons != new.reasons),
        ("barcodes.in_store", now.in_store != new.in_store),
        ("mqtt", now.mqtt.is_some() != new.mqtt.is_some()),
    ]);
    if let (Some(now), Some(new)) = (&now.mqtt, &new.mqtt) {
        changes.add_at_restart(now.differences(new).map(|key| (key, true)));
        changes.add_at_once([("mqtt.ca_file, cert_file or key_file", now.has_other_files(new))]);
    }
    changes
}

/// The configuration in force after a reload: new values where they apply at once, old ones
/// elsewhere.
///
/// # Errors
/// Everything that shows that the new configuration is not one for this gateway, or that would
/// leave the terminal port without tokens.
pub(super) fn merged(
    now: &GatewayConfig,
    new: GatewayConfig,
) -> Result<GatewayConfig, Vec<String>> {
    let why = refusals(now, &new);
    if !why.is_empty() {
        return Err(why);
    }
    Ok(GatewayConfig {
        terminals: now.terminals.merged(new.terminals),
        reservation_ttl_s: new.reservation_ttl_s,
        ledger_retention_days: new.ledger_retention_days,
        log_level: new.log_level,
        mqtt: MqttConfig::reloaded(now.mqtt.as_ref(), new.mqtt),
        ..now.clone()
    })
}

/// A file that is empty, half written or of another gateway is refused as a whole: none of what it
/// says, or leaves out, can be meant for this gateway.
fn refusals(now: &GatewayConfig, new: &GatewayConfig) -> Vec<String> {
    let mut why = Vec::new();
    for (key, now, new) in [("site", &now.site, &new.site), ("id", &now.id, &new.id)] {
        if now != new {
            why.push(format!("gateway.{key}: is {new:?}, and this gateway's is {now:?}"));
        }
    }
    if !is_same_directory(&now.data_dir, &new.data_dir) {
        let [now, new] = [&now.data_dir, &new.data_dir].map(|directory| directory.display());
        why.push(format!("gateway.data_dir: is {new}, and this gateway's is {now}"));
    }
    why.extend(now.terminals.refusal(&new.terminals));
    why
}

fn is_same_directory(one: &Path, other: &Path) -> bool {
    let resolved = |path: &Path| path.canonicalize().ok();
    one == other || resolved(one).is_some_and(|one| Some(one) == resolved(other))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::BrokerUrl;
    use crate::net::access::{Role, Sites, Token};

    fn token(name: &str, role: Role) -> Token {
        let (name, secret) = (name.into(), "s".into());
        Token { name, role, secret, requests_per_s: None, sites: Sites::All }
    }

    fn with(tokens: &[Token]) -> GatewayConfig {
        let mut config = GatewayConfig::default();
        config.terminals.tokens = tokens.to_vec();
        config
    }

    fn mqtt(url: &str) -> Option<MqttConfig> {
        let url = BrokerUrl::parse(url).unwrap();
        Some(MqttConfig {
            url,
            username: None,
            password: None,
            tls: None,
            books: None,
            tls_files: 0,
            certificate: None,
        })
    }

    #[test]
    fn every_change_is_named_and_applies_at_once_where_it_can() {
        let tokens = [token("a", Role::Viewer), token("b", Role::Viewer)];
        let now = GatewayConfig { mqtt: mqtt("mqtt://one"), ..with(&tokens) };
        let mut new = GatewayConfig {
            mqtt: mqtt("mqtt://two"),
            reservation_ttl_s: 5,
            log_level: "warn".into(),
            ..with(&[token("b", Role::Admin), token("c", Role::Viewer)])
        };
        new.terminals.listen.set_port(1);
        let ConfigChanges { at_once, at_restart } = changes(&now, &new);
        let expected = ["token a revoked", "token b changed", "token c added"];
        assert_eq!(at_once[..3], expected);
        assert_eq!(at_once[3..], ["stock.reservation_ttl_s", "log.level"]);
        assert_eq!(at_restart, ["terminals.listen", "mqtt.url"]);
        let merged = merged(&now, new).unwrap();
        assert_eq!(merged.terminals.listen, now.terminals.listen);
        assert_eq!((merged.reservation_ttl_s, merged.terminals.tokens.len()), (5, 2));
        assert_eq!(merged.mqtt.unwrap().url.host, "one");
        assert_eq!(changes(&now, &now.clone()), ConfigChanges::default());
    }

    #[test]
    fn the_last_token_is_not_taken_away() {
        let (none, one) = (with(&[]), with(&[token("a", Role::Viewer)]));
        let why = merged(&one, none.clone()).unwrap_err().concat();
        assert!(why.contains("terminals.tokens"), "{why}");
        assert!(merged(&none, none.clone()).is_ok() && merged(&none, one).is_ok());
    }

    #[test]
    fn the_configuration_of_another_gateway_is_refused_with_every_reason() {
        let directory = tempfile::tempdir().unwrap();
        let now = GatewayConfig { data_dir: directory.path().into(), ..GatewayConfig::default() };
        let new = GatewayConfig {
            site: "other-site".into(),
            id: "other-id".into(),
            data_dir: directory.path().join("other-dir"),
            reservation_ttl_s: 5,
            ..now.clone()
        };
        let why = merged(&now, new).unwrap_err();
        let expected = [("site", "other-site"), ("id", "other-id"), ("data_dir", "other-dir")];
        assert_eq!(why.len(), expected.len(), "{why:?}");
        for (why, (key, value)) in why.iter().zip(expected) {
            assert!(
                why.starts_with(&format!("gateway.{key}: is ")) && why.contains(value),
                "{why}"
            );
        }
        let same = directory.path().join(".").join("x").join("..");
        std::fs::create_dir(directory.path().join("x")).unwrap();
        assert!(merged(&now, GatewayConfig { data_dir: same, ..now.clone() }).is_ok());
    }
}

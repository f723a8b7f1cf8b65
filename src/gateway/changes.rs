//! What differs between the configuration in force and a new one, and when it applies.

use std::path::Path;

use crate::config::GatewayConfig;
use crate::net::access::Token;

const LOG_LEVEL: &str = "log.level";

/// What a new configuration changes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct ConfigChanges {
    /// In words: keys, and tokens by name.
    pub(super) at_once: Vec<String>,
    /// The keys whose new values need a restart.
    pub(super) at_restart: Vec<&'static str>,
}

impl ConfigChanges {
    pub(super) fn between(now: &GatewayConfig, new: &GatewayConfig) -> Self {
        let mut at_once = token_changes(&now.tokens, &new.tokens);
        let others = [
            ("terminals.allowed_origins", now.allowed_origins != new.allowed_origins),
            ("terminals.requests_per_s", now.requests_per_s != new.requests_per_s),
            ("terminals.cert_file, key_file", has_new_certificate(now, new)),
            ("stock.reservation_ttl_s", now.reservation_ttl_s != new.reservation_ttl_s),
            ("stock.ledger_retention_days", now.ledger_retention_days != new.ledger_retention_days),
            (LOG_LEVEL, now.log_level != new.log_level),
        ];
        at_once.extend(others.iter().filter(|(_, differs)| *differs).map(|(key, _)| (*key).into()));
        let others = [
            ("terminals.listen", now.listen != new.listen),
            ("terminals.cert_file, key_file", now.tls.is_some() != new.tls.is_some()),
            ("mqtt", now.mqtt.is_some() != new.mqtt.is_some()),
        ];
        let mut at_restart: Vec<_> =
            others.iter().filter(|(_, differs)| *differs).map(|(key, _)| *key).collect();
        if let (Some(now), Some(new)) = (&now.mqtt, &new.mqtt) {
            at_restart.extend(now.differences(new));
        }
        Self { at_once, at_restart }
    }
}

fn has_new_certificate(now: &GatewayConfig, new: &GatewayConfig) -> bool {
    matches!((&now.tls, &new.tls), (Some(now), Some(new)) if now != new)
}

fn token_changes(now: &[Token], new: &[Token]) -> Vec<String> {
    let in_list = |list: &[Token], name: &str| list.iter().any(|token| token.name == name);
    let revoked = now.iter().filter(|token| !in_list(new, &token.name));
    let revoked = revoked.map(|token| format!("token {} revoked", token.name));
    let others = new.iter().filter(|token| !now.contains(token)).map(|token| {
        let what = if in_list(now, &token.name) { "changed" } else { "added" };
        format!("token {} {what}", token.name)
    });
    revoked.chain(others).collect()
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
    let tls = now.tls.as_ref().and_then(|now| new.tls.or_else(|| Some(now.clone())));
    Ok(GatewayConfig {
        allowed_origins: new.allowed_origins,
        tokens: new.tokens,
        requests_per_s: new.requests_per_s,
        tls,
        reservation_ttl_s: new.reservation_ttl_s,
        ledger_retention_days: new.ledger_retention_days,
        log_level: new.log_level,
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
    if new.tokens.is_empty() && !now.tokens.is_empty() {
        why.push(format!(
            "terminals.tokens: has none, and a reload does not take the last ones from a gateway, which listens on {}; to run without tokens, restart it",
            now.listen
        ));
    }
    why
}

fn is_same_directory(one: &Path, other: &Path) -> bool {
    let resolved = |path: &Path| path.canonicalize().ok();
    one == other || resolved(one).is_some_and(|one| Some(one) == resolved(other))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{BrokerUrl, MqttConfig};
    use crate::net::access::Role;

    fn token(name: &str, role: Role) -> Token {
        Token { name: name.into(), role, secret: "s".into(), requests_per_s: None }
    }

    fn mqtt(url: &str) -> Option<MqttConfig> {
        let url = BrokerUrl::parse(url).unwrap();
        Some(MqttConfig { url, username: None, password: None, tls: None, tls_files: 0 })
    }

    #[test]
    fn every_change_is_named_and_applies_at_once_where_it_can() {
        let tokens = vec![token("a", Role::Viewer), token("b", Role::Viewer)];
        let now = GatewayConfig { tokens, mqtt: mqtt("mqtt://one"), ..GatewayConfig::default() };
        let new = GatewayConfig {
            tokens: vec![token("b", Role::Admin), token("c", Role::Viewer)],
            mqtt: mqtt("mqtt://two"),
            listen: ([127, 0, 0, 1], 1).into(),
            reservation_ttl_s: 5,
            log_level: "warn".into(),
            ..GatewayConfig::default()
        };
        let ConfigChanges { at_once, at_restart } = ConfigChanges::between(&now, &new);
        let expected = ["token a revoked", "token b changed", "token c added"];
        assert_eq!(at_once[..3], expected);
        assert_eq!(at_once[3..], ["stock.reservation_ttl_s", "log.level"]);
        assert_eq!(at_restart, ["terminals.listen", "mqtt.url"]);
        let merged = merged(&now, new).unwrap();
        assert_eq!(merged.listen, now.listen);
        assert_eq!((merged.reservation_ttl_s, merged.tokens.len()), (5, 2));
        assert_eq!(merged.mqtt.unwrap().url.host, "one");
        assert_eq!(ConfigChanges::between(&now, &now.clone()), ConfigChanges::default());
    }

    #[test]
    fn the_last_token_is_not_taken_away() {
        let with = |tokens: &[Token]| GatewayConfig {
            tokens: tokens.to_vec(),
            ..GatewayConfig::default()
        };
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

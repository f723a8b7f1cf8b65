//! What differs between the configuration in force and a new one, and when it applies.

use crate::config::GatewayConfig;
use crate::terminal::Token;

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
            ("gateway.site", now.site != new.site),
            ("gateway.id", now.id != new.id),
            ("gateway.data_dir", now.data_dir != new.data_dir),
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
/// If these do not go together.
pub(super) fn merged(now: &GatewayConfig, new: GatewayConfig) -> Result<GatewayConfig, String> {
    let tls = now.tls.as_ref().and_then(|now| new.tls.or_else(|| Some(now.clone())));
    let merged = GatewayConfig {
        allowed_origins: new.allowed_origins,
        tokens: new.tokens,
        requests_per_s: new.requests_per_s,
        tls,
        reservation_ttl_s: new.reservation_ttl_s,
        ledger_retention_days: new.ledger_retention_days,
        log_level: new.log_level,
        ..now.clone()
    };
    if merged.is_guarded() {
        return Ok(merged);
    }
    Err(format!(
        "terminals.tokens: without any, the gateway must listen on loopback, and until a restart it listens on {}",
        merged.listen
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{BrokerUrl, MqttConfig};
    use crate::terminal::Role;

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
            site: "other".into(),
            reservation_ttl_s: 5,
            log_level: "warn".into(),
            ..GatewayConfig::default()
        };
        let ConfigChanges { at_once, at_restart } = ConfigChanges::between(&now, &new);
        let expected = ["token a revoked", "token b changed", "token c added"];
        assert_eq!(at_once[..3], expected);
        assert_eq!(at_once[3..], ["stock.reservation_ttl_s", "log.level"]);
        assert_eq!(at_restart, ["gateway.site", "terminals.listen", "mqtt.url"]);
        let merged = merged(&now, new).unwrap();
        assert_eq!((merged.site.as_str(), merged.listen), ("wh-01", now.listen));
        assert_eq!((merged.reservation_ttl_s, merged.tokens.len()), (5, 2));
        assert_eq!(merged.mqtt.unwrap().url.host, "one");
        assert_eq!(ConfigChanges::between(&now, &now.clone()), ConfigChanges::default());
    }

    #[test]
    fn a_gateway_that_listens_beyond_loopback_keeps_its_tokens() {
        let listen = ([0, 0, 0, 0], 8080).into();
        let tokens = vec![token("a", Role::Viewer)];
        let now = GatewayConfig { listen, tokens, ..GatewayConfig::default() };
        let why = merged(&now, GatewayConfig::default()).unwrap_err();
        assert!(why.contains("terminals.tokens") && why.contains("0.0.0.0:8080"), "{why}");
    }
}

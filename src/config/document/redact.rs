//! A configuration without its secrets, to be passed on.

use super::nodes::{ConfigValue, Node, ValuePlace, list_of};
use super::{ConfigError, Document};

/// Shown instead of a secret.
pub const HIDDEN: &str = "(hidden)";

/// The keys whose texts are shown. All other texts are hidden, also under unknown keys.
const SHOWN: [&str; 35] = [
    "site",
    "id",
    "data_dir",
    "listen",
    "allowed_origins",
    "name",
    "role",
    "url",
    "username",
    "token_file",
    "password_file",
    "ca_file",
    "cert_file",
    "key_file",
    "level",
    "worker",
    "store",
    "subscription",
    "gateways",
    "unknown_skus",
    "grpc_listen",
    "sites",
    "kind",
    "secret_file",
    "stream",
    "brokers",
    "topic",
    "tls",
    "books",
    "reasons",
    "in_store",
    // Numbers in a file; in a variable they are texts.
    "requests_per_s",
    "reservation_ttl_s",
    "ledger_retention_days",
    "give_up_s",
];

impl Document {
    /// One line for each value, with its place. Comments and secrets are left out.
    pub(in crate::config) fn listing(&self) -> String {
        let mut lines = Vec::new();
        for (section, node) in &self.root {
            list(section, section, node, &mut lines);
        }
        lines.concat()
    }

    /// The files that these keys name, in any section.
    pub(in crate::config) fn files(&self, keys: &[&str]) -> Vec<String> {
        let mut found = Vec::new();
        self.root.iter().for_each(|(key, node)| gather(key, node, keys, &mut found));
        found
    }

    /// Every text that the listing hides.
    pub(in crate::config) fn hidden(&self) -> Vec<String> {
        let mut found = Vec::new();
        self.root.iter().for_each(|(key, node)| gather_hidden(key, node, &mut found));
        found
    }

    /// The file, if it contains a secret itself.
    pub(in crate::config) fn file_with_secrets(&self) -> Option<std::path::PathBuf> {
        self.file.clone().filter(|_| self.holds_secrets())
    }

    /// Whether the file itself, rather than a variable, contains a secret.
    fn holds_secrets(&self) -> bool {
        self.listing().lines().any(|line| line.contains(HIDDEN) && !line.contains("environment"))
    }
}

fn list(path: &str, key: &str, node: &Node, lines: &mut Vec<String>) {
    let shown = match &node.value {
        ConfigValue::Table(nodes) => {
            return nodes
                .iter()
                .for_each(|(key, node)| list(&format!("{path}.{key}"), key, node, lines));
        }
        ConfigValue::List(nodes) => {
            let numbered = nodes.iter().enumerate();
            return numbered
                .for_each(|(at, node)| list(&format!("{path}[{at}]"), key, node, lines));
        }
        ConfigValue::Text(text) | ConfigValue::Raw(text) => shown(key, text),
        ConfigValue::Integer(number) => number.to_string(),
        ConfigValue::Other(kind) => (*kind).into(),
    };
    let place = match &node.place {
        ValuePlace::Line(line) => format!("line {line}"),
        ValuePlace::Variable(name) => format!("environment variable {name}"),
    };
    lines.push(format!("{path} = {shown}    # {place}\n"));
}

fn shown(key: &str, text: &str) -> String {
    match server(text) {
        _ if is_shown(key, text) => format!("{text:?}"),
        Some(_) if key != "url" || text.contains('@') => HIDDEN.into(),
        Some(server) if text.contains('?') => format!("{server:?} {HIDDEN}"),
        Some(server) => format!("{:?}", format!("{server}/…")),
        None => HIDDEN.into(),
    }
}

/// A text with an @ may contain a password, whatever its key is, and the path and the query of an
/// address may let a sender in.
fn is_shown(key: &str, text: &str) -> bool {
    let is_bare = |server: &str| matches!(&text[server.len()..], "" | "/");
    text.is_empty()
        || SHOWN.contains(&key)
            && !text.contains('@')
            && (key != "url" || server(text).map_or(!text.contains(['/', '?', '#']), is_bare))
}

/// The address up to its path and query, with its scheme.
fn server(text: &str) -> Option<&str> {
    let host_at = text.find("://")? + "://".len();
    let length = text[host_at..].find(['/', '?', '#']).map_or(text.len(), |at| host_at + at);
    Some(&text[..length])
}

fn gather_hidden(key: &str, node: &Node, found: &mut Vec<String>) {
    match &node.value {
        ConfigValue::Table(nodes) => {
            nodes.iter().for_each(|(key, node)| gather_hidden(key, node, found));
        }
        ConfigValue::List(nodes) => nodes.iter().for_each(|node| gather_hidden(key, node, found)),
        ConfigValue::Text(text) | ConfigValue::Raw(text) if is_shown(key, text) => {}
        ConfigValue::Text(text) => found.push(text.clone()),
        ConfigValue::Raw(text) => {
            found.push(text.clone());
            // A variable may contain a list of tables.
            let list = list_of(text, &node.place).unwrap_or_default();
            list.iter().for_each(|node| gather_hidden(key, node, found));
        }
        ConfigValue::Integer(_) | ConfigValue::Other(_) => {}
    }
}

fn gather(key: &str, node: &Node, keys: &[&str], found: &mut Vec<String>) {
    match &node.value {
        ConfigValue::Table(nodes) => {
            nodes.iter().for_each(|(key, node)| gather(key, node, keys, found))
        }
        ConfigValue::List(nodes) => nodes.iter().for_each(|node| gather(key, node, keys, found)),
        ConfigValue::Text(text) | ConfigValue::Raw(text) if keys.contains(&key) => {
            found.push(text.clone())
        }
        ConfigValue::Text(_)
        | ConfigValue::Raw(_)
        | ConfigValue::Integer(_)
        | ConfigValue::Other(_) => {}
    }
}

/// The listing of a document, or the reason why it cannot be read.
pub(in crate::config) fn listing(document: Result<Document, ConfigError>) -> String {
    match document {
        Ok(document) => document.listing(),
        Err(error) => format!("cannot be read: {error}\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn a_text_is_hidden_unless_its_key_is_known_to_be_harmless() {
        let text = "# a comment with hunter2\n\
            [terminals]\nlisten = \"127.0.0.1:8080\"\ntoken = \"hunter2\"\n\
            [[terminals.tokens]]\nname = \"a\"\ntoken = \"hunter2\"\n\
            [mqtt]\nurl = \"mqtt://u:hunter2@h\"\npasword = \"hunter2\"\n\
            [stock]\nreservation_ttl_s = 900\n";
        let mut document = Document::parse(Path::new("a.toml"), text).unwrap();
        document.override_by(
            "STOCKGATE_TERMINALS__TOKENS2".into(),
            "[{token=\"hunter2\"}]".into(),
            &[],
        );
        let listing = document.listing();
        assert!(!listing.contains("hunter2"), "{listing}");
        assert!(listing.contains("terminals.tokens[0].name = \"a\""), "{listing}");
        assert!(listing.contains("stock.reservation_ttl_s = 900    # line 12"), "{listing}");
        assert!(document.holds_secrets());
        assert!(document.hidden().iter().filter(|text| *text == "hunter2").count() >= 4);
    }

    /// The paths and queries of webhooks are often what lets a sender in.
    #[test]
    fn an_address_is_shown_without_its_path_and_query() {
        let text = "[[hub.sinks]]\nurl = \"https://h:1/hunter2\"\n\
            [[hub.sinks]]\nurl = \"https://h?key=hunter2\"\n\
            [mqtt]\nurl = \"mqtts://h:8883/\"\n";
        let document = Document::parse(Path::new("a.toml"), text).unwrap();
        let listing = document.listing();
        assert!(!listing.contains("hunter2"), "{listing}");
        assert!(listing.contains("hub.sinks[0].url = \"https://h:1/…\"    # line 2"), "{listing}");
        assert!(listing.contains("hub.sinks[1].url = \"https://h\" (hidden)"), "{listing}");
        assert!(listing.contains("mqtt.url = \"mqtts://h:8883/\"    # line 6"), "{listing}");
        assert!(document.hidden().contains(&"https://h?key=hunter2".to_owned()));
    }

    /// Else the doctor would report secrets where there are none, and the bundle would hide words of
    /// the log.
    #[test]
    fn nothing_in_the_configurations_that_are_shipped_is_a_secret() {
        const SHIPPED: [&str; 2] = [
            include_str!("../../../config/stockgate.toml"),
            include_str!("../../../config/stockgate-hub.toml"),
        ];
        let of = |text: &str| Document::parse(Path::new("a.toml"), text).unwrap();
        for text in SHIPPED {
            assert_eq!(of(text).hidden(), [""; 0]);
            assert!(!of(text).holds_secrets(), "{}", of(text).listing());
            // With the keys that are commented out; prose has a blank after the sign.
            let all = text.replace("\n#", "\n").replace("\n ", "\n# ");
            assert!(!of(&all).holds_secrets(), "{}", of(&all).listing());
        }
    }

    #[test]
    fn a_number_in_a_variable_is_shown_and_hidden_nowhere() {
        let mut document = Document::parse(Path::new("a.toml"), "").unwrap();
        for (key, value) in [
            ("STOCK__RESERVATION_TTL_S", "900"),
            ("STOCK__LEDGER_RETENTION_DAYS", "30"),
            ("TERMINALS__REQUESTS_PER_S", "5"),
            ("TERMINALS__REASONS", "expired,missing"),
        ] {
            document.override_by(format!("STOCKGATE_{key}"), value.into(), &[]);
            assert!(document.listing().contains(value), "{}", document.listing());
        }
        assert!(document.hidden().is_empty(), "{:?}", document.hidden());
    }

    /// Somebody has forgotten the scheme. What follows the host is hidden all the same.
    #[test]
    fn an_address_without_a_scheme_is_shown_only_if_it_is_a_host_and_a_port() {
        for secret in ["h/hunter2", "h:1?hunter2", "h#hunter2", "u:hunter2@h", "//h/hunter2"] {
            let text = format!("[[hub.sinks]]\nname = \"erp\"\nurl = \"{secret}\"\n");
            let document = Document::parse(Path::new("a.toml"), &text).unwrap();
            let listing = document.listing();
            assert!(listing.contains("hub.sinks[0].url = (hidden)    # line 3"), "{listing}");
            assert_eq!(document.hidden(), [secret]);
        }
        let text = "[[hub.sinks]]\nurl = \"h:1883\"\nbrokers = [\"h:9092\"]\n";
        let document = Document::parse(Path::new("a.toml"), text).unwrap();
        assert!(document.listing().contains("hub.sinks[0].url = \"h:1883\""));
        assert!(document.hidden().is_empty());
    }
}

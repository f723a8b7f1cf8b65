//! The keys of a port that speaks HTTP, which gateway and hub have in common: address, TLS, tokens,
//! origins and limits.

use std::net::SocketAddr;
use std::path::Path;

use super::document::Section;
use super::mqtt::existing;
use super::origin::is_origin;
use super::tls::{self, ServerTls};
use super::{address, set, tokens};
use crate::net::access::{Access, AccessRules, Token};
use crate::process::reload::ConfigChanges;

/// A port that speaks HTTP, and who may use it.
#[derive(Clone, Debug)]
pub struct PortConfig {
    /// The section of the configuration that has these keys.
    section: &'static str,
    /// `listen`: the address.
    pub listen: SocketAddr,
    /// `allowed_origins`: the origins of pages of others that may use this port.
    pub allowed_origins: Vec<String>,
    /// `tokens`: who may use this port, and for what.
    pub tokens: Vec<Token>,
    /// `requests_per_s`: the limit of each token that has none of its own; 0 for no limit.
    pub requests_per_s: u32,
    /// `cert_file` and `key_file`: without them, the port speaks no TLS.
    pub tls: Option<ServerTls>,
}

impl PortConfig {
    /// A port on this loopback port without tokens and TLS.
    pub(super) fn local(section: &'static str, port: u16) -> Self {
        Self {
            section,
            listen: SocketAddr::from(([127, 0, 0, 1], port)),
            allowed_origins: Vec::new(),
            tokens: Vec::new(),
            requests_per_s: 0,
            tls: None,
        }
    }

    /// Takes the keys of a port from its section. `has_sites` says whether a token may be bound to
    /// sites.
    pub(super) fn read(&mut self, section: &mut Section<'_>, directory: &Path, has_sites: bool) {
        set(&mut self.listen, section.text("listen", address));
        set(&mut self.allowed_origins, read_origins(section));
        set(&mut self.requests_per_s, tokens::requests_per_s(section));
        self.tls = read_tls(section, directory);
        self.tokens = tokens::read(section, directory, has_sites);
        if !self.is_guarded() {
            let message = format!(
                "{} can be reached from outside, and no tokens are configured; add [[{}.tokens]] or listen on 127.0.0.1",
                self.listen, self.section
            );
            section.problem("listen", message);
        }
    }

    /// Whether the port can be used from this machine only, or with a token.
    pub fn is_guarded(&self) -> bool {
        self.listen.ip().is_loopback() || !self.tokens.is_empty()
    }

    /// The access rules that this configuration states.
    pub fn access(&self) -> Access {
        Access::new(AccessRules {
            tokens: self.tokens.clone(),
            allowed_origins: self.allowed_origins.clone(),
            origins_key: self.key("allowed_origins"),
            requests_per_s: self.requests_per_s,
            is_tls: self.tls.is_some(),
        })
    }

    /// What differs in a new configuration, and when it applies.
    pub fn changes(&self, new: &Self) -> ConfigChanges {
        let mut changes =
            ConfigChanges { at_once: token_changes(&self.tokens, &new.tokens), at_restart: vec![] };
        let certificates = "cert_file, key_file";
        for (key, differs) in [
            ("allowed_origins", self.allowed_origins != new.allowed_origins),
            ("requests_per_s", self.requests_per_s != new.requests_per_s),
            (certificates, self.has_new_certificate(new)),
        ] {
            changes.at_once.extend(differs.then(|| self.key(key)));
        }
        for (key, differs) in [
            ("listen", self.listen != new.listen),
            (certificates, self.tls.is_some() != new.tls.is_some()),
        ] {
            changes.at_restart.extend(differs.then(|| self.key(key)));
        }
        changes
    }

    /// Why a reload must not apply a new configuration: it would leave the port without tokens.
    pub fn refusal(&self, new: &Self) -> Option<String> {
        (new.tokens.is_empty() && !self.tokens.is_empty()).then(|| {
            format!(
                "{}: has none, and a reload does not take the last ones from a port, which listens on {}; to run without tokens, restart it",
                self.key("tokens"),
                self.listen
            )
        })
    }

    /// The configuration in force after a reload: new values where they apply at once, old ones
    /// elsewhere.
    #[must_use]
    pub fn merged(&self, new: Self) -> Self {
        let tls = self.tls.as_ref().and_then(|now| new.tls.or_else(|| Some(now.clone())));
        Self { section: self.section, listen: self.listen, tls, ..new }
    }

    fn has_new_certificate(&self, new: &Self) -> bool {
        matches!((&self.tls, &new.tls), (Some(now), Some(new)) if now != new)
    }

    fn key(&self, key: &str) -> String {
        format!("{}.{key}", self.section)
    }
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

/// Takes the origins. One that no browser sends would allow nothing, without a word.
fn read_origins(section: &mut Section<'_>) -> Option<Vec<String>> {
    section.texts("allowed_origins", &|origin| match is_origin(origin) {
        true => Ok(()),
        false => Err(format!(
            "{origin:?} is no origin; write https://HOST or http://HOST:PORT, in lower case and without path and default port"
        )),
    })
}

fn read_tls(section: &mut Section<'_>, directory: &Path) -> Option<ServerTls> {
    let mut file = |key: &str| section.text(key, |file| existing(file, directory)).flatten();
    let (cert_file, key_file) = (file("cert_file"), file("key_file"));
    match (&cert_file, &key_file) {
        (Some(cert_file), Some(key_file)) => match tls::server(cert_file, key_file) {
            Ok(tls) => return Some(tls),
            Err((key, why)) => section.problem(key, why),
        },
        (Some(_), None) => section.problem("cert_file", "needs a key_file beside it"),
        (None, Some(_)) => section.problem("key_file", "needs a cert_file beside it"),
        (None, None) => {}
    }
    None
}

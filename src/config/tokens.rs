//! The tokens of a port: a list of sections, each with a name, a role and a secret.

use std::path::Path;

use super::document::Section;
use super::{name, secret, without_line_ends};
use crate::limits::{REQUESTS_PER_S_MAX, TOKEN_CHARS_MIN, TOKEN_SITES_MAX};
use crate::net::access::{Role, Sites, Token};
use crate::stock::Actor;

/// A token, as far as it can be read.
struct Parts {
    name: Option<String>,
    role: Option<Role>,
    secret: Option<String>,
    /// The key that the secret stands under.
    secret_key: &'static str,
    requests_per_s: Option<u32>,
    sites: Option<Sites>,
}

impl Parts {
    /// The token, if nothing of it is missing.
    fn token(&self) -> Option<Token> {
        Some(Token {
            name: self.name.clone()?,
            role: self.role?,
            secret: self.secret.clone()?,
            requests_per_s: self.requests_per_s,
            sites: self.sites.clone()?,
        })
    }
}

/// Takes the list `tokens`. Each problem is named with the line of the token that has it, and never
/// with a secret.
pub(super) fn read(section: &mut Section<'_>, directory: &Path, has_sites: bool) -> Vec<Token> {
    let mut earlier = Vec::new();
    section.tables("tokens", |section| {
        let parts = parts(section, directory, has_sites);
        compare(section, &parts, &earlier);
        let token = parts.token();
        earlier.push(parts);
        token
    })
}

/// Names and secrets are compared whatever else is wrong, so that all problems are told at once.
fn compare(section: &mut Section<'_>, parts: &Parts, earlier: &[Parts]) {
    let Parts { name, secret, .. } = parts;
    if let Some(name) = name
        && earlier.iter().any(|other| other.name.as_ref() == Some(name))
    {
        section.problem("name", format!("two tokens have the name {name:?}"));
    }
    if let Some(other) = earlier.iter().find(|other| secret.is_some() && other.secret == *secret) {
        let whose = other.name.as_deref().unwrap_or("without a name");
        let message = format!("is the secret of the token {whose:?} too; make one each");
        section.problem(parts.secret_key, message);
    }
}

fn parts(section: &mut Section<'_>, directory: &Path, has_sites: bool) -> Parts {
    for key in ["name", "role"] {
        if !section.has(key) {
            section.missing(key);
        }
    }
    // What it does is recorded under its name.
    let name = section.text("name", |text| Actor::parse(text).map(|_| text.to_owned()));
    let role = section.text("role", |text| match text {
        "viewer" => Ok(Role::Viewer),
        "operator" => Ok(Role::Operator),
        "admin" => Ok(Role::Admin),
        other => Err(format!("must be viewer, operator or admin, is {other:?}")),
    });
    let secrets = (section.has("token"), section.has("token_file"));
    let literal = section.text("token", |text| long_enough(without_line_ends(text).into(), "it"));
    let from_file = section.text("token_file", |file| long_enough(secret(file, directory)?, file));
    match secrets {
        (true, true) => section.problem("token", "give either token or token_file"),
        (false, false) => section.missing("token_file"),
        (true, false) | (false, true) => {}
    }
    let requests_per_s = requests_per_s(section);
    let sites = if has_sites { sites(section) } else { Some(Sites::All) };
    let secret_key = if literal.is_some() { "token" } else { "token_file" };
    Parts { name, role, secret: literal.or(from_file), secret_key, requests_per_s, sites }
}

/// Takes the sites that a token is bound to; `None` if they are wrong.
fn sites(section: &mut Section<'_>) -> Option<Sites> {
    if !section.has("sites") {
        return Some(Sites::All);
    }
    let texts = section.texts("sites", &|text| name(text).map(drop))?;
    let message = match texts.len() {
        0 => "must name a site; leave it out for all".to_owned(),
        1..=TOKEN_SITES_MAX => return Some(Sites::Only(texts.into_iter().collect())),
        _ => format!("must name at most {TOKEN_SITES_MAX} sites"),
    };
    section.problem("sites", message);
    None
}

/// Takes the limit on requests per second of a token, or of each token that has none of its own.
pub(super) fn requests_per_s(section: &mut Section<'_>) -> Option<u32> {
    let number = section.number("requests_per_s", 0..=REQUESTS_PER_S_MAX)?;
    u32::try_from(number).ok()
}

/// A token that can be guessed protects nothing: wrong ones are not slowed down much, because a
/// known one is never refused.
fn long_enough(secret: String, place: &str) -> Result<String, String> {
    match secret.chars().count() {
        TOKEN_CHARS_MIN.. => Ok(secret),
        chars => Err(format!(
            "must have at least {TOKEN_CHARS_MIN} characters, {place} has {chars}; the command `token` makes one"
        )),
    }
}

//! The tokens of a port: a list of sections, each with a name, a role and a secret.

use std::path::Path;

use super::document::Section;
use super::{name, secret};
use crate::limits::{REQUESTS_PER_S_MAX, TOKEN_CHARS_MIN, TOKEN_SITES_MAX};
use crate::net::access::{Role, Sites, Token};

/// Takes the list `tokens`. Each problem is named with the line of the token that has it, and never
/// with a secret.
pub(super) fn read(section: &mut Section<'_>, directory: &Path, has_sites: bool) -> Vec<Token> {
    let mut earlier = Vec::<Token>::new();
    section.tables("tokens", |section| {
        let (token, secret_key) = token(section, directory, has_sites)?;
        if earlier.iter().any(|other| other.name == token.name) {
            section.problem("name", format!("two tokens have the name {:?}", token.name));
        }
        if let Some(other) = earlier.iter().find(|other| other.secret == token.secret) {
            let message = format!("is the secret of the token {:?} too; make one each", other.name);
            section.problem(secret_key, message);
        }
        earlier.push(token.clone());
        Some(token)
    })
}

/// One token, and the key that its secret stands under.
fn token(
    section: &mut Section<'_>,
    directory: &Path,
    has_sites: bool,
) -> Option<(Token, &'static str)> {
    for key in ["name", "role"] {
        if !section.has(key) {
            section.missing(key);
        }
    }
    let token_name = section.text("name", name);
    let role = section.text("role", |text| match text {
        "viewer" => Ok(Role::Viewer),
        "operator" => Ok(Role::Operator),
        "admin" => Ok(Role::Admin),
        other => Err(format!("must be viewer, operator or admin, is {other:?}")),
    });
    let secrets = (section.has("token"), section.has("token_file"));
    let literal = section.text("token", |text| long_enough(text.into(), "it"));
    let from_file = section.text("token_file", |file| long_enough(secret(file, directory)?, file));
    match secrets {
        (true, true) => section.problem("token", "give either token or token_file"),
        (false, false) => section.missing("token_file"),
        (true, false) | (false, true) => {}
    }
    let requests_per_s = requests_per_s(section);
    let sites = if has_sites { sites(section)? } else { Sites::All };
    let secret_key = if literal.is_some() { "token" } else { "token_file" };
    let secret = literal.or(from_file)?;
    Some((Token { name: token_name?, role: role?, secret, requests_per_s, sites }, secret_key))
}

/// Takes the sites that a token is bound to; `None` if they are wrong.
fn sites(section: &mut Section<'_>) -> Option<Sites> {
    if !section.has("sites") {
        return Some(Sites::All);
    }
    let texts = section.texts("sites")?;
    let wrong = texts.iter().find_map(|text| name(text).err());
    let wrong = wrong.or_else(|| match texts.len() {
        0 => Some("must name a site; leave it out for all".into()),
        1..=TOKEN_SITES_MAX => None,
        _ => Some(format!("must name at most {TOKEN_SITES_MAX} sites")),
    });
    match wrong {
        None => Some(Sites::Only(texts.into_iter().collect())),
        Some(message) => {
            section.problem("sites", message);
            None
        }
    }
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

//! The subjects of events in NATS.

use crate::hub::reader::FeedEvent;

/// The subjects of all events.
pub(super) const ALL: &str = "stock.>";
/// Stands for the hub's pool in place of a site and a gateway; no site can have this name.
const POOL: &str = "~";

/// `stock.{site}.{gateway}.{kind}`.
pub(super) fn subject(event: &FeedEvent) -> String {
    let token = |name: &Option<String>| name.as_deref().map_or_else(|| POOL.into(), token);
    format!("stock.{}.{}.{}", token(&event.site), token(&event.gateway), event.kind)
}

/// A name as one token: a dot would begin the next one, and the characters of wildcards and blanks
/// mean something else. They are written as in URLs, `%2E` for a dot.
fn token(name: &str) -> String {
    let is_safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let mut token = String::with_capacity(name.len());
    for c in name.chars() {
        if is_safe(c) {
            token.push(c);
        } else {
            let mut bytes = [0; 4];
            c.encode_utf8(&mut bytes).bytes().for_each(|byte| token += &format!("%{byte:02X}"));
        }
    }
    token
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_token_and_different_names_are_different_tokens() {
        for (name, expected) in [("wh-01", "wh-01"), ("a.b_c", "a%2Eb_c"), ("*>~ ", "%2A%3E%7E%20")]
        {
            assert_eq!(token(name), expected);
        }
    }
}

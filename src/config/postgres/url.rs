//! The parts of a PostgreSQL address.

use percent_encoding::percent_decode_str;

use crate::config::host::{BRACKETS, is_ipv6, is_name};

/// The port where an address names none.
const PORT: u16 = 5432;

/// What an address contains, decoded.
#[derive(Debug, Default)]
pub(super) struct UrlParts {
    pub(super) user: Option<String>,
    pub(super) password: Option<String>,
    pub(super) hosts: Vec<(String, u16)>,
    pub(super) database: Option<String>,
    pub(super) parameters: Vec<(String, String)>,
}

impl UrlParts {
    pub(super) fn split(text: &str) -> Result<Self, String> {
        let rest = text
            .strip_prefix("postgres://")
            .or(text.strip_prefix("postgresql://"))
            .ok_or("must start with postgres://")?;
        check_characters(rest)?;
        let (main, query) = rest.split_once('?').unwrap_or((rest, ""));
        if query.contains('@') {
            return Err(escaped('?', "%3F"));
        }
        let (authority, database) = main.split_once('/').unwrap_or((main, ""));
        if database.contains('@') {
            return Err(escaped('/', "%2F"));
        }
        let mut parts = Self::of_authority(authority)?;
        parts.database = not_empty(decode("the database", database)?);
        parts.parameters = parameters(query)?;
        Ok(parts)
    }

    fn of_authority(authority: &str) -> Result<Self, String> {
        let (login, hosts) = match authority.split_once('@') {
            Some((_, hosts)) if hosts.contains('@') => return Err(escaped('@', "%40")),
            Some((login, hosts)) => (login, hosts),
            None => ("", authority),
        };
        let (user, password) = match login.split_once(':') {
            Some((user, password)) => (user, Some(password)),
            None => (login, None),
        };
        let password = password.map(|text| decode("the password", text)).transpose()?;
        Ok(Self {
            user: not_empty(decode("the user's name", user)?),
            password: password.and_then(not_empty),
            hosts: read_hosts(hosts)?,
            ..Self::default()
        })
    }
}

/// Characters that stand nowhere in an address, and that an unescaped password brings in.
fn check_characters(rest: &str) -> Result<(), String> {
    if rest.contains('#') {
        return Err(escaped('#', "%23"));
    }
    if rest.contains(char::is_whitespace) {
        return Err(escaped(' ', "%20"));
    }
    Ok(())
}

fn escaped(character: char, code: &str) -> String {
    let name = if character == ' ' { "a space".into() } else { format!("{character:?}") };
    format!("contains {name} where it has no meaning: in a user's name or password, write {code}")
}

fn decode(what: &str, text: &str) -> Result<String, String> {
    let is_escape = |part: &str| part.as_bytes().iter().take(2).all(u8::is_ascii_hexdigit);
    if text.split('%').skip(1).any(|part| part.len() < 2 || !is_escape(part)) {
        return Err(format!(
            "{what} contains a percent sign that starts no escape: write %25 for a percent sign"
        ));
    }
    let decoded = percent_decode_str(text).decode_utf8();
    decoded.map(Into::into).map_err(|_| format!("{what} is not UTF-8 once it is unescaped"))
}

fn not_empty(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

/// Reads `HOST:PORT,HOST:PORT`; without any host, nothing.
pub(super) fn read_hosts(text: &str) -> Result<Vec<(String, u16)>, String> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    text.split(',').map(read_host).collect()
}

fn read_host(text: &str) -> Result<(String, u16), String> {
    let (host, port) = match text.strip_prefix('[').map(|rest| rest.split_once(']')) {
        Some(Some((host, rest))) => (host, rest.strip_prefix(':')),
        Some(None) => return Err("a host starts with [ and does not end with ]".into()),
        None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    let host = decode("a host", host)?;
    if host.is_empty() {
        return Err("a host has no name".into());
    }
    let is_address = text.starts_with('[') && is_ipv6(&host);
    // One that starts with a slash is the directory of a socket.
    if !host.starts_with('/') && !is_address && !is_name(&host) {
        return Err(format!("a host is not a name or an address; {BRACKETS}"));
    }
    Ok((host, port.map_or(Ok(PORT), read_port)?))
}

pub(super) fn read_port(text: &str) -> Result<u16, String> {
    // The text may be the end of a password that contains a colon or a comma.
    text.parse().ok().filter(|port| *port > 0).ok_or_else(|| {
        "a port is not a number from 1 to 65535; in a user's name or password, write %3A for : and %2C for ,".into()
    })
}

fn parameters(query: &str) -> Result<Vec<(String, String)>, String> {
    let read = |pair: &str| {
        let (key, value) = pair.split_once('=').ok_or("a parameter after ? has no value")?;
        Ok((decode("a parameter", key)?, decode("a parameter", value)?))
    };
    query.split('&').filter(|pair| !pair.is_empty()).map(read).collect()
}

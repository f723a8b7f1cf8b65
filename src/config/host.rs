//! A host and a port, as the addresses of servers name them.

use std::net::{Ipv4Addr, Ipv6Addr};

/// What messages say of IPv6 addresses, whose colons are not that before a port.
pub(crate) const BRACKETS: &str = "an IPv6 address stands in brackets";

/// A host, without brackets, and a port; `None` if they are none.
pub(crate) fn host_and_port(authority: &str, default: u16) -> Option<(&str, u16)> {
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port_of(port)?),
        Some(_) | None => (authority, default),
    };
    let (bare, is_host) = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => (address, is_ipv6(address)),
        None => (host, is_name(host)),
    };
    (port != 0 && is_host).then_some((bare, port))
}

/// Digits alone: a number's own parser takes a sign too.
fn port_of(text: &str) -> Option<u16> {
    text.parse().ok().filter(|_| !text.starts_with('+'))
}

/// An address, with the interface after a `%` if it is one of a link.
pub(super) fn is_ipv6(text: &str) -> bool {
    let (address, interface) = text.split_once('%').unwrap_or((text, "0"));
    address.parse::<Ipv6Addr>().is_ok() && is_label(interface)
}

/// A name, or an IPv4 address. What ends in a number is an address to every resolver.
pub(super) fn is_name(text: &str) -> bool {
    let mut labels = text.strip_suffix('.').unwrap_or(text).split('.');
    let is_number = |label: &str| label.bytes().all(|byte| byte.is_ascii_digit());
    match labels.clone().next_back() {
        Some(last) if is_number(last) => text.parse::<Ipv4Addr>().is_ok(),
        _ => text.len() <= 254 && labels.all(is_label),
    }
}

fn is_label(text: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let is_edged = text.starts_with('-') || text.ends_with('-');
    (1..=63).contains(&text.len()) && !is_edged && text.bytes().all(is_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_name_or_an_address_and_ipv6_stands_in_brackets() {
        for (text, host, port) in [
            ("h", "h", 1),
            ("hub.example.:8883", "hub.example.", 8883),
            ("a_b-c:2", "a_b-c", 2),
            ("127.0.0.1", "127.0.0.1", 1),
            ("4gw:3", "4gw", 3),
            ("[::1]", "::1", 1),
            ("[fe80::1%eth0]:4", "fe80::1%eth0", 4),
        ] {
            assert_eq!(host_and_port(text, 1), Some((host, port)), "{text}");
        }
        for wrong in [
            "",
            ":1",
            "h:",
            "h:0",
            "h:x",
            "h:+1",
            "h:65536",
            "127.0.0.1:1883:1883",
            "::1",
            "[::1",
            "::1]",
            "[]",
            "[h]",
            "[127.0.0.1]",
            "fe80::1",
            "[fe80::1%]",
            "a,b",
            "\"q\"",
            "h%zz",
            ".",
            "..",
            ".h",
            "h..h",
            "h..",
            "-h",
            "h-",
            "u@h",
            "h/p",
            "h h",
            "bücher",
            "1.2.3",
            "256.1.1.1",
            "1.2.3.4.5",
        ] {
            assert_eq!(host_and_port(wrong, 1), None, "{wrong}");
        }
        assert_eq!(host_and_port(&"x".repeat(64), 1), None);
        assert_eq!(host_and_port(&"x.".repeat(128), 1), None);
    }
}

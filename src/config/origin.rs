//! The origins of web pages, as browsers send them.

/// Whether a text can be the `Origin` of a request: it is compared with that byte by byte. A browser
/// leaves out the port that is the scheme's own.
pub(super) fn is_origin(text: &str) -> bool {
    let (own_port, authority) = match (text.strip_prefix("https://"), text.strip_prefix("http://"))
    {
        (Some(authority), _) => ("443", authority),
        (None, Some(authority)) => ("80", authority),
        (None, None) => return false,
    };
    match authority.rsplit_once(':').filter(|(_, port)| !port.ends_with(']')) {
        Some((host, port)) => is_host(host) && is_port(port) && port != own_port,
        None => is_host(authority),
    }
}

fn is_host(host: &str) -> bool {
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let is_plain = |byte| match byte {
        b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_' => true,
        byte => byte == b':' && address.is_some(),
    };
    !host.is_empty() && address.unwrap_or(host).bytes().all(is_plain)
}

fn is_port(port: &str) -> bool {
    port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_what_a_browser_sends() {
        for origin in [
            "https://shop.example",
            "http://desk:3000",
            "http://127.0.0.1:443",
            "http://[::1]:8080",
            "https://[fd00::1]",
            "https://xn--bcher-kva.example",
        ] {
            assert!(is_origin(origin), "{origin}");
        }
        for wrong in [
            "",
            "*",
            "null",
            "shop.example",
            "ftp://shop.example",
            "https://",
            "https://:8080",
            "https://*.shop.example",
            "https://shop.example/",
            "https://shop.example/page",
            "https://shop.example?x",
            "https://u@shop.example",
            "https://Shop.example",
            "HTTPS://shop.example",
            "https://shop.example:",
            "https://shop.example:x",
            "https://shop.example:80000",
            "https://shop.example:+1",
            "https://shop.example:443",
            "http://shop.example:80",
            "https://a:b:1",
            "https://[fd00::1",
            "https://[FD00::1]",
            "https://bücher.example",
            " https://shop.example",
        ] {
            assert!(!is_origin(wrong), "{wrong}");
        }
    }
}

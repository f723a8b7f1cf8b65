//! The origins of web pages, as browsers send them.

/// Whether a text can be the `Origin` of a request: it is compared with that byte by byte. A browser
/// leaves out the port that is the scheme's own. Applications with a web view have schemes of theirs.
pub(super) fn is_origin(text: &str) -> bool {
    let Some((scheme, authority)) = text.split_once("://") else { return false };
    let own_port = match scheme {
        "https" => "443",
        "http" => "80",
        _ => "",
    };
    is_scheme(scheme)
        && match authority.rsplit_once(':').filter(|(_, port)| !port.ends_with(']')) {
            Some((host, port)) => is_host(host) && is_port(port) && port != own_port,
            None => is_host(authority),
        }
}

fn is_scheme(scheme: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || b"+-.0123456789".contains(&byte);
    scheme.starts_with(|first: char| first.is_ascii_lowercase()) && scheme.bytes().all(is_plain)
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
            "capacitor://localhost",
            "chrome-extension://abcdefghijklmnop",
        ] {
            assert!(is_origin(origin), "{origin}");
        }
        for wrong in [
            "",
            "*",
            "null",
            "shop.example",
            "://shop.example",
            "7p://shop.example",
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

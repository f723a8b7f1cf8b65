//! Errors of TLS by their types, and by the side that reports them: what we reject of the broker's
//! certificate, and what the broker says of ours in an alert.
#![expect(clippy::wildcard_enum_match_arm, reason = "the enums of rustls grow")]

use rustls::{AlertDescription, CertificateError, Error};

use crate::clock::{rfc3339, wall_ms};

/// What is wrong, as the end of a sentence.
pub(super) fn sentence(error: &Error) -> String {
    match error {
        Error::InvalidCertificate(error) => certificate(error),
        Error::AlertReceived(alert) => alert_sentence(*alert),
        Error::InvalidMessage(_)
        | Error::InappropriateMessage { .. }
        | Error::InappropriateHandshakeMessage { .. }
        | Error::PeerSentOversizedRecord => "what answers there does not speak TLS".into(),
        Error::PeerIncompatible(_) => {
            "the broker has no version or cipher of TLS 1.2 or 1.3 in common with us".into()
        }
        other => other.to_string(),
    }
}

/// What to do about it.
pub(super) fn next_step(error: &Error) -> &'static str {
    match error {
        Error::InvalidCertificate(error) => certificate_step(error),
        Error::AlertReceived(alert) => alert_step(*alert),
        Error::InvalidMessage(_)
        | Error::InappropriateMessage { .. }
        | Error::InappropriateHandshakeMessage { .. }
        | Error::PeerSentOversizedRecord => {
            "mqtts:// needs a port that speaks TLS (mostly 8883); use mqtt:// for one that does not"
        }
        Error::PeerIncompatible(_) => "allow TLS 1.2 or 1.3 at the broker",
        _ => "look at the broker's log, which has the other side of it",
    }
}

/// What we reject of the broker's certificate.
fn certificate(error: &CertificateError) -> String {
    let here = rfc3339(wall_ms());
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => format!(
            "the broker's certificate has expired{}; the clock here says {here}: if that is wrong, set the clock, else renew the broker's certificate",
            date_of(error)
        ),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => format!(
            "the broker's certificate is not valid yet{}; the clock here says {here}: if that is wrong, set the clock, else wait or have the certificate issued again",
            date_of(error)
        ),
        CertificateError::UnknownIssuer => {
            "no authority that is trusted here (mqtt.ca_file, or without it those of the system) has issued the broker's certificate, or an intermediate certificate is missing".into()
        }
        CertificateError::BadSignature => {
            "a trusted authority has the name of the one that has issued the broker's certificate, but another key".into()
        }
        CertificateError::NotValidForName => {
            "the broker's certificate is not for the host in mqtt.url".into()
        }
        CertificateError::NotValidForNameContext { expected, presented } => {
            format!("the broker's certificate is not for the host {}: {}", expected.to_str(), named(presented))
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "the broker's certificate is not for a server".into()
        }
        CertificateError::Revoked => "the broker's certificate was revoked".into(),
        CertificateError::BadEncoding => "the broker's certificate cannot be read".into(),
        CertificateError::UnhandledCriticalExtension => {
            "the broker's certificate has a critical extension that is not supported here".into()
        }
        CertificateError::UnsupportedSignatureAlgorithmContext { .. } => {
            "the broker's certificate is signed by a method that is not supported here, such as SHA-1".into()
        }
        CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "the authority of the broker's certificate has a key of a kind that is not supported here, such as P-521".into()
        }
        error => match webpki_error(error) {
            Some(webpki::Error::UnsupportedCertVersion) => {
                "the broker's certificate is of version 1, which TLS does not use any more".into()
            }
            Some(webpki::Error::CaUsedAsEndEntity) => {
                "the broker's certificate is an authority's (CA:TRUE), and a server needs one of its own".into()
            }
            Some(webpki::Error::EndEntityUsedAsCa) => {
                "the broker's certificate was issued by a certificate that is not an authority's (CA)".into()
            }
            Some(other) => format!("the broker's certificate is not valid: {other}"),
            None => format!("the broker's certificate is not valid: {error}"),
        },
    }
}

/// The first names in a certificate, each of which comes as `Kind("name")`.
fn named(presented: &[String]) -> String {
    const NAMES: usize = 5;
    const NAME_CHARS: usize = 100;
    let name = |text: &String| -> String {
        let inner = text.split_once('(').map_or(text.as_str(), |(_, inner)| inner);
        inner.trim_end_matches(')').trim_matches('"').chars().take(NAME_CHARS).collect()
    };
    let names = presented.iter().take(NAMES).map(name).collect::<Vec<_>>().join(", ");
    match presented.len() {
        0 => "it names none".into(),
        1..=NAMES => format!("it names {names}"),
        all => format!("it names {names} and {} more", all - NAMES),
    }
}

fn certificate_step(error: &CertificateError) -> &'static str {
    const REISSUE: &str = "issue another certificate for the broker: version 3, its own key (RSA of 2048 bits or more, P-256, P-384 or Ed25519), CA:FALSE, for a server";
    match error {
        CertificateError::Expired
        | CertificateError::ExpiredContext { .. }
        | CertificateError::NotValidYet
        | CertificateError::NotValidYetContext { .. } => {
            "compare the clock with the certificate's dates: openssl s_client -connect HOST:PORT"
        }
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "set mqtt.ca_file to the authority that has issued the broker's certificate; intermediate certificates belong into the broker's certificate file, after its own"
        }
        CertificateError::UnsupportedSignatureAlgorithmContext { .. }
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "have the broker's certificate issued by an authority with a key of RSA, P-256, P-384 or Ed25519 that signs with SHA-256 or better, and set mqtt.ca_file to it"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "the host in mqtt.url must be one that the broker's certificate names"
        }
        _ => REISSUE,
    }
}

/// What the broker says of us.
fn alert_sentence(alert: AlertDescription) -> String {
    match alert {
        AlertDescription::CertificateExpired => {
            format!(
                "the broker says that our certificate has expired; the clock here says {}",
                rfc3339(wall_ms())
            )
        }
        AlertDescription::UnknownCA => {
            "the broker does not know the authority that has issued our certificate".into()
        }
        AlertDescription::CertificateRequired | AlertDescription::NoCertificate => {
            "the broker asks for a certificate, and we have none".into()
        }
        AlertDescription::BadCertificate | AlertDescription::CertificateUnknown => {
            "the broker does not accept our certificate".into()
        }
        AlertDescription::CertificateRevoked => {
            "the broker says that our certificate was revoked".into()
        }
        AlertDescription::UnsupportedCertificate => {
            "the broker does not support our kind of certificate, or it is not for a client".into()
        }
        AlertDescription::AccessDenied => "the broker denies access to our certificate".into(),
        AlertDescription::ProtocolVersion | AlertDescription::InsufficientSecurity => {
            "the broker supports neither TLS 1.2 nor TLS 1.3 with our ciphers".into()
        }
        AlertDescription::HandshakeFailure => {
            "the broker ends the handshake, having found no method that both sides support: its certificate has a key of a kind that is not supported here, such as P-521, or it asks for a certificate of ours"
                .into()
        }
        AlertDescription::UnrecognisedName => {
            "the broker does not know the host's name in mqtt.url".into()
        }
        AlertDescription::DecryptError => {
            "the broker cannot verify our signature: key and certificate do not belong together"
                .into()
        }
        AlertDescription::InternalError => "the broker reports an internal error".into(),
        other => format!("the broker ends it with the alert {other:?}"),
    }
}

fn alert_step(alert: AlertDescription) -> &'static str {
    match alert {
        AlertDescription::CertificateExpired => {
            "renew the certificate in mqtt.cert_file, then reload (SIGHUP); compare the clocks of both ends"
        }
        AlertDescription::UnknownCA
        | AlertDescription::BadCertificate
        | AlertDescription::CertificateUnknown
        | AlertDescription::CertificateRevoked
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::AccessDenied
        | AlertDescription::DecryptError => {
            "have cert_file and key_file issued by the authority that the broker trusts (Mosquitto: cafile), intermediates after our own certificate"
        }
        AlertDescription::HandshakeFailure => {
            "give the broker's certificate an RSA, P-256, P-384 or Ed25519 key; if the broker asks for certificates, set mqtt.cert_file and mqtt.key_file"
        }
        AlertDescription::CertificateRequired | AlertDescription::NoCertificate => {
            "set mqtt.cert_file and mqtt.key_file; the broker's administrator issues them"
        }
        AlertDescription::ProtocolVersion | AlertDescription::InsufficientSecurity => {
            "allow TLS 1.2 or 1.3 with a common cipher at the broker"
        }
        AlertDescription::UnrecognisedName => {
            "the host in mqtt.url must be one that the broker's certificate names"
        }
        _ => "look at the broker's log, which has the other side of it",
    }
}

fn date_of(error: &CertificateError) -> String {
    let on = |word: &str, time: rustls::pki_types::UnixTime| {
        let ms = i64::try_from(time.as_secs()).unwrap_or_default().saturating_mul(1_000);
        format!(" ({word} {})", rfc3339(ms))
    };
    match error {
        CertificateError::ExpiredContext { not_after, .. } => on("on", *not_after),
        CertificateError::NotValidYetContext { not_before, .. } => on("from", *not_before),
        _ => String::new(),
    }
}

fn webpki_error(error: &CertificateError) -> Option<&webpki::Error> {
    let CertificateError::Other(other) = error else { return None };
    other.0.downcast_ref()
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::ServerName;

    use super::*;

    #[test]
    fn a_certificate_of_another_host_is_told_by_the_names_in_it() {
        let expected = ServerName::try_from("broker.example").unwrap();
        let said = |presented: &[&str]| {
            let presented = presented.iter().map(|name| (*name).to_owned()).collect();
            let expected = expected.clone();
            certificate(&CertificateError::NotValidForNameContext { expected, presented })
        };
        let start = "the broker's certificate is not for the host broker.example: ";
        for (presented, names) in [
            (
                &["DnsName(\"a.example\")", "IpAddress(10.0.0.7)"][..],
                "it names a.example, 10.0.0.7",
            ),
            (&["Unsupported(0x81)"], "it names 0x81"),
            (&[], "it names none"),
        ] {
            assert_eq!(said(presented), format!("{start}{names}"));
        }
        let many: Vec<String> = (0..300).map(|n| format!("DnsName(\"{n}.example\")")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let first = "it names 0.example, 1.example, 2.example, 3.example, 4.example and 295 more";
        assert_eq!(said(&many), format!("{start}{first}"));
        let long = format!("DnsName(\"{}\")", "a".repeat(60_000));
        assert!(said(&[&long]).len() < 250);
    }

    #[test]
    fn every_error_of_a_certificate_has_a_sentence_of_its_own_and_a_step() {
        let errors = [
            CertificateError::BadEncoding,
            CertificateError::Expired,
            CertificateError::NotValidYet,
            CertificateError::Revoked,
            CertificateError::UnhandledCriticalExtension,
            CertificateError::UnknownIssuer,
            CertificateError::BadSignature,
            CertificateError::NotValidForName,
            CertificateError::InvalidPurpose,
        ];
        let said: std::collections::BTreeSet<_> = errors.iter().map(certificate).collect();
        assert_eq!(said.len(), errors.len(), "{said:?}");
        assert!(errors.iter().all(|error| !certificate_step(error).is_empty()));
    }
}

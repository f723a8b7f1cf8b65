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
            "the broker's certificate is not valid yet{}; the clock here says {here}, before the certificate begins: set the clock",
            date_of(error)
        ),
        CertificateError::UnknownIssuer => {
            "no authority in mqtt.ca_file has issued the broker's certificate, or an intermediate certificate is missing".into()
        }
        CertificateError::BadSignature => {
            "the authority in mqtt.ca_file has the name of the one that has issued the broker's certificate, but another key".into()
        }
        CertificateError::NotValidForName => {
            "the broker's certificate is not valid for name in mqtt.url".into()
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "the broker's certificate is not for a server".into()
        }
        CertificateError::Revoked => "the broker's certificate was revoked".into(),
        CertificateError::BadEncoding => "the broker's certificate cannot be read".into(),
        CertificateError::UnhandledCriticalExtension => {
            "the broker's certificate has a critical extension that is not supported here".into()
        }
        error if is_unsupported_key(error) => {
            "the broker's certificate has a kind of key or signature that is not supported here, such as P-521 or SHA-1".into()
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
            // Names the host and what the certificate has.
            None => format!("the broker's certificate is not valid: {error}")
                .replace("is not valid: certificate not valid for name", "is not valid for name"),
        },
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
            "mqtt.ca_file must hold the authority that has issued the broker's certificate; intermediate certificates belong into the broker's certificate file, after its own"
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
            "the broker finds nothing in common with us: its certificate has a key of a kind that is not supported here, such as P-521, or it wants a certificate of ours"
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

fn is_unsupported_key(error: &CertificateError) -> bool {
    matches!(
        error,
        CertificateError::UnsupportedSignatureAlgorithmContext { .. }
            | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. }
    )
}

fn webpki_error(error: &CertificateError) -> Option<&webpki::Error> {
    let CertificateError::Other(other) = error else { return None };
    other.0.downcast_ref()
}

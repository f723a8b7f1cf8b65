//! Why a connection to the broker has failed, by type, with a sentence and a next step for an
//! operator. docs/OPERATIONS.md lists them all.

use std::fmt;
use std::io;
use std::net::SocketAddr;

use rumqttc::mqttbytes::Error as PacketError;
use rumqttc::{ConnectReturnCode, StateError};

use super::tls_failure;

/// The next step if large messages do not get through and small ones do.
pub const RAISE_THE_LIMIT: &str = "raise the broker's limit to 64 KiB or more (Mosquitto: message_size_limit, max_packet_size), or that of a proxy before it";

/// The end of a connection to a broker, or of an attempt to connect.
#[derive(Debug)]
pub struct LinkError {
    /// Host and port.
    pub broker: String,
    pub client_id: String,
    pub failure: LinkFailure,
}

/// Why it has ended.
#[derive(Debug)]
pub enum LinkFailure {
    /// Name service has no address for the host.
    NameUnknown(io::Error),
    /// Name service fails, so nothing is known of the name.
    NameFailed(io::Error),
    /// Name service does not answer.
    NameUnanswered,
    /// No address of the host accepts a connection. The addresses are those of an earlier time if name
    /// service has failed now.
    Unreachable(Vec<Tried>, Option<Box<Self>>),
    /// TLS has failed, at either end.
    Tls(rustls::Error),
    /// The broker has closed the connection during the TLS handshake.
    ClosedInHandshake,
    /// What answers is not a broker.
    NotMqtt(Foreign),
    /// The broker has refused us; `None` for a code that MQTT 3.1.1 does not have.
    Refused(Option<ConnectReturnCode>),
    /// The broker has closed the connection instead of answering.
    ClosedAtOnce,
    /// What listens at the broker's address takes the connection and then says nothing.
    NoGreeting,
    /// The broker has fallen silent.
    Silent,
    /// The broker has denied the subscription to this topic filter.
    Denied(String),
    /// The broker has closed the connection.
    Closed,
    /// The connection has broken.
    Broken(io::Error),
    /// The broker has sent something that is not MQTT.
    Malformed(PacketError),
    /// The broker has sent a packet that does not fit the conversation.
    Protocol(StateError),
    /// This side has ended it.
    Ended,
}

/// An address that was tried.
#[derive(Debug)]
pub struct Tried {
    pub address: SocketAddr,
    /// Why it failed; `None` if there was no answer.
    pub error: Option<io::Error>,
}

/// What speaks another protocol than MQTT, by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Foreign {
    Http,
    Ssh,
    Tls,
    Unknown([u8; 4]),
}

impl Foreign {
    pub(super) fn of(first: [u8; 4]) -> Self {
        match &first {
            b"HTTP" => Self::Http,
            b"SSH-" => Self::Ssh,
            // An alert, or the start of a handshake.
            [0x15 | 0x16, 3, _, _] => Self::Tls,
            _ => Self::Unknown(first),
        }
    }
}

impl LinkFailure {
    /// An error while a connection is made secure.
    pub(super) fn in_handshake(error: io::Error) -> Self {
        if is_end(error.kind()) { Self::ClosedInHandshake } else { Self::of_io(error) }
    }

    /// An error before the broker has answered.
    pub(super) fn in_greeting(error: io::Error) -> Self {
        if is_end(error.kind()) { Self::ClosedAtOnce } else { Self::of_io(error) }
    }

    /// An error while packets are read or written.
    #[expect(clippy::wildcard_enum_match_arm, reason = "every other error is one of form")]
    pub(super) fn of_packet(error: PacketError) -> Self {
        match error {
            PacketError::Io(error) => Self::of_io(error),
            other => Self::Malformed(other),
        }
    }

    fn of_io(error: io::Error) -> Self {
        let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
        match tls {
            Some(tls) => Self::Tls(tls.clone()),
            None if error.kind() == io::ErrorKind::TimedOut => Self::Silent,
            None if is_end(error.kind()) => Self::Closed,
            None => Self::Broken(error),
        }
    }

    /// Whether no broker has answered: the network is down, or the broker is and what is before it, such
    /// as a login page or a proxy, answers in its place.
    pub fn is_unanswered(&self) -> bool {
        use rustls::Error::{InvalidCertificate, InvalidMessage};
        matches!(
            self,
            Self::Tls(InvalidCertificate(_) | InvalidMessage(_))
                | Self::NotMqtt(_)
                | Self::Refused(Some(ConnectReturnCode::ServiceUnavailable))
                | Self::Broken(_)
                | Self::NameUnknown(_)
                | Self::NameFailed(_)
                | Self::NameUnanswered
                | Self::Unreachable(..)
                | Self::ClosedInHandshake
                | Self::ClosedAtOnce
                | Self::NoGreeting
                | Self::Silent
        )
    }
}

impl fmt::Display for LinkError {
    /// The reason in words for an operator.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        sentence(f, &self.broker, &self.client_id, &self.failure)
    }
}

fn sentence(
    f: &mut fmt::Formatter<'_>,
    broker: &str,
    client_id: &str,
    failure: &LinkFailure,
) -> fmt::Result {
    match failure {
        LinkFailure::NameUnknown(error) => {
            write!(f, "the broker's name in {broker} cannot be resolved: {error}")
        }
        LinkFailure::NameFailed(error) => {
            write!(f, "name service fails for the broker's name in {broker}: {error}")
        }
        LinkFailure::NameUnanswered => {
            write!(
                f,
                "name service fails for the broker's name in {broker}: no name server resolves it in time"
            )
        }
        LinkFailure::Unreachable(tried, name) => {
            list(f, broker, tried)?;
            name.as_ref().map_or(Ok(()), |name| {
                write!(f, "; these are earlier addresses, and now ")?;
                sentence(f, broker, client_id, name)
            })
        }
        LinkFailure::Tls(error) => {
            write!(f, "TLS with the broker {broker} fails: {}", tls_failure::sentence(error))
        }
        LinkFailure::ClosedInHandshake => write!(
            f,
            "TLS with the broker {broker} fails: it closes the connection during the handshake"
        ),
        LinkFailure::NotMqtt(foreign) => {
            write!(f, "what answers at the broker's address {broker} {foreign}")
        }
        LinkFailure::Refused(code) => refused(f, broker, client_id, code.as_ref()),
        LinkFailure::ClosedAtOnce => {
            write!(f, "the broker {broker} closes the connection without an answer")
        }
        LinkFailure::NoGreeting => {
            write!(f, "what listens at {broker} accepts the connection and then says nothing")
        }
        LinkFailure::Silent => write!(f, "the broker {broker} does not answer in time"),
        LinkFailure::Denied(filter) => {
            let so = match filter.rsplit('/').next() {
                Some("state") => "the hub does not learn which gateways are online",
                Some("up") => "the hub hears no gateway",
                _ => "this gateway does not hear the hub",
            };
            write!(f, "the broker {broker} refuses the subscription to {filter}: {so}")
        }
        LinkFailure::Closed => {
            write!(f, "the connection to the broker {broker} was lost: the broker has closed it")
        }
        LinkFailure::Broken(error) => {
            write!(f, "the connection to the broker {broker} was lost: {error}")
        }
        LinkFailure::Malformed(error) => write!(
            f,
            "the connection to the broker {broker} was lost: it sends what is not MQTT: {error}"
        ),
        LinkFailure::Protocol(error) => {
            write!(f, "the connection to the broker {broker} was lost: {error}")
        }
        LinkFailure::Ended => {
            write!(f, "the connection to the broker {broker} was lost: it was ended here")
        }
    }
}

fn refused(
    f: &mut fmt::Formatter<'_>,
    broker: &str,
    client_id: &str,
    code: Option<&ConnectReturnCode>,
) -> fmt::Result {
    match code {
        Some(ConnectReturnCode::BadUserNamePassword) => {
            write!(f, "the broker {broker} refuses our username or password")
        }
        Some(ConnectReturnCode::NotAuthorized) => {
            write!(
                f,
                "the broker {broker} refuses us: our username, password or certificate is not authorized"
            )
        }
        Some(ConnectReturnCode::RefusedProtocolVersion) => {
            write!(f, "the broker {broker} refuses MQTT 3.1.1")
        }
        Some(ConnectReturnCode::BadClientId) => {
            write!(f, "the broker {broker} refuses our client id {client_id}")
        }
        Some(ConnectReturnCode::ServiceUnavailable) => {
            write!(f, "the broker {broker} refuses connections at the moment: it is not available")
        }
        Some(ConnectReturnCode::Success) | None => {
            write!(
                f,
                "the broker {broker} refuses us with a return code that MQTT 3.1.1 does not define"
            )
        }
    }
}

/// Lists what was tried. The address itself is named unless the broker's name has it.
fn list(f: &mut fmt::Formatter<'_>, broker: &str, tried: &[Tried]) -> fmt::Result {
    write!(f, "the broker {broker} cannot be reached: ")?;
    for (index, Tried { address, error }) in tried.iter().enumerate() {
        if index > 0 {
            write!(f, ", ")?;
        }
        let ip = address.ip().to_string();
        if tried.len() > 1 || !broker.starts_with(&ip) {
            write!(f, "{ip}: ")?;
        }
        match error {
            Some(error) => write!(f, "{error}")?,
            None => write!(f, "no answer")?,
        }
    }
    Ok(())
}

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http => f.write_str("speaks HTTP, not MQTT"),
            Self::Ssh => f.write_str("speaks SSH, not MQTT"),
            Self::Tls => f.write_str("speaks TLS, and mqtt:// is without TLS"),
            Self::Unknown(first) => write!(f, "does not speak MQTT (it starts with {first:02x?})"),
        }
    }
}

impl LinkError {
    /// Whether the broker has denied a subscription to this topic filter, by itself or shared.
    pub fn concerns(&self, filter: &str) -> bool {
        matches!(&self.failure, LinkFailure::Denied(denied) if denied.ends_with(filter))
    }

    /// What to do about it.
    pub fn next_step(&self) -> &'static str {
        const NETWORK: &str =
            "look at cable, modem, routes and firewall; gateways keep working without the hub";
        match &self.failure {
            LinkFailure::NameUnknown(_) => {
                "correct the host in mqtt.url or its record in DNS, or use an IP address"
            }
            LinkFailure::NameFailed(_) | LinkFailure::NameUnanswered => {
                "look at the name servers (/etc/resolv.conf) and the way to them, or use an IP address in mqtt.url; the name in it may be right"
            }
            LinkFailure::Unreachable(_, Some(name))
                if matches!(**name, LinkFailure::NameUnknown(_)) =>
            {
                "correct the host in mqtt.url or its record in DNS, or use an IP address"
            }
            LinkFailure::Unreachable(tried, _) if tried.iter().any(is_refusal) => {
                "nothing listens there: start the broker, or correct the port in mqtt.url"
            }
            LinkFailure::Unreachable(..) | LinkFailure::Silent | LinkFailure::Broken(_) => NETWORK,
            LinkFailure::Tls(error) => tls_failure::next_step(error),
            LinkFailure::ClosedInHandshake => {
                "use the broker's port for TLS (mostly 8883), or mqtt:// for a port without it; otherwise the broker's log says why"
            }
            LinkFailure::NotMqtt(Foreign::Unknown(_)) => {
                "mqtts:// needs a port that speaks MQTT over TLS (mostly 8883), mqtt:// one that speaks MQTT (mostly 1883)"
            }
            LinkFailure::NotMqtt(Foreign::Tls) => {
                "use mqtts:// in mqtt.url, or the broker's port without TLS"
            }
            LinkFailure::NotMqtt(Foreign::Http | Foreign::Ssh) => {
                "correct the port in mqtt.url: MQTT is mostly at 1883, with TLS at 8883"
            }
            LinkFailure::Refused(code) => refusal_step(code.as_ref()),
            LinkFailure::ClosedAtOnce => {
                "the broker's log says why: its limit of connections, a port for TLS (mqtts://), or a proxy whose broker is down"
            }
            LinkFailure::NoGreeting => {
                "restart a broker that hangs; otherwise correct the port in mqtt.url: MQTT is mostly at 1883, with TLS at 8883"
            }
            LinkFailure::Denied(filter) if filter.starts_with("$share/") => {
                "allow it in the broker's access rules; a broker without shared subscriptions takes one worker, with subscription = \"own\" under [hub]"
            }
            LinkFailure::Denied(_) => {
                "allow it in the broker's access rules: docs/OPERATIONS.md has a line for each topic"
            }
            LinkFailure::Closed => {
                "if it repeats, a second client uses our client id (two controllers under one name, two workers of one name), or the broker's log names a limit"
            }
            LinkFailure::Malformed(_) | LinkFailure::Protocol(_) => {
                "look at the broker's log and version; a proxy in between may change what passes"
            }
            LinkFailure::Ended => "nothing, if it was stopped; else send the log to the developers",
        }
    }
}

fn refusal_step(code: Option<&ConnectReturnCode>) -> &'static str {
    match code {
        Some(ConnectReturnCode::BadUserNamePassword | ConnectReturnCode::NotAuthorized) => {
            "check username and password_file, or cert_file and key_file, with the broker's administrator"
        }
        Some(ConnectReturnCode::RefusedProtocolVersion) => {
            "allow MQTT 3.1.1 at the broker; MQTT 5 alone is not enough"
        }
        Some(ConnectReturnCode::BadClientId) => {
            "allow the client id that is named here at the broker; docs/OPERATIONS.md says how client ids are made"
        }
        Some(ConnectReturnCode::ServiceUnavailable) => {
            "look at the broker: it answers, but its service is down or full"
        }
        Some(ConnectReturnCode::Success) | None => "look at the broker's log",
    }
}

/// Whether the other end has closed the connection.
fn is_end(kind: io::ErrorKind) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    matches!(kind, UnexpectedEof | ConnectionReset | ConnectionAborted | BrokenPipe)
}

fn is_refusal(tried: &Tried) -> bool {
    tried.error.as_ref().is_some_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}

#[cfg(test)]
mod tests {
    use rustls::{AlertDescription, CertificateError, Error};

    use super::*;

    #[test]
    fn what_answers_in_the_place_of_a_broker_counts_as_no_answer() {
        let unavailable = LinkFailure::Refused(Some(ConnectReturnCode::ServiceUnavailable));
        let foreign = [
            LinkFailure::NotMqtt(Foreign::Http),
            LinkFailure::Tls(Error::InvalidCertificate(CertificateError::NotValidForName)),
            LinkFailure::Tls(Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType)),
            LinkFailure::Broken(io::ErrorKind::HostUnreachable.into()),
            unavailable,
        ];
        assert!(foreign.iter().all(LinkFailure::is_unanswered), "{foreign:?}");
        let answers = [
            LinkFailure::Tls(Error::AlertReceived(AlertDescription::CertificateExpired)),
            LinkFailure::Refused(Some(ConnectReturnCode::BadUserNamePassword)),
            LinkFailure::Refused(Some(ConnectReturnCode::NotAuthorized)),
            LinkFailure::Closed,
        ];
        assert!(!answers.iter().any(LinkFailure::is_unanswered), "{answers:?}");
    }

    #[test]
    fn a_name_that_is_gone_is_named_beside_the_addresses_that_it_had() {
        let name = Box::new(LinkFailure::NameUnknown(io::Error::other("no such name")));
        let tried = vec![Tried { address: "10.0.0.1:1883".parse().unwrap(), error: None }];
        let failure = LinkFailure::Unreachable(tried, Some(name));
        let error = LinkError { broker: "b:1883".into(), client_id: "c".into(), failure };
        let text = error.to_string();
        assert!(text.contains("10.0.0.1: no answer; these are earlier addresses"), "{text}");
        assert!(text.contains("the broker's name in b:1883 cannot be resolved"), "{text}");
        assert!(error.next_step().contains("correct the host in mqtt.url"));
    }
}

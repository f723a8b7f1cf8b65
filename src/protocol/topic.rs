//! The MQTT topics of a gateway. A frame's origin is its topic, never its payload, so that one
//! line in a broker's rules keeps gateways out of each other's books.

use std::fmt;

/// A gateway, as topics name it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub struct Topic {
    /// The warehouse.
    pub site: String,
    /// The gateway within it.
    pub gateway: String,
}

/// The last level of a gateway's topics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// Gateway to hub.
    Up,
    /// Hub to gateway.
    Down,
    /// Retained, for everyone.
    State,
}

impl Topic {
    /// A filter for one channel of every gateway.
    pub fn all(channel: Channel) -> String {
        format!("stockgate/1/+/+/{channel}")
    }

    /// The topic of one channel.
    pub fn of(&self, channel: Channel) -> String {
        format!("stockgate/1/{}/{}/{channel}", self.site, self.gateway)
    }

    /// Takes a topic apart; `None` if it is no gateway's.
    pub fn parse(topic: &str) -> Option<(Self, Channel)> {
        let mut levels = topic.strip_prefix("stockgate/1/")?.split('/');
        let (site, gateway) = (name(levels.next()?)?, name(levels.next()?)?);
        let channel = match levels.next()? {
            "up" => Channel::Up,
            "down" => Channel::Down,
            "state" => Channel::State,
            _ => return None,
        };
        levels.next().is_none().then_some((Self { site, gateway }, channel))
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.site, self.gateway)
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Up => "up",
            Self::Down => "down",
            Self::State => "state",
        })
    }
}

/// Whether a text can name a site, a gateway or a client: it then stands in topics and in a
/// broker's rules without a meaning of its own.
pub fn is_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=64).contains(&text.len()) && text.bytes().all(allowed)
}

fn name(level: &str) -> Option<String> {
    is_name(level).then(|| level.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_names_its_gateway_and_channel() {
        let topic = Topic { site: "wh-01".into(), gateway: "gw.1".into() };
        for channel in [Channel::Up, Channel::Down, Channel::State] {
            assert_eq!(Topic::parse(&topic.of(channel)), Some((topic.clone(), channel)));
        }
    }

    #[test]
    fn other_topics_are_nobodys() {
        let long = format!("stockgate/1/{}/gw/up", "x".repeat(65));
        for other in [
            "stockgate/2/wh/gw/up",
            "stockgate/1/wh/gw",
            "stockgate/1/wh/gw/up/x",
            "stockgate/1//gw/up",
            "stockgate/1/w h/gw/up",
            "stockgate/1/wh/gw/side",
            "",
            &long,
        ] {
            assert_eq!(Topic::parse(other), None, "{other}");
        }
    }
}

//! The MQTT topics of a gateway: `stockgate/1/{site}/{gateway}/{channel}`.
//!
//! The origin of a frame is its topic, never its payload, so one line in a broker's access rules
//! keeps each gateway out of the books of the others.

use std::fmt;

use crate::stock::is_name;

const PREFIX: &str = "stockgate/1/";

/// Identifies a gateway across all sites.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub struct GatewayId {
    pub site: String,
    /// The gateway within the warehouse.
    pub gateway: String,
}

/// The last level of a gateway's topics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// Frames from the gateway to the hub.
    Up,
    /// Frames from the hub to the gateway.
    Down,
    /// The gateway's retained state, for any subscriber.
    State,
}

impl GatewayId {
    /// The topic on which `doctor` sends messages to itself.
    pub fn probe_topic(&self) -> String {
        format!("{PREFIX}{self}/probe")
    }

    /// The topic of one channel.
    pub fn topic(&self, channel: Channel) -> String {
        format!("{PREFIX}{}/{}/{channel}", self.site, self.gateway)
    }
}

/// The filter for one channel of every gateway.
pub fn topic_filter(channel: Channel) -> String {
    format!("{PREFIX}+/+/{channel}")
}

/// A filter whose messages the broker distributes among the clients of a group.
pub fn shared_filter(group: &str, filter: &str) -> String {
    format!("$share/{group}/{filter}")
}

/// Reads a topic; `None` if it is not a gateway's.
pub fn parse_topic(topic: &str) -> Option<(GatewayId, Channel)> {
    let mut levels = topic.strip_prefix(PREFIX)?.split('/');
    let (site, gateway) = (name(levels.next()?)?, name(levels.next()?)?);
    let channel = match levels.next()? {
        "up" => Channel::Up,
        "down" => Channel::Down,
        "state" => Channel::State,
        _ => return None,
    };
    levels.next().is_none().then_some((GatewayId { site, gateway }, channel))
}

fn name(level: &str) -> Option<String> {
    is_name(level).then(|| level.to_owned())
}

impl fmt::Display for GatewayId {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_names_its_gateway_and_channel() {
        let gateway = GatewayId { site: "wh-01".into(), gateway: "gw.1".into() };
        for channel in [Channel::Up, Channel::Down, Channel::State] {
            assert_eq!(parse_topic(&gateway.topic(channel)), Some((gateway.clone(), channel)));
        }
        assert_eq!(gateway.topic(Channel::Down), "stockgate/1/wh-01/gw.1/down");
        assert_eq!(gateway.to_string(), "wh-01/gw.1");
        assert_eq!(topic_filter(Channel::Up), "stockgate/1/+/+/up");
    }

    #[test]
    fn a_topic_of_any_other_shape_is_refused() {
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
            assert_eq!(parse_topic(other), None, "{other}");
        }
    }
}

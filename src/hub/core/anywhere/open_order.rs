//! A sale or reservation from anywhere that waits for units which were recalled for it.

use serde::{Deserialize, Serialize};

use crate::hub::core::central_request::CentralRequest;
use crate::protocol::topic::GatewayId;
use crate::stock::{Action, Cause, Line, OptionalTrace, OrderId, RequestId};

/// The part of an order's time after which an unanswered recall counts as late.
const LATE_PART: i64 = 3;
/// The time that a gateway has for its answer, whatever time an order has: a client in a hurry is no
/// reason to leave the gateway out.
const MISSED_MS: i64 = 250;

/// What becomes of the units. The order of the variants is on disk: append only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Purpose {
    /// They are sold.
    Sale,
    /// They are reserved in the pool.
    Reservation {
        /// The lifetime in seconds; `None` for the default one.
        ttl_s: Option<u64>,
    },
}

impl Purpose {
    /// What is asked of the pool once the units are there.
    pub(super) fn request(self, order_id: Option<OrderId>, lines: Vec<Line>) -> CentralRequest {
        match self {
            Self::Sale => CentralRequest::Deduct { order_id, lines },
            Self::Reservation { ttl_s } => {
                let action = Action::Reserve { order_id, lines, ttl_s };
                CentralRequest::Order { action, chosen: true }
            }
        }
    }
}

/// Such an order. It is stored until it is decided, so that any worker can go on with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenOrder {
    pub purpose: Purpose,
    pub order_id: Option<OrderId>,
    pub lines: Vec<Line>,
    /// Sites, or `site/gateway`, the most preferred first.
    pub prefer: Vec<String>,
    pub wait_ms: u32,
    /// How long it may take.
    pub time_ms: u32,
    pub cause: Cause,
    /// When its time is over, in milliseconds since 1970.
    pub deadline_ms: i64,
    pub asked: Vec<Asked>,
}

/// A recall that was issued for an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    pub gateway: GatewayId,
    /// The request id of the recall.
    pub recall: RequestId,
    pub at_ms: i64,
    pub lines: Vec<Line>,
    /// Whether the gateway has answered.
    pub answered: bool,
}

impl OpenOrder {
    /// The place of a gateway in the order of preference.
    pub(super) fn rank(&self, gateway: &GatewayId) -> usize {
        let is_it = |preferred: &String| match preferred.split_once('/') {
            Some((site, name)) => gateway.site == site && gateway.gateway == name,
            None => gateway.site == *preferred,
        };
        self.prefer.iter().position(is_it).unwrap_or(self.prefer.len())
    }

    /// Whether a gateway should have answered by now.
    pub(super) fn is_late(&self, asked: &Asked, now_ms: i64) -> bool {
        now_ms >= asked.at_ms.saturating_add(self.late_ms())
    }

    /// Whether a gateway has not answered in a time in which it can.
    pub(super) fn is_missed(&self, asked: &Asked, now_ms: i64) -> bool {
        now_ms >= asked.at_ms.saturating_add(self.late_ms().max(MISSED_MS))
    }

    fn late_ms(&self) -> i64 {
        (i64::from(self.time_ms) / LATE_PART).max(1)
    }

    /// When something is to be done about it, should nothing come before.
    pub(super) fn next_ms(&self, now_ms: i64) -> i64 {
        let open = self.asked.iter().filter(|asked| asked.is_open());
        let late = open.map(|asked| asked.at_ms.saturating_add(self.late_ms()));
        let next = late.filter(|at_ms| *at_ms > now_ms).min();
        next.unwrap_or(i64::MAX).min(self.deadline_ms)
    }
}

impl Asked {
    pub(super) fn is_open(&self) -> bool {
        !self.answered
    }
}

/// An open order as it is stored, with the traces of its lines. The order of the fields is that of
/// the stored bytes.
#[derive(Debug, Serialize, Deserialize)]
struct StoredOrder {
    order_id: Option<OrderId>,
    lines: Vec<(Line, OptionalTrace)>,
    prefer: Vec<String>,
    wait_ms: u32,
    cause: Cause,
    asked: Vec<Asked>,
}

/// What is stored behind it. Earlier versions have nothing there.
#[derive(Debug, Serialize, Deserialize)]
struct StoredBehind {
    purpose: Purpose,
    time_ms: u32,
}

impl OpenOrder {
    /// The order without its deadline, as it is stored.
    pub fn stored(&self) -> postcard::Result<Vec<u8>> {
        let Self { order_id, prefer, wait_ms, cause, asked, .. } = self.clone();
        let lines = self.lines.iter().map(|line| (line.clone(), line.trace.clone())).collect();
        let stored = StoredOrder { order_id, lines, prefer, wait_ms, cause, asked };
        let behind = StoredBehind { purpose: self.purpose, time_ms: self.time_ms };
        postcard::to_extend(&behind, postcard::to_stdvec(&stored)?)
    }

    /// The order that is stored in these bytes, with this deadline.
    ///
    /// # Errors
    /// If they are damaged.
    pub fn of_stored(bytes: &[u8], deadline_ms: i64) -> postcard::Result<Self> {
        let (stored, behind) = postcard::take_from_bytes::<StoredOrder>(bytes)?;
        let StoredOrder { order_id, lines, prefer, wait_ms, cause, asked } = stored;
        let StoredBehind { purpose, time_ms } = match behind {
            [] => StoredBehind { purpose: Purpose::Sale, time_ms: wait_ms },
            behind => postcard::from_bytes(behind)?,
        };
        let lines = lines.into_iter().map(|(line, trace)| Line { trace, ..line }).collect();
        Ok(Self { purpose, order_id, lines, prefer, wait_ms, time_ms, cause, deadline_ms, asked })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::core::anywhere::tests::{asked, order};

    #[test]
    fn a_recall_of_an_order_in_a_hurry_is_late_before_it_is_missed() {
        let (hurried, asked) = (OpenOrder { time_ms: 30, ..order(&[]) }, asked("a", 4, 7));
        assert!(hurried.is_late(&asked, 17) && !hurried.is_missed(&asked, 256));
        assert!(hurried.is_missed(&asked, 257));
        assert!(!order(&[]).is_missed(&asked, 306) && order(&[]).is_missed(&asked, 307));
    }

    #[test]
    fn an_order_is_stored_whole_and_one_of_an_earlier_version_is_a_sale() {
        let mut kept = order(&["wh/a"]);
        kept.asked.push(asked("a", 4, 7));
        kept.purpose = Purpose::Reservation { ttl_s: Some(60) };
        kept.time_ms = 300;
        let bytes = kept.stored().unwrap();
        assert_eq!(OpenOrder::of_stored(&bytes, 900).unwrap(), kept);

        let (_, behind) = postcard::take_from_bytes::<StoredOrder>(&bytes).unwrap();
        let earlier = &bytes[..bytes.len() - behind.len()];
        let sale = OpenOrder { purpose: Purpose::Sale, time_ms: kept.wait_ms, ..kept };
        assert_eq!(OpenOrder::of_stored(earlier, 900).unwrap(), sale);
    }
}

//! Gateways that do not answer the recalls of sales in time are asked for nothing for a while.

use std::collections::{BTreeMap, BTreeSet};

use crate::protocol::topic::GatewayId;

/// Recalls in a row that are not answered in time, after which a gateway is left out.
const MISSED_MAX: u32 = 3;
/// How long it is left out the first time; each further time is twice as long.
const PAUSE_MS: u64 = 30_000;
const PAUSE_MS_MAX: u64 = 600_000;

/// What is known of the gateways that have missed recalls lately. Times are running time.
#[derive(Debug, Default)]
pub struct Breaker {
    gateways: BTreeMap<GatewayId, Missed>,
}

#[derive(Debug, Default)]
struct Missed {
    /// In a row.
    recalls: u32,
    /// How often it was left out since its last answer.
    times: u32,
    until_ms: u64,
}

impl Breaker {
    /// Notes that a gateway has answered a recall, early or late, or is online again; or that it has not
    /// in time. After a pause, one more that is missed leads to the next.
    pub fn note(&mut self, gateway: &GatewayId, is_answered: bool, now_ms: u64) {
        if is_answered {
            self.gateways.remove(gateway);
            return;
        }
        let missed = self.gateways.entry(gateway.clone()).or_default();
        missed.recalls += 1;
        if missed.recalls >= MISSED_MAX && missed.until_ms <= now_ms {
            let pause_ms = PAUSE_MS.saturating_mul(1 << missed.times.min(16)).min(PAUSE_MS_MAX);
            missed.until_ms = now_ms.saturating_add(pause_ms);
            missed.times += 1;
        }
    }

    /// The gateways that are left out at this time.
    pub fn left_out(&self, now_ms: u64) -> BTreeSet<GatewayId> {
        let open = self.gateways.iter().filter(|(_, missed)| missed.until_ms > now_ms);
        open.map(|(gateway, _)| gateway.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gateway_that_misses_recalls_is_left_out_for_longer_each_time_until_it_answers() {
        let gateway = GatewayId { site: "wh".into(), gateway: "gw".into() };
        let mut breaker = Breaker::default();
        let is_out = |breaker: &Breaker, now_ms| breaker.left_out(now_ms).contains(&gateway);
        breaker.note(&gateway, false, 0);
        breaker.note(&gateway, false, 0);
        assert!(!is_out(&breaker, 0));
        breaker.note(&gateway, false, 0);
        assert!(is_out(&breaker, PAUSE_MS - 1) && !is_out(&breaker, PAUSE_MS));
        breaker.note(&gateway, false, PAUSE_MS);
        assert!(is_out(&breaker, 3 * PAUSE_MS - 1) && !is_out(&breaker, 3 * PAUSE_MS));
        breaker.note(&gateway, true, 3 * PAUSE_MS);
        breaker.note(&gateway, false, 3 * PAUSE_MS);
        assert!(!is_out(&breaker, 3 * PAUSE_MS), "it counts from the beginning");
    }
}

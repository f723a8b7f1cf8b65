//! What one gateway may cost the hub within a time: so that one that makes things up slows itself
//! down, and nobody else.
//!
//! Each quota is a bucket of tokens that fills up steadily. An honest gateway stays far below; one
//! that does not waits, and loses nothing.

use std::collections::BTreeMap;

use crate::limits::HUB_GATEWAYS_MAX;
use crate::protocol::topic::GatewayId;

/// What is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quota {
    /// Databases beside the first one.
    Databases,
    /// SKUs that neither the books nor the catalogue know.
    Skus,
    /// SKUs that are compared in a search for drift.
    Compared,
    /// Frames that lead to no new entry.
    Frames,
    /// Frames that the books cannot hold.
    Rejections,
}

impl Quota {
    pub const ALL: [Self; 5] =
        [Self::Databases, Self::Skus, Self::Compared, Self::Frames, Self::Rejections];

    /// The name, as in the metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Databases => "databases",
            Self::Skus => "skus",
            Self::Compared => "compared",
            Self::Frames => "frames",
            Self::Rejections => "rejections",
        }
    }

    /// The size of the bucket, and the microseconds in which one token is added.
    fn size(self) -> (u64, u64) {
        match self {
            Self::Databases => (8, 600_000_000),
            Self::Skus => (10_000, 50_000),
            Self::Compared => (1_000_000, 200),
            Self::Frames => (1_000, 50_000),
            Self::Rejections => (1, 10_000_000),
        }
    }
}

/// What all gateways have left.
#[derive(Clone, Debug, Default)]
pub struct Quotas {
    /// For each quota, the running time in microseconds at which its bucket is full again.
    full_at_us: BTreeMap<GatewayId, [u64; Quota::ALL.len()]>,
}

impl Quotas {
    /// The tokens that a gateway has left at this running time in milliseconds.
    pub fn left(&self, gateway: &GatewayId, quota: Quota, now_ms: u64) -> u64 {
        let (most, every_us) = quota.size();
        let full_at_us = self.full_at_us.get(gateway).map_or(0, |of| of[quota as usize]);
        let missing_us = full_at_us.saturating_sub(now_ms.saturating_mul(1_000));
        most.saturating_sub(missing_us.div_ceil(every_us))
    }

    /// Takes tokens. What was more than there were has to be waited for.
    pub fn charge(&mut self, gateway: &GatewayId, quota: Quota, tokens: u64, now_ms: u64) {
        if tokens == 0 {
            return;
        }
        let now_us = now_ms.saturating_mul(1_000);
        if self.full_at_us.len() >= HUB_GATEWAYS_MAX {
            self.full_at_us.retain(|_, of| of.iter().any(|full_at_us| *full_at_us > now_us));
        }
        let of = self.full_at_us.entry(gateway.clone()).or_default();
        let full_at_us = &mut of[quota as usize];
        let cost_us = tokens.saturating_mul(quota.size().1);
        *full_at_us = now_us.max(*full_at_us).saturating_add(cost_us);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::hub::core::tests::test_hub::named;

    #[test]
    fn a_full_bucket_is_taken_at_once_and_fills_up_steadily() {
        let (mut quotas, gateway) = (Quotas::default(), named("gw"));
        assert_eq!(quotas.left(&gateway, Quota::Skus, 0), 10_000);
        quotas.charge(&gateway, Quota::Skus, 10_000, 0);
        let left = |ms| quotas.left(&gateway, Quota::Skus, ms);
        assert_eq!([left(0), left(49), left(50), left(60_000)], [0, 0, 1, 1_200]);
        assert_eq!(left(u64::MAX), 10_000, "and no further");
        assert_eq!(quotas.left(&named("other"), Quota::Skus, 0), 10_000);
        assert_eq!(quotas.left(&gateway, Quota::Databases, 0), 8);
    }

    #[test]
    fn what_was_more_than_there_was_has_to_be_waited_for() {
        let (mut quotas, gateway) = (Quotas::default(), named("gw"));
        quotas.charge(&gateway, Quota::Rejections, 3, 0);
        let left = |ms| quotas.left(&gateway, Quota::Rejections, ms);
        assert_eq!([left(20_000), left(30_000)], [0, 1]);
    }

    #[test]
    fn gateways_with_full_buckets_take_no_place() {
        let mut quotas = Quotas::default();
        for n in 0..HUB_GATEWAYS_MAX {
            quotas.charge(&named(&n.to_string()), Quota::Frames, 1, 0);
        }
        quotas.charge(&named("late"), Quota::Frames, 1, 1_000);
        assert_eq!(quotas.full_at_us.len(), 1);
    }

    proptest! {
        /// Within any time, no gateway gets more than a bucket and what was added meanwhile.
        #[test]
        fn no_gateway_gets_more_than_its_share(
            steps in prop::collection::vec((0..400_u64, 0..3_000_u64), 1..60)
        ) {
            let (mut quotas, gateway) = (Quotas::default(), named("gw"));
            let (mut now_ms, mut got) = (0, 0);
            for (wait_ms, wanted) in steps {
                now_ms += wait_ms;
                let tokens = wanted.min(quotas.left(&gateway, Quota::Frames, now_ms));
                quotas.charge(&gateway, Quota::Frames, tokens, now_ms);
                got += tokens;
                prop_assert!(got <= 1_000 + now_ms / 50, "{got} after {now_ms} ms");
            }
        }
    }
}

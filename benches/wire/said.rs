//! What entries say beside their units, and what that takes on the wire.

use std::collections::HashMap;

use stockgate::protocol::columns;
use stockgate::protocol::wire::Version;
use stockgate::stock::{Actor, Entry, Lot, Reason, Trace};

/// Header, epoch, digest, chain, first position and number of entries.
pub(crate) const FRAME_BYTES: usize = 12 + 16 + 8 + 32 + 8;

/// What entries say, and the bytes an entry that they may take more than those that say nothing; these
/// may take as many more than in version 1 of the protocol.
pub(crate) const SAID: [(&str, Said, f64); 5] = [
    ("nothing", Said::Nothing, 0.1),
    ("an actor", Said::Actor, 0.5),
    ("an actor and a reason", Said::ActorAndReason, 0.5),
    ("a lot at random", Said::RandomLots, 2.0),
    ("a lot by SKU and delivery", Said::LotsBySku, 2.0),
];

/// What entries say beside their units.
#[derive(Clone, Copy)]
pub(crate) enum Said {
    Nothing,
    Actor,
    ActorAndReason,
    RandomLots,
    LotsBySku,
}

/// The bytes an entry takes in frames of 1,000.
pub(crate) fn bytes_an_entry(entries: &[Entry], version: Version) -> f64 {
    let head = if version == Version::V1 { FRAME_BYTES - 24 } else { FRAME_BYTES };
    let frames = entries.chunks(1_000);
    let bytes: usize = frames.map(|batch| head + columns::encode(batch, version).len()).sum();
    bytes as f64 / entries.len() as f64
}

impl Said {
    pub(crate) fn entries(self, entries: &[Entry]) -> Vec<Entry> {
        let mut random = fastrand::Rng::with_seed(11);
        let mut deliveries = HashMap::new();
        let (mut order, mut actor, mut reason) = (None, 0, 0);
        let said = entries.iter().map(|entry| {
            if order != entry.order_id {
                (actor, reason) = (random.u32(0..6), random.u32(0..20));
                order.clone_from(&entry.order_id);
            }
            let mut entry = entry.clone();
            let lot = match self {
                Self::Nothing => None,
                Self::Actor | Self::ActorAndReason => {
                    entry.cause.actor = Actor::parse(&format!("line-{actor}")).ok();
                    if let Self::ActorAndReason = self {
                        entry.cause.reason = Reason::parse(&format!("reason {reason}")).ok();
                    }
                    None
                }
                Self::RandomLots => Some(random.u32(0..500)),
                Self::LotsBySku => {
                    let lot = deliveries.entry(entry.sku.clone()).or_insert(0);
                    if random.u32(0..50) == 0 {
                        *lot = random.u32(0..500);
                    }
                    Some(*lot)
                }
            };
            let lot = lot.map(|lot| Lot::parse(&format!("L26{lot:04}")).expect("it is an id"));
            entry.trace = Trace::of(lot, None, None);
            entry
        });
        said.collect()
    }
}

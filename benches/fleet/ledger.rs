//! The ledger of a gateway that is played: orders, the checks after them, and the frames they fill.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use stockgate::clock::wall_ms;
use stockgate::limits::FRAME_ENTRIES_MAX;
use stockgate::protocol::Frame;
use stockgate::protocol::frame::{Entries, Epoch};
use stockgate::protocol::wire::Wire;
use stockgate::stock::{Cause, Chain, Checks, Entry, Kind, OrderId, RequestId, Sku, Taken};
use uuid::Uuid;

use crate::load::zipf::Zipf;

/// What is received of a SKU before the first units of it are sold.
const RECEIVED: i64 = 1_000;

/// What gateways sell: SKUs by Zipf's law.
pub(crate) struct Goods {
    skus: Vec<Sku>,
    drawn: Zipf,
}

impl Goods {
    pub(crate) fn new(count: usize) -> Arc<Self> {
        let skus = (0..count).map(|n| Sku::parse(&format!("SKU-{n:06}")).unwrap()).collect();
        Arc::new(Self { skus, drawn: Zipf::new(count) })
    }

    fn at(&self, place: usize) -> &Sku {
        &self.skus[self.drawn.at(place) as usize]
    }
}

/// A frame that is to be sent, or was sent and is not acknowledged.
pub(crate) struct Sealed {
    pub(crate) last_seq: u64,
    pub(crate) bytes: Vec<u8>,
    /// When its first entry was made.
    pub(crate) since: Instant,
}

pub(crate) struct Ledger {
    pub(crate) epoch: Epoch,
    pub(crate) seq: u64,
    pub(crate) checks: Checks,
    goods: Arc<Goods>,
    /// The next place in the sequence of goods.
    place: usize,
    stock: HashMap<Sku, i64>,
    /// Entries that are in no frame yet.
    open: Vec<Entry>,
    since: Instant,
}

impl Ledger {
    /// The ledger of the gateway with this number.
    pub(crate) fn new(number: usize, goods: &Arc<Goods>) -> Self {
        let epoch = Uuid::from_u128(number as u128 + 1).into();
        let checks = Checks { chain: Chain::default().upgraded(0), ..Checks::default() };
        Self {
            epoch,
            seq: 0,
            checks,
            goods: Arc::clone(goods),
            place: number * 4_099,
            stock: HashMap::new(),
            open: Vec::new(),
            since: Instant::now(),
        }
    }

    /// Sells one unit of each of so many lines. What is sold for the first time is received before.
    pub(crate) fn order(&mut self, lines: usize) {
        let order = OrderId::parse(&format!("order-{}", self.place)).unwrap();
        let request = request_id();
        for _ in 0..lines {
            let sku = self.goods.at(self.place).clone();
            self.place += 1;
            if self.stock.get(&sku).copied().unwrap_or_default() == 0 {
                self.enter(Kind::Restock, &sku, RECEIVED, None, &request_id());
            }
            self.enter(Kind::Deduct, &sku, -1, Some(&order), &request);
        }
    }

    /// Appends an entry.
    pub(crate) fn enter(
        &mut self,
        kind: Kind,
        sku: &Sku,
        change: i64,
        order: Option<&OrderId>,
        request: &RequestId,
    ) {
        if self.open.is_empty() {
            self.since = Instant::now();
        }
        self.seq += 1;
        let entry = Entry {
            seq: self.seq,
            kind,
            sku: sku.clone(),
            change,
            reserved_change: 0,
            order_id: order.cloned(),
            request_id: request.clone(),
            at_ms: wall_ms(),
            clock_trusted: true,
            cause: Cause::default(),
            trace: None,
        };
        let on_hand = self.stock.entry(sku.clone()).or_default();
        let before = *on_hand;
        *on_hand += change;
        self.checks.digest = self.checks.digest.moved(sku, (before, 0), (*on_hand, 0));
        self.checks.chain = self.checks.chain.with(&entry);
        self.open.push(entry);
    }

    /// Whether the open entries fill a frame, up to one more order.
    pub(crate) fn is_full(&self) -> bool {
        self.open.len() + 32 > FRAME_ENTRIES_MAX
    }

    pub(crate) fn has_open(&self) -> bool {
        !self.open.is_empty()
    }

    /// Takes the open entries.
    pub(crate) fn take(&mut self) -> Vec<Entry> {
        std::mem::take(&mut self.open)
    }

    /// Makes a frame of the open entries.
    pub(crate) fn seal(&mut self, taken: Taken) -> Sealed {
        let (epoch, checks, entries) = (self.epoch, self.checks, self.take());
        let frame = Frame::Entries(Entries { epoch, checks, taken, entries, decimals: None });
        Sealed { last_seq: self.seq, bytes: frame.encode(Wire::UP), since: self.since }
    }

    /// Fills frames until there are so many entries in the ledger.
    pub(crate) fn fill(&mut self, entries: u64) -> Vec<Sealed> {
        let mut frames = Vec::new();
        while self.seq < entries {
            self.order(3);
            if self.is_full() || self.seq >= entries {
                frames.push(self.seal(Taken::default()));
            }
        }
        frames
    }
}

fn request_id() -> RequestId {
    let bits = u128::from(fastrand::u64(..)) << 64 | u128::from(fastrand::u64(..));
    let uuid = uuid::Builder::from_random_bytes(bits.to_be_bytes()).into_uuid();
    RequestId::parse(&uuid.to_string()).unwrap()
}

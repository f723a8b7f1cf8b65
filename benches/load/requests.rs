//! The requests of one client: ids, SKUs and retries.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::zipf::Zipf;

/// The length of the longest id.
const ID_BYTES: usize = 36;
const SEQUENTIAL_ID_BYTES: usize = 18;
const SKU_BYTES: usize = 8;
const REPEAT_EVERY: usize = 100;
/// A retry repeats one of this many last requests, which has been answered.
const REPEAT_BEHIND: usize = 4_096;

/// Keeps the ids of all clients of a process distinct.
static CLIENTS: AtomicU64 = AtomicU64::new(1);

/// The kind of request ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ids {
    /// By random UUIDs.
    Uuid,
    /// The client and a counter.
    Sequential,
}

impl Ids {
    /// The kind with this name on the command line.
    pub fn named(name: &str) -> Self {
        if name == "uuid" { Self::Uuid } else { Self::Sequential }
    }
}

/// A deduction of one unit of one SKU.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    id: [u8; ID_BYTES],
    id_bytes: usize,
    sku: [u8; SKU_BYTES],
}

impl Request {
    /// The request id.
    pub fn id(&self) -> &str {
        std::str::from_utf8(self.id_bytes()).unwrap()
    }

    /// The same in bytes.
    pub fn id_bytes(&self) -> &[u8] {
        &self.id[..self.id_bytes]
    }

    /// The name of the SKU.
    pub fn sku(&self) -> &str {
        std::str::from_utf8(&self.sku).unwrap()
    }
}

/// The text of a SKU: an `S` and seven digits. Formatted by hand, because every request needs one.
fn sku_bytes(mut number: u32) -> [u8; SKU_BYTES] {
    let mut name = *b"S0000000";
    for digit in name[1..].iter_mut().rev() {
        *digit += (number % 10) as u8;
        number /= 10;
    }
    name
}

/// The same as a text.
pub fn sku_name(number: usize) -> String {
    String::from_utf8(sku_bytes(number as u32).into()).unwrap()
}

/// An endless sequence of requests with ids that no other client of this process uses.
#[derive(Debug)]
pub struct Requests {
    skus: Arc<Zipf>,
    ids: Ids,
    client: u64,
    random: fastrand::Rng,
    place: usize,
    asked: usize,
    /// The newest ones, for retries, and the index of the oldest of them.
    newest: Vec<Request>,
    oldest: usize,
}

impl Requests {
    /// The requests of a new client.
    pub fn new(skus: &Arc<Zipf>, ids: Ids) -> Self {
        let client = CLIENTS.fetch_add(1, Ordering::Relaxed);
        let mut random = fastrand::Rng::with_seed(client);
        let (skus, place) = (Arc::clone(skus), random.usize(..1 << 20));
        Self { skus, ids, client, random, place, asked: 0, newest: Vec::new(), oldest: 0 }
    }

    fn fresh(&mut self) -> Request {
        self.place += 1;
        let mut id = [0; ID_BYTES];
        let id_bytes = match self.ids {
            Ids::Uuid => {
                let bytes = self.random.u128(..).to_le_bytes();
                let uuid = uuid::Builder::from_random_bytes(bytes).into_uuid();
                uuid.hyphenated().encode_lower(&mut id).len()
            }
            Ids::Sequential => {
                write!(&mut id[..], "t{:06}-{:010}", self.client, self.asked).unwrap();
                SEQUENTIAL_ID_BYTES
            }
        };
        Request { id, id_bytes, sku: sku_bytes(self.skus.at(self.place)) }
    }
}

impl Iterator for Requests {
    type Item = Request;

    fn next(&mut self) -> Option<Request> {
        self.asked += 1;
        if self.asked.is_multiple_of(REPEAT_EVERY) {
            return self.newest.get(self.oldest).copied();
        }
        let request = self.fresh();
        if self.newest.len() < REPEAT_BEHIND {
            self.newest.push(request);
        } else {
            self.newest[self.oldest] = request;
            self.oldest = (self.oldest + 1) % REPEAT_BEHIND;
        }
        Some(request)
    }
}

//! The mutations that a client may ask for.

use std::borrow::Cow;

use hashbrown::HashMap;
use serde::Serialize;
use xxhash_rust::xxh3::xxh3_64;

use super::line::Line;
use super::trace::{Cause, OptionalTrace};
use super::types::{OrderId, RequestId, Sku};

/// Bytes of a command that are hashed on the stack.
const HASHED_ON_STACK: usize = 256;

/// A mutation, identified by its request id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// Identifies the request: it is decided once, however often it arrives.
    pub request_id: RequestId,
    /// Whether the client chose the request id. If not, it is the default one of a commit or
    /// release.
    pub chosen: bool,
    pub action: Action,
    pub cause: Cause,
    /// The last change of the catalogue by which decimal numbers of the request were read; `None` if
    /// it had whole numbers of the smallest unit.
    pub read_by: Option<u64>,
}

impl Command {
    /// A command under an id that the client chose, from an unnamed client and without a reason.
    pub fn chosen(request_id: RequestId, action: Action) -> Self {
        Self { request_id, chosen: true, action, cause: Cause::default(), read_by: None }
    }

    /// A hash of what the client sent, to tell a retry from another request with the same id. The
    /// order of the lines makes no difference; the actor is not part of what was sent.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint_of(&self.action.sorted())
    }

    /// Whether a stored fingerprint is that of this command. Earlier versions did not sort the
    /// lines.
    pub fn has_fingerprint(&self, stored: Fingerprint) -> bool {
        stored == self.fingerprint() || stored == self.fingerprint_of(&self.action)
    }

    fn fingerprint_of(&self, action: &Action) -> Fingerprint {
        let reason = &self.cause.reason;
        // What has neither keeps the hash that earlier versions gave it.
        if reason.is_none() && action.traces().all(Option::is_none) {
            return hash_of(action);
        }
        let traces: Vec<&OptionalTrace> = action.traces().collect();
        hash_of(&(action, reason, traces))
    }
}

/// The action of a mutation. Each SKU and trace appears in one line: lines of one SKU and trace are
/// summed when a request is read.
///
/// The variants' order is part of stored fingerprints: append only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Action {
    /// Take units from what is available.
    Deduct {
        /// The customer order that the units are for.
        order_id: Option<OrderId>,
        lines: Vec<Line>,
    },
    /// Add units to what is on hand. An unknown SKU becomes known.
    Restock {
        /// The order that brought the goods.
        order_id: Option<OrderId>,
        lines: Vec<Line>,
    },
    /// Set on hand to a counted quantity.
    Count {
        sku: Sku,
        /// Units found, 0 included.
        counted: i64,
        #[serde(skip)]
        trace: OptionalTrace,
    },
    /// Undo a deduction, commit, restock or count.
    Rollback {
        /// The request id of what is to be undone.
        of: RequestId,
        /// The part to undo; `None` for all that remains.
        lines: Option<Vec<Line>>,
    },
    /// Hold units for an order until they are committed or released, or the reservation expires.
    Reserve {
        /// The customer order that the units are for.
        order_id: Option<OrderId>,
        lines: Vec<Line>,
        /// The lifetime in seconds; `None` for the configured one.
        ttl_s: Option<u64>,
    },
    /// Turn a reservation into a deduction, and release what is not committed.
    Commit {
        /// The request id of the reservation.
        reservation: RequestId,
        /// The part to commit; `None` for all of it.
        lines: Option<Vec<Line>>,
    },
    /// Give up a reservation; its units become available again.
    Release {
        /// The request id of the reservation.
        reservation: RequestId,
    },
    /// Turn a part of a reservation into a deduction. What is not committed stays reserved.
    CommitPart {
        /// The request id of the reservation.
        reservation: RequestId,
        /// The part to commit; `None` for all of it.
        lines: Option<Vec<Line>>,
    },
    /// Let a reservation end later, or earlier.
    Extend {
        /// The request id of the reservation.
        reservation: RequestId,
        /// The lifetime from now, in seconds.
        ttl_s: u64,
    },
    /// Move all units of a SKU that should not be there to the one that was meant.
    Merge { from: Sku, into: Sku },
    /// Take a SKU without stock and listing out of the lists.
    Hide { sku: Sku },
}

impl Action {
    /// The number of SKUs that the action may change, as far as its own lines tell.
    pub fn line_count(&self) -> usize {
        match self {
            Self::Deduct { lines, .. }
            | Self::Restock { lines, .. }
            | Self::Reserve { lines, .. } => lines.len(),
            Self::Rollback { lines, .. }
            | Self::Commit { lines, .. }
            | Self::CommitPart { lines, .. } => lines.as_ref().map_or(1, Vec::len),
            Self::Merge { .. } => 2,
            Self::Count { .. } | Self::Hide { .. } | Self::Release { .. } | Self::Extend { .. } => {
                1
            }
        }
    }

    /// The reservation that the action ends or changes.
    #[cfg(feature = "hub")]
    pub fn named_reservation(&self) -> Option<&RequestId> {
        match self {
            Self::Commit { reservation, .. }
            | Self::CommitPart { reservation, .. }
            | Self::Release { reservation }
            | Self::Extend { reservation, .. } => Some(reservation),
            Self::Deduct { .. }
            | Self::Restock { .. }
            | Self::Count { .. }
            | Self::Rollback { .. }
            | Self::Reserve { .. }
            | Self::Merge { .. }
            | Self::Hide { .. } => None,
        }
    }

    /// The SKUs that the action names.
    pub fn skus(&self) -> impl Iterator<Item = &Sku> {
        let (one, other) = match self {
            Self::Count { sku, .. } | Self::Hide { sku } => (Some(sku), None),
            Self::Merge { from, into } => (Some(from), Some(into)),
            Self::Deduct { .. }
            | Self::Restock { .. }
            | Self::Rollback { .. }
            | Self::Reserve { .. }
            | Self::Commit { .. }
            | Self::Release { .. }
            | Self::CommitPart { .. }
            | Self::Extend { .. } => (None, None),
        };
        self.lines().into_iter().flatten().map(|line| &line.sku).chain(one).chain(other)
    }

    /// The lines that the client has sent.
    pub fn lines(&self) -> Option<&Vec<Line>> {
        match self {
            Self::Deduct { lines, .. }
            | Self::Restock { lines, .. }
            | Self::Reserve { lines, .. } => Some(lines),
            Self::Rollback { lines, .. }
            | Self::Commit { lines, .. }
            | Self::CommitPart { lines, .. } => lines.as_ref(),
            Self::Count { .. }
            | Self::Merge { .. }
            | Self::Hide { .. }
            | Self::Release { .. }
            | Self::Extend { .. } => None,
        }
    }

    /// The lines that the client has sent.
    pub fn lines_mut(&mut self) -> Option<&mut Vec<Line>> {
        match self {
            Self::Deduct { lines, .. }
            | Self::Restock { lines, .. }
            | Self::Reserve { lines, .. } => Some(lines),
            Self::Rollback { lines, .. }
            | Self::Commit { lines, .. }
            | Self::CommitPart { lines, .. } => lines.as_mut(),
            Self::Count { .. }
            | Self::Merge { .. }
            | Self::Hide { .. }
            | Self::Release { .. }
            | Self::Extend { .. } => None,
        }
    }

    /// The trace of each line.
    fn traces(&self) -> impl Iterator<Item = &OptionalTrace> {
        let of_count = match self {
            Self::Count { trace, .. } => Some(trace),
            Self::Deduct { .. }
            | Self::Restock { .. }
            | Self::Rollback { .. }
            | Self::Reserve { .. }
            | Self::Commit { .. }
            | Self::Release { .. }
            | Self::CommitPart { .. }
            | Self::Extend { .. }
            | Self::Merge { .. }
            | Self::Hide { .. } => None,
        };
        self.lines().into_iter().flatten().map(|line| &line.trace).chain(of_count)
    }

    /// The action with its lines in ascending order.
    fn sorted(&self) -> Cow<'_, Self> {
        let lines = self.lines().map(Vec::as_slice).unwrap_or_default();
        let place = |line: &Line| (line.sku.clone(), line.trace.clone());
        if lines.len() < 2 || lines.is_sorted_by_key(place) {
            return Cow::Borrowed(self);
        }
        let mut sorted = self.clone();
        sorted.lines_mut().into_iter().for_each(|lines| lines.sort_by_key(place));
        Cow::Owned(sorted)
    }
}

/// The hash of a value in postcard, which writes the fields of a tuple one after another.
fn hash_of(value: &impl Serialize) -> Fingerprint {
    let mut room = [0; HASHED_ON_STACK];
    match postcard::to_slice(value, &mut room) {
        Ok(bytes) => xxh3_64(bytes),
        Err(_) => xxh3_64(&postcard::to_stdvec(value).expect("plain data always serializes")),
    }
}

/// The hash of a command, from [`Command::fingerprint`].
pub type Fingerprint = u64;

/// Sums lines of the same SKU and trace. They keep the order of their first appearance.
pub fn merge_lines(lines: Vec<Line>) -> Vec<Line> {
    if lines.len() < 2 {
        return lines;
    }
    let mut merged: Vec<Line> = Vec::with_capacity(lines.len());
    let mut places = HashMap::with_capacity(lines.len());
    for line in lines {
        let key = (line.sku.clone(), line.trace.clone());
        match places.get(&key) {
            Some(&place) => {
                let earlier: &mut Line = &mut merged[place];
                earlier.quantity = earlier.quantity.plus(line.quantity);
            }
            None => {
                places.insert(key, merged.len());
                merged.push(line);
            }
        }
    }
    merged
}

/// Merged lines as one line per SKU: what a check of the stock needs.
pub fn totals(lines: &[Line]) -> Cow<'_, [Line]> {
    if lines.iter().all(|line| line.trace.is_none()) {
        return Cow::Borrowed(lines);
    }
    let lines = lines.iter().map(|line| Line::new(line.sku.clone(), line.quantity));
    Cow::Owned(merge_lines(lines.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stock::trace::Trace;
    use crate::stock::types::{Actor, Lot, Quantity, Reason};

    fn line(sku: &str, units: u64) -> Line {
        Line::new(Sku::parse(sku).unwrap(), Quantity::of_line(units).unwrap())
    }

    #[test]
    fn lines_of_one_sku_count_as_their_sum() {
        let merged = merge_lines(vec![line("A", 1), line("B", 2), line("A", 3)]);
        assert_eq!(merged, vec![line("A", 4), line("B", 2)]);
    }

    #[test]
    fn an_action_counts_as_many_lines_as_it_may_change_skus() {
        let lines = vec![line("A", 1), line("B", 2)];
        let id = || RequestId::parse("r").unwrap();
        let deduct = Action::Deduct { order_id: None, lines: lines.clone() };
        let part = Action::Commit { reservation: id(), lines: Some(lines) };
        let whole = Action::Commit { reservation: id(), lines: None };
        let release = Action::Release { reservation: id() };
        let counts = [deduct, part, whole, release].map(|action| action.line_count());
        assert_eq!(counts, [2, 2, 1, 1]);
    }

    #[test]
    fn the_operation_is_part_of_the_fingerprint() {
        let deduct = command(Action::Deduct { order_id: None, lines: vec![line("A", 1)] });
        let restock = command(Action::Restock { order_id: None, lines: vec![line("A", 1)] });
        let more = command(Action::Deduct { order_id: None, lines: vec![line("A", 2)] });
        assert_eq!(deduct.fingerprint(), deduct.fingerprint());
        assert_ne!(deduct.fingerprint(), restock.fingerprint());
        assert_ne!(deduct.fingerprint(), more.fingerprint());
    }

    #[test]
    fn a_command_without_reason_and_trace_keeps_the_fingerprint_of_earlier_versions() {
        let lines = vec![line("B", 1), line("A", 2)];
        let deduct = command(Action::Deduct { order_id: OrderId::parse("o").ok(), lines });
        // Hashed by version 1: variant 0, order id, two lines.
        let earlier = xxh3_64(b"\x00\x01\x01o\x02\x01B\x01\x01A\x02");
        assert!(deduct.has_fingerprint(earlier));
        assert_ne!(deduct.fingerprint(), earlier, "the lines are sorted now");
        let count = Action::Count { sku: Sku::parse("A").unwrap(), counted: 3, trace: None };
        assert_eq!(command(count).fingerprint(), xxh3_64(b"\x02\x01A\x06"));
    }

    #[test]
    fn the_order_of_lines_is_not_part_of_the_fingerprint() {
        let of = |lines| command(Action::Restock { order_id: None, lines });
        let (one, other) = (vec![line("A", 1), line("B", 2)], vec![line("B", 2), line("A", 1)]);
        assert!(of(one).has_fingerprint(of(other).fingerprint()));
    }

    #[test]
    fn reason_and_traces_are_part_of_the_fingerprint_and_the_actor_is_not() {
        let plain = command(Action::Deduct { order_id: None, lines: vec![line("A", 1)] });
        let (mut named, mut because, mut traced) = (plain.clone(), plain.clone(), plain.clone());
        named.cause.actor = Actor::parse("line-3").ok();
        because.cause.reason = Reason::parse("broken").ok();
        let lot = Line { trace: Trace::of(Lot::parse("L").ok(), None, None), ..line("A", 1) };
        traced.action = Action::Deduct { order_id: None, lines: vec![lot] };
        assert_eq!(plain.fingerprint(), named.fingerprint());
        assert!(!plain.has_fingerprint(because.fingerprint()));
        assert!(!plain.has_fingerprint(traced.fingerprint()));
        assert!(!because.has_fingerprint(traced.fingerprint()));
    }

    fn command(action: Action) -> Command {
        Command::chosen(RequestId::parse("r").unwrap(), action)
    }
}

//! Ledger entries encoded in columns: a value that an entry shares with the one before it takes
//! next to no bytes.
//!
//! ```text
//! varint    0 if the columns follow as they are, else their length, and they follow
//!           deflated (RFC 1951, without a wrapper)
//!
//! the columns, one after the other:
//! groups    varint: the number of runs of entries with equal kind, order id, request id, time and
//!           cause
//! sizes     varint a group: the number of its entries
//! kinds     byte a group: kind, +16 if it has an order id, +32 if its amounts are irregular, +64
//!           if the clock was not trusted, +128 if it is a rollback of a count
//! times     signed a group: milliseconds since the group before (since 1970 for the first)
//! orders    texts: the order id of each group that has one
//! requests  texts: the request id of each group
//! SKUs      varint: the number of different SKUs; then texts: these, in ascending order
//! items     signed an entry: the index of its SKU among them, minus that of the entry before
//! amounts   signed an entry: +change for a restock, count, rollback or grant; -change for a
//!           deduct or recall; -change and -reserved change, which are equal, for a commit;
//!           +reserved change for a reserve, -reserved change for a release or expire; the other
//!           one is 0. In an irregular group: two signed an entry, change and reserved change
//! sections  byte, in version 2 only: a bit for each section that follows, in this order
//!   1 actors    listed texts, a group
//!   2 reasons   listed texts, a group
//!   4 lots      listed texts, an entry; the last one is that of the same SKU
//!   8 serials   byte an entry: 1 if it has one; then texts: these
//!  16 days      varint an entry, its expiry date: 0 as the last entry of the same SKU and lot, 1 none,
//!           else 2 + its days since 1970 minus those of the last day that was written so, as signed
//!  32         nothing follows: the gateway books all SKUs in whole units
//!  64 decimals  varint: the number of SKUs that it books with decimals; for each of them: varint, its
//!           index; byte, its decimals. It books the others in whole units
//!
//! listed texts: varint: the number of different texts; then texts: these; then byte an item: 0 as the
//! item before it, 1 none, n + 2 the text n. If the largest of these numbers may be over 255: then
//! another byte an item, the upper one. Before the first item there was none
//!
//! texts: one byte for each text, all of them first, which says how the text follows from the one
//! before it in its column (from the empty text for the first), then the operands of each text:
//! 0         it is equal
//! 1         it is the order id of its group (request ids only)
//! 2         only its numbers differ: signed a number, the difference. A number is a run of ASCII
//!           digits, cut after the 18th; it is padded with zeros to the digits that it had
//! 3         varint n: the first n bytes are equal; then a UUID in lower case with hyphens, encoded
//!           in 16 bytes
//! 4         varint n, varint length, bytes: the first n bytes are equal; then these bytes
//! ```
//!
//! A varint has seven bits in each byte, the lowest first, the eighth set if more follow. A signed
//! number n is the varint of 2n, or of -2n-1 if n is negative. Differences of times and indexes
//! wrap around at 64 bits. Positions need no column, because they are contiguous.
//!
//! The columns put similar values side by side and turn regular sequences into runs of equal bytes,
//! which deflate compresses well.

mod bytes;
mod sections;
mod text;

use self::bytes::{ColumnReader, deflate, inflate, put_differences, put_signed, put_size};
use self::sections::Sections;
use self::text::put_texts;
use super::envelope::{FrameError, Version};
use super::frame::BookedDecimals;
use crate::limits::{FRAME_ENTRIES_MAX, STOCK_MAX};
use crate::stock::{Cause, Decimals, Entry, Kind, OrderId, RequestId, Seq, Sku};

/// The inflated length of columns at most: more than the 1,000 largest entries take.
const COLUMNS_BYTES_MAX: usize = 512 * 1024;

const HAS_ORDER: u8 = 16;
const ODD: u8 = 32;

/// Encodes as many of these entries as fit into `limit` bytes, but at least one, with the decimals of
/// their SKUs if these are known. Returns the bytes and the number of entries.
///
/// # Panics
/// If there are no entries.
pub fn pack(
    entries: &[Entry],
    decimals: Option<&BookedDecimals>,
    version: Version,
    limit: usize,
) -> (Vec<u8>, usize) {
    let mut count = entries.len().min(FRAME_ENTRIES_MAX);
    loop {
        let bytes = encode_with(&entries[..count], decimals, version);
        if bytes.len() <= limit || count == 1 {
            return (bytes, count);
        }
        // Slightly less than in proportion, so that the next attempt fits.
        count = (count * limit / bytes.len() * 15 / 16).max(1);
    }
}

/// Encodes 1 to 1,000 entries with contiguous positions.
///
/// # Panics
/// If there are no entries.
pub fn encode(entries: &[Entry], version: Version) -> Vec<u8> {
    encode_with(entries, None, version)
}

/// The same with the decimals of their SKUs, which only version 2 has.
///
/// # Panics
/// If there are no entries.
pub(super) fn encode_with(
    entries: &[Entry],
    decimals: Option<&BookedDecimals>,
    version: Version,
) -> Vec<u8> {
    let columns = columns(entries, decimals, version);
    let deflated = deflate(&columns);
    let mut out = Vec::new();
    put_size(&mut out, deflated.as_ref().map_or(0, |_| columns.len()));
    out.extend(deflated.unwrap_or(columns));
    out
}

/// Decodes the columns of `count` entries, the first at position `first_seq`.
///
/// # Errors
/// If the bytes are not exactly these columns.
pub fn decode(
    bytes: &[u8],
    version: Version,
    first_seq: Seq,
    count: usize,
) -> Result<Vec<Entry>, FrameError> {
    Ok(decode_with(bytes, version, first_seq, count)?.0)
}

/// The same with what is said of the decimals of their SKUs.
///
/// # Errors
/// As [`decode`].
pub(super) fn decode_with(
    bytes: &[u8],
    version: Version,
    first_seq: Seq,
    count: usize,
) -> Result<(Vec<Entry>, Option<BookedDecimals>), FrameError> {
    let mut reader = ColumnReader(bytes);
    match reader.size(COLUMNS_BYTES_MAX)? {
        0 => read_columns(reader, version, first_seq, count),
        length => {
            let inflated = inflate(reader.0, length)?;
            read_columns(ColumnReader(&inflated), version, first_seq, count)
        }
    }
}

/// The values that the entries of one mutation share, and whether their amounts are irregular.
struct Group<'a> {
    entries: &'a [Entry],
    odd: bool,
}

fn columns(entries: &[Entry], decimals: Option<&BookedDecimals>, version: Version) -> Vec<u8> {
    let groups: Vec<Group<'_>> = entries.chunk_by(alike).map(Group::new).collect();
    let heads = || groups.iter().map(Group::head);
    let mut out = Vec::new();
    put_size(&mut out, groups.len());
    groups.iter().for_each(|group| put_size(&mut out, group.entries.len()));
    out.extend(groups.iter().map(Group::flags));
    put_differences(&mut out, heads().map(|head| head.at_ms));
    put_texts(&mut out, heads().filter_map(order).map(|order| (order, None)));
    put_texts(&mut out, heads().map(|head| (head.request_id.as_str(), order(head))));
    let skus = put_skus(&mut out, entries);
    groups.iter().for_each(|group| group.put_amounts(&mut out));
    if version == Version::V2 {
        let place = |(sku, decimals): &(Sku, Decimals)| {
            Some((skus.binary_search(&sku.as_str()).ok()?, *decimals))
        };
        let decimals: Option<Vec<_>> =
            decimals.map(|booked| booked.iter().filter_map(place).collect());
        sections::put(&mut out, heads().map(|head| &head.cause), entries, decimals.as_deref());
    }
    out
}

fn alike(one: &Entry, next: &Entry) -> bool {
    one.code() == next.code()
        && one.at_ms == next.at_ms
        && one.request_id == next.request_id
        && one.order_id == next.order_id
        && one.cause == next.cause
}

fn order(entry: &Entry) -> Option<&str> {
    entry.order_id.as_ref().map(OrderId::as_str)
}

impl<'a> Group<'a> {
    fn new(entries: &'a [Entry]) -> Self {
        let usual = |entry: &Entry| {
            changes(entry.kind, amount(entry)) == (entry.change, entry.reserved_change)
        };
        Self { entries, odd: !entries.iter().all(usual) }
    }

    fn head(&self) -> &'a Entry {
        &self.entries[0]
    }

    fn flags(&self) -> u8 {
        let head = self.head();
        let has_order = if head.order_id.is_some() { HAS_ORDER } else { 0 };
        let odd = if self.odd { ODD } else { 0 };
        head.code() + has_order + odd
    }

    fn put_amounts(&self, out: &mut Vec<u8>) {
        for entry in self.entries {
            if self.odd {
                put_signed(out, entry.change);
                put_signed(out, entry.reserved_change);
            } else {
                put_signed(out, amount(entry));
            }
        }
    }
}

/// The signs of change and reserved change in an amount of this kind.
fn signs(kind: Kind) -> (i64, i64) {
    match kind {
        Kind::Restock | Kind::Count | Kind::Rollback | Kind::CountRollback | Kind::Grant => (1, 0),
        Kind::Deduct | Kind::Recall => (-1, 0),
        Kind::Commit => (-1, -1),
        Kind::Reserve => (0, 1),
        Kind::Release | Kind::Expire => (0, -1),
    }
}

/// Wrapping, like its inverse. Amounts out of range are refused later, in one place.
fn amount(entry: &Entry) -> i64 {
    match signs(entry.kind) {
        (0, reserved) => entry.reserved_change.wrapping_mul(reserved),
        (change, _) => entry.change.wrapping_mul(change),
    }
}

fn changes(kind: Kind, amount: i64) -> (i64, i64) {
    let (change, reserved) = signs(kind);
    (amount.wrapping_mul(change), amount.wrapping_mul(reserved))
}

/// Writes the different SKUs, which it returns in their order, and the place of each entry's.
fn put_skus<'a>(out: &mut Vec<u8>, entries: &'a [Entry]) -> Vec<&'a str> {
    let mut skus: Vec<&str> = entries.iter().map(|entry| entry.sku.as_str()).collect();
    skus.sort_unstable();
    skus.dedup();
    put_size(out, skus.len());
    put_texts(out, skus.iter().map(|sku| (*sku, None)));
    let place = |entry: &Entry| {
        let place = skus.binary_search(&entry.sku.as_str()).expect("every SKU is among them");
        i64::try_from(place).expect("at most a thousand")
    };
    put_differences(out, entries.iter().map(place));
    skus
}

/// A group, as decoded from its columns.
struct GroupRead {
    size: usize,
    kind: Kind,
    clock_trusted: bool,
    odd: bool,
    at_ms: i64,
    order_id: Option<OrderId>,
    request_id: RequestId,
}

fn read_columns(
    mut reader: ColumnReader<'_>,
    version: Version,
    first_seq: Seq,
    count: usize,
) -> Result<(Vec<Entry>, Option<BookedDecimals>), FrameError> {
    let groups = reader.groups(count)?;
    let number = reader.size(count)?;
    let skus = reader.texts(vec![None; number].into_iter(), Sku::parse)?;
    let places = reader.differences(count)?;
    let mut places = places.into_iter();
    let mut entries = Vec::with_capacity(count);
    for group in &groups {
        for place in places.by_ref().take(group.size) {
            let sku = usize::try_from(place).ok().and_then(|place| skus.get(place));
            let sku = sku
                .ok_or(FrameError::Body("an entry has a SKU that the frame does not list"))?
                .clone();
            let seq = first_seq + entries.len() as u64;
            entries.push(group.entry(seq, sku, &mut reader)?);
        }
    }
    let mut booked = None;
    if version == Version::V2 {
        let of_entries: Vec<&Sku> = entries.iter().map(|entry| &entry.sku).collect();
        let numbers = (groups.len(), skus.len());
        let Sections { causes, traces, decimals } =
            Sections::read(&mut reader, numbers, &of_entries)?;
        let named = |(place, decimals): (usize, Decimals)| (skus[place].clone(), decimals);
        booked = decimals.map(|decimals| decimals.into_iter().map(named).collect());
        let causes = groups.iter().zip(causes);
        let causes = causes.flat_map(|(group, cause)| std::iter::repeat_n(cause, group.size));
        for ((entry, cause), trace) in entries.iter_mut().zip(causes).zip(traces) {
            (entry.cause, entry.trace) = (cause, trace);
        }
    }
    reader.end()?;
    Ok((entries, booked))
}

impl GroupRead {
    fn entry(
        &self,
        seq: Seq,
        sku: Sku,
        reader: &mut ColumnReader<'_>,
    ) -> Result<Entry, FrameError> {
        let first = reader.signed()?;
        let (change, reserved_change) =
            if self.odd { (first, reader.signed()?) } else { changes(self.kind, first) };
        let out_of_range = |change: i64| change.unsigned_abs() > STOCK_MAX.unsigned_abs();
        if out_of_range(change) || out_of_range(reserved_change) {
            return Err(FrameError::Body("a change is out of range"));
        }
        Ok(Entry {
            seq,
            kind: self.kind,
            sku,
            change,
            reserved_change,
            order_id: self.order_id.clone(),
            request_id: self.request_id.clone(),
            at_ms: self.at_ms,
            clock_trusted: self.clock_trusted,
            cause: Cause::default(),
            trace: None,
        })
    }
}

impl ColumnReader<'_> {
    fn groups(&mut self, count: usize) -> Result<Vec<GroupRead>, FrameError> {
        let number = self.size(count)?;
        let sizes = self.many(number, |reader| reader.size(count))?;
        if sizes.contains(&0) || sizes.iter().sum::<usize>() != count {
            return Err(FrameError::Body("the groups do not add up to the number of entries"));
        }
        let flags = self.bytes(number)?;
        let times = self.differences(number)?;
        let orders = self.orders(flags)?;
        let same = orders.iter().map(|order| order.as_ref().map(OrderId::as_str));
        let requests = self.texts(same, RequestId::parse)?;
        let group = |at: usize| {
            let code = Entry::from_code(flags[at] & !HAS_ORDER & !ODD);
            let (kind, clock_trusted) =
                code.ok_or(FrameError::Body("an entry is of an unknown kind"))?;
            Ok(GroupRead {
                size: sizes[at],
                kind,
                clock_trusted,
                odd: flags[at] & ODD != 0,
                at_ms: times[at],
                order_id: orders[at].clone(),
                request_id: requests[at].clone(),
            })
        };
        (0..number).map(group).collect()
    }

    /// The order id of each group.
    fn orders(&mut self, flags: &[u8]) -> Result<Vec<Option<OrderId>>, FrameError> {
        let has_order = |flags: &u8| flags & HAS_ORDER != 0;
        let number = flags.iter().filter(|flags| has_order(flags)).count();
        let orders = self.texts(vec![None; number].into_iter(), OrderId::parse)?;
        let mut orders = orders.into_iter();
        Ok(flags.iter().map(|flags| has_order(flags).then(|| orders.next()).flatten()).collect())
    }
}

#[cfg(test)]
#[path = "columns_tests.rs"]
mod tests;

//! The sections after the columns: causes and traces, each written only where an entry has one.
//!
//! A value that is the same as before takes one zero byte, which deflate all but removes: for a
//! cause that of the group before, for a lot that of the last entry of the same SKU, for a day that
//! of the last entry with the same SKU and lot.

use hashbrown::HashMap;

use super::bytes::{ColumnReader, put_size, put_varint};
use super::text::put_texts;
use crate::protocol::envelope::FrameError;
use crate::stock::{
    Actor, Cause, Day, Decimals, Entry, IdError, Lot, OptionalTrace, Reason, Serial, Sku, Trace,
};

const ACTORS: u8 = 1;
const REASONS: u8 = 2;
const LOTS: u8 = 4;
const SERIALS: u8 = 8;
const DAYS: u8 = 16;
/// All SKUs are booked in whole units. Nothing follows.
const WHOLE: u8 = 32;
const DECIMALS: u8 = 64;
const KNOWN: u8 = ACTORS | REASONS | LOTS | SERIALS | DAYS | WHOLE | DECIMALS;

/// The numbers of a listed item: the same as before, no value, and the first value of the list.
const SAME: usize = 0;
const NONE: usize = 1;
const FIRST: usize = 2;

const OUT_OF_RANGE: FrameError =
    FrameError::Body("an entry has a value that the frame does not list");

/// Writes the byte that names the sections, and those that are used. There is a cause for each
/// group; a SKU with decimals is named by its place.
pub(super) fn put<'a>(
    out: &mut Vec<u8>,
    causes: impl Iterator<Item = &'a Cause> + Clone,
    entries: &[Entry],
    decimals: Option<&[(usize, Decimals)]>,
) {
    let heads = || causes.clone();
    let traces = || entries.iter().filter_map(|entry| entry.trace.as_deref());
    let used = [
        (ACTORS, heads().any(|cause| cause.actor.is_some())),
        (REASONS, heads().any(|cause| cause.reason.is_some())),
        (LOTS, traces().any(|trace| trace.lot.is_some())),
        (SERIALS, traces().any(|trace| trace.serial.is_some())),
        (DAYS, traces().any(|trace| trace.expires.is_some())),
        (WHOLE, decimals.is_some_and(<[_]>::is_empty)),
        (DECIMALS, decimals.is_some_and(|decimals| !decimals.is_empty())),
    ];
    let used = used.into_iter().filter(|(_, is_used)| *is_used);
    let used = used.fold(0, |used, (section, _)| used | section);
    out.push(used);
    if used & ACTORS != 0 {
        put_listed(out, heads().map(|cause| ((), cause.actor.as_ref().map(Actor::as_str))));
    }
    if used & REASONS != 0 {
        put_listed(out, heads().map(|cause| ((), cause.reason.as_ref().map(Reason::as_str))));
    }
    if used & LOTS != 0 {
        put_listed(out, entries.iter().map(|entry| (&entry.sku, lot(entry).map(Lot::as_str))));
    }
    if used & SERIALS != 0 {
        let serial = |entry| trace(entry).and_then(|trace| trace.serial.as_ref());
        out.extend(entries.iter().map(|entry| u8::from(serial(entry).is_some())));
        put_texts(out, entries.iter().filter_map(serial).map(|serial| (serial.as_str(), None)));
    }
    if used & DAYS != 0 {
        put_days(out, entries);
    }
    if let Some(decimals) = decimals.filter(|decimals| !decimals.is_empty()) {
        put_size(out, decimals.len());
        for (place, decimals) in decimals {
            put_size(out, *place);
            out.push(u8::from(*decimals));
        }
    }
}

fn trace(entry: &Entry) -> Option<&Trace> {
    entry.trace.as_deref()
}

fn lot(entry: &Entry) -> Option<&Lot> {
    trace(entry)?.lot.as_ref()
}

/// Writes the different texts in ascending order, then the place of each item's text among them. An
/// item is compared with the last one of its key.
fn put_listed<'a, K: std::hash::Hash + Eq>(
    out: &mut Vec<u8>,
    items: impl Iterator<Item = (K, Option<&'a str>)> + Clone,
) {
    let mut texts: Vec<&str> = items.clone().filter_map(|(_, text)| text).collect();
    texts.sort_unstable();
    texts.dedup();
    put_size(out, texts.len());
    put_texts(out, texts.iter().map(|text| (*text, None)));
    let mut last = HashMap::new();
    let places: Vec<usize> = items
        .map(|(key, text)| match last.insert(key, text).flatten() == text {
            true => SAME,
            false => text.map_or(NONE, |text| {
                FIRST + texts.binary_search(&text).expect("every text is listed")
            }),
        })
        .collect();
    // In two columns, so that the bytes of each are alike.
    out.extend(places.iter().map(|place| place.to_le_bytes()[0]));
    if FIRST + texts.len() > 256 {
        out.extend(places.iter().map(|place| place.to_le_bytes()[1]));
    }
}

fn put_days(out: &mut Vec<u8>, entries: &[Entry]) {
    let (mut last, mut before) = (HashMap::new(), 0);
    for entry in entries {
        let day = trace(entry).and_then(|trace| trace.expires);
        let number = match day {
            _ if last.insert((&entry.sku, lot(entry)), day).flatten() == day => SAME as u64,
            None => NONE as u64,
            Some(day) => {
                let change = i64::from(day.number() - before);
                before = day.number();
                FIRST as u64 + ((change << 1) ^ (change >> 63)).cast_unsigned()
            }
        };
        put_varint(out, number);
    }
}

/// Causes and traces as read, one for each group, and one for each entry; and what is said of decimals.
pub(super) struct Sections {
    pub(super) causes: Vec<Cause>,
    pub(super) traces: Vec<OptionalTrace>,
    pub(super) decimals: Option<Vec<(usize, Decimals)>>,
}

impl Sections {
    /// What columns without sections say.
    pub(super) fn none(groups: usize, entries: usize) -> Self {
        let (causes, traces) = (vec![Cause::default(); groups], vec![None; entries]);
        Self { causes, traces, decimals: None }
    }

    /// Reads the sections of so many groups and different SKUs, and of entries with these SKUs.
    pub(super) fn read(
        reader: &mut ColumnReader<'_>,
        (groups, different): (usize, usize),
        skus: &[&Sku],
    ) -> Result<Self, FrameError> {
        let used = reader.bytes(1)?[0];
        if used & !KNOWN != 0 || used & (WHOLE | DECIMALS) == WHOLE | DECIMALS {
            return Err(FrameError::Body("the columns have a section that is not known"));
        }
        let mut read = Self::none(groups, skus.len());
        if used & ACTORS != 0 {
            let actors = reader.listed(std::iter::repeat_n((), groups), Actor::parse)?;
            read.causes.iter_mut().zip(actors).for_each(|(cause, actor)| cause.actor = actor);
        }
        if used & REASONS != 0 {
            let reasons = reader.listed(std::iter::repeat_n((), groups), Reason::parse)?;
            read.causes.iter_mut().zip(reasons).for_each(|(cause, reason)| cause.reason = reason);
        }
        if used & (LOTS | SERIALS | DAYS) != 0 {
            read.traces = reader.traces(used, skus)?;
        }
        if used & DECIMALS != 0 {
            read.decimals = Some(reader.decimals(different)?);
        } else if used & WHOLE != 0 {
            read.decimals = Some(Vec::new());
        }
        Ok(read)
    }
}

impl ColumnReader<'_> {
    fn traces(&mut self, used: u8, skus: &[&Sku]) -> Result<Vec<OptionalTrace>, FrameError> {
        let none = skus.len();
        let lots = match used & LOTS {
            0 => vec![None; none],
            _ => self.listed(skus.iter(), Lot::parse)?,
        };
        let serials = if used & SERIALS == 0 { vec![None; none] } else { self.serials(none)? };
        let days = if used & DAYS == 0 { vec![None; none] } else { self.days(skus, &lots)? };
        let traces = lots.into_iter().zip(serials).zip(days);
        Ok(traces.map(|((lot, serial), day)| Trace::of(lot, serial, day)).collect())
    }

    fn listed<K: std::hash::Hash + Eq, T: Clone>(
        &mut self,
        keys: impl ExactSizeIterator<Item = K>,
        parse: fn(&str) -> Result<T, IdError>,
    ) -> Result<Vec<Option<T>>, FrameError> {
        let number = self.size(keys.len())?;
        let listed = self.texts(vec![None; number].into_iter(), parse)?;
        let low = self.bytes(keys.len())?;
        let high = if FIRST + number > 256 { self.bytes(keys.len())? } else { &[] };
        let mut last = HashMap::<K, Option<T>>::new();
        let value = |(at, key): (usize, K)| {
            let high = high.get(at).copied().unwrap_or(0);
            let value = match usize::from(u16::from_le_bytes([low[at], high])) {
                SAME => return Ok(last.get(&key).cloned().flatten()),
                NONE => None,
                place => Some(listed.get(place - FIRST).ok_or(OUT_OF_RANGE)?.clone()),
            };
            last.insert(key, value.clone());
            Ok(value)
        };
        keys.enumerate().map(value).collect()
    }

    fn serials(&mut self, count: usize) -> Result<Vec<Option<Serial>>, FrameError> {
        let given = self.bytes(count)?;
        if given.iter().any(|given| *given > 1) {
            return Err(OUT_OF_RANGE);
        }
        let number = given.iter().filter(|given| **given == 1).count();
        let mut serials = self.texts(vec![None; number].into_iter(), Serial::parse)?.into_iter();
        Ok(given.iter().map(|given| (*given == 1).then(|| serials.next()).flatten()).collect())
    }

    fn decimals(&mut self, different: usize) -> Result<Vec<(usize, Decimals)>, FrameError> {
        let number = self.size(different)?;
        let mut free = 0;
        self.many(number, |reader| {
            let place = reader.size(different.saturating_sub(1))?;
            let decimals = Decimals::try_from(reader.bytes(1)?[0]).map_err(|_| OUT_OF_RANGE)?;
            // In their order, each once, and none in whole units: what is said has one form.
            if place < free || decimals == Decimals::default() {
                return Err(OUT_OF_RANGE);
            }
            free = place + 1;
            Ok((place, decimals))
        })
    }

    fn days(
        &mut self,
        skus: &[&Sku],
        lots: &[Option<Lot>],
    ) -> Result<Vec<Option<Day>>, FrameError> {
        let numbers = self.many(skus.len(), Self::varint)?;
        let (mut last, mut before) = (HashMap::new(), 0_i64);
        let day = |(number, key)| {
            let day = match number {
                0 => return Ok(last.get(&key).copied().flatten()),
                1 => None,
                number => {
                    let change = number - FIRST as u64;
                    let change = (change >> 1).cast_signed() ^ -(change & 1).cast_signed();
                    before = before.checked_add(change).ok_or(OUT_OF_RANGE)?;
                    let day = i32::try_from(before).ok().and_then(|day| Day::try_from(day).ok());
                    Some(day.ok_or(OUT_OF_RANGE)?)
                }
            };
            last.insert(key, day);
            Ok(day)
        };
        numbers.into_iter().zip(skus.iter().zip(lots)).map(day).collect()
    }
}

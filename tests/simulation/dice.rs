//! Random numbers from a seed.

use stockgate::stock::{
    Actor, Cause, Day, Line, Lot, OptionalTrace, Quantity, Reason, Serial, Sku, Trace,
};

/// The only source of randomness in a run.
#[derive(Debug)]
pub(crate) struct Dice(fastrand::Rng);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(fastrand::Rng::with_seed(seed))
    }

    /// A number from 0 to below this bound.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0.usize(..end.max(1))
    }

    /// A number between `from` and `to`, inclusive.
    pub(crate) fn between(&mut self, from: u64, to: u64) -> u64 {
        self.0.u64(from..=to)
    }

    /// True in this many of a thousand cases.
    pub(crate) fn permille(&mut self, cases: u32) -> bool {
        self.0.u32(..1_000) < cases
    }

    /// The rate of a fault in thousandths: often 0, otherwise more likely low than high.
    pub(crate) fn rate(&mut self, most: u32) -> u32 {
        let one = self.0.u32(..=most).min(self.0.u32(..=most));
        if self.one_in(3) { 0 } else { one }
    }

    pub(crate) fn one_in(&mut self, cases: u32) -> bool {
        self.0.u32(..cases) == 0
    }

    pub(crate) fn pick<'a, T>(&mut self, all: &'a [T]) -> Option<&'a T> {
        if all.is_empty() { None } else { all.get(self.below(all.len())) }
    }

    /// A random 128-bit number, for an epoch.
    pub(crate) fn epoch(&mut self) -> uuid::Uuid {
        uuid::Uuid::from_u128(self.0.u128(1..))
    }

    /// Who asked, and why, in half of all cases.
    pub(crate) fn cause(&mut self) -> Cause {
        let (actors, reasons) = (["picker", "packer"], ["damaged", "sample", "returned"]);
        let actor = self.pick(&actors).filter(|_| self.one_in(2));
        let reason = self.pick(&reasons).filter(|_| self.one_in(2));
        Cause {
            actor: actor.map(|name| Actor::parse(name).unwrap()),
            reason: reason.map(|text| Reason::parse(text).unwrap()),
        }
    }

    /// A lot, a serial number and a day, in a third of all cases each.
    pub(crate) fn trace(&mut self) -> OptionalTrace {
        let (lots, serials) = (["L1", "L2"], ["S1", "S2", "S3"]);
        let lot = self.pick(&lots).filter(|_| self.one_in(3));
        let serial = self.pick(&serials).filter(|_| self.one_in(3));
        let expires = self.one_in(3).then(|| Day::parse("2027-01-31").unwrap());
        let lot = lot.map(|text| Lot::parse(text).unwrap());
        Trace::of(lot, serial.map(|text| Serial::parse(text).unwrap()), expires)
    }

    /// One or two lines of different SKUs.
    pub(crate) fn lines(&mut self, skus: &[Sku], units_max: u64) -> Vec<Line> {
        let first = self.below(skus.len());
        let count = if skus.len() > 1 && self.one_in(3) { 2 } else { 1 };
        let places = (first..first + count).map(|place| place % skus.len());
        places.map(|place| line(&skus[place], self.between(1, units_max))).collect()
    }
}

pub(crate) fn line(sku: &Sku, units: u64) -> Line {
    Line::new(sku.clone(), Quantity::of_line(units).unwrap())
}

//! Where the played gateways stand, for the thread that measures.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use stockgate::stock::Taken;

/// Where one gateway stands.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Standing {
    pub(crate) is_streaming: bool,
    /// The position of its last entry.
    pub(crate) seq: u64,
    /// The position that the hub has acknowledged.
    pub(crate) acked: u64,
    pub(crate) taken: Taken,
    /// How many of its greetings were answered.
    pub(crate) greeted: u64,
}

impl Standing {
    /// Whether the hub has all its entries.
    pub(crate) fn is_confirmed(&self) -> bool {
        self.seq == self.acked
    }
}

#[derive(Debug)]
pub(crate) struct Board {
    standings: Mutex<Vec<Standing>>,
    /// The times from the first entry of a frame to its acknowledgement, in seconds.
    acknowledged: Mutex<Vec<f64>>,
    /// What the hub has refused, with the first gateway and how often.
    reports: Mutex<BTreeMap<String, (usize, usize)>>,
}

impl Board {
    pub(crate) fn new(gateways: usize) -> Self {
        let standings = Mutex::new(vec![Standing::default(); gateways]);
        Self { standings, acknowledged: Mutex::default(), reports: Mutex::default() }
    }

    pub(crate) fn note(&self, number: usize, is_streaming: bool, seq: u64, taken: Taken) {
        let standing = &mut self.lock()[number];
        *standing = Standing { is_streaming, seq, taken, ..*standing };
    }

    pub(crate) fn set_acked(&self, number: usize, acked: u64) {
        // Those of two workers overtake each other.
        let known = &mut self.lock()[number].acked;
        *known = acked.max(*known);
    }

    pub(crate) fn greeted(&self, number: usize) {
        self.lock()[number].greeted += 1;
    }

    pub(crate) fn acknowledged(&self, took: Duration) {
        self.acknowledged.lock().unwrap().push(took.as_secs_f64());
    }

    pub(crate) fn report(&self, number: usize, reason: &str) {
        let mut reports = self.reports.lock().unwrap();
        reports.entry(reason.into()).or_insert((number, 0)).1 += 1;
    }

    /// Where one gateway stands.
    pub(crate) fn of(&self, number: usize) -> Standing {
        self.lock()[number]
    }

    /// How many gateways are so.
    pub(crate) fn count(&self, is_so: impl Fn(&Standing) -> bool) -> usize {
        self.lock().iter().filter(|standing| is_so(standing)).count()
    }

    /// How many greetings of each gateway were answered.
    pub(crate) fn greetings(&self) -> Vec<u64> {
        self.lock().iter().map(|standing| standing.greeted).collect()
    }

    /// A sum over all gateways.
    pub(crate) fn sum(&self, of: impl Fn(&Standing) -> u64) -> u64 {
        self.lock().iter().map(of).sum()
    }

    /// Takes the times of acknowledgements, the shortest first.
    pub(crate) fn take_acknowledged(&self) -> Vec<f64> {
        let mut taken = std::mem::take(&mut *self.acknowledged.lock().unwrap());
        taken.sort_unstable_by(f64::total_cmp);
        taken
    }

    pub(crate) fn print_reports(&self) {
        for (reason, (number, times)) in &*self.reports.lock().unwrap() {
            println!("  refused {times} times, first gateway {number}: {reason}");
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Standing>> {
        self.standings.lock().unwrap()
    }
}

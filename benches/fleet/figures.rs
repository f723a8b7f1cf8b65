//! The table of figures, each beside its bound.

use std::time::{Duration, Instant};

/// Prints figures as they are measured.
pub(crate) struct Figures {
    began: Instant,
    missed: Vec<String>,
}

/// What a figure must be.
#[derive(Clone, Copy)]
pub(crate) enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

impl Figures {
    pub(crate) fn new() -> Self {
        println!("{:<62} {:>12} {:>16}   load", "", "measured", "bound");
        Self { began: Instant::now(), missed: Vec::new() }
    }

    pub(crate) fn print(&mut self, what: &str, unit: &str, measured: f64, bound: Bound) {
        let (sign, limit, is_met) = match bound {
            Bound::AtLeast(limit) => ("≥", limit, measured >= limit),
            Bound::AtMost(limit) => ("≤", limit, measured <= limit),
        };
        let verdict = if is_met { " " } else { "!" };
        let (measured, limit) = (short(measured), format!("{sign} {} {unit}", short(limit)));
        println!("{verdict} {what:<60} {measured:>12} {limit:>16}   {:.1}", load());
        if !is_met {
            self.missed.push(what.into());
        }
    }

    /// A figure without a bound, for comparison.
    pub(crate) fn beside(&self, what: &str, unit: &str, measured: f64) {
        println!("  {what:<60} {:>12} {unit:>16}   {:.1}", short(measured), load());
    }

    pub(crate) fn end(self) {
        println!("{:.0} s in all", self.began.elapsed().as_secs_f64());
        for what in self.missed {
            println!("missed: {what}");
        }
    }
}

fn short(number: f64) -> String {
    if number >= 100.0 { format!("{number:.0}") } else { format!("{number:.3}") }
}

/// How many processes wanted a processor in the last minute.
fn load() -> f64 {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap();
    text.split_whitespace().next().unwrap().parse().unwrap()
}

/// The value below which this share of sorted values lies, in milliseconds.
pub(crate) fn quantile_ms(sorted: &[f64], share: f64) -> f64 {
    let place = (sorted.len() as f64 * share) as usize;
    sorted.get(place.min(sorted.len().saturating_sub(1))).map_or(0.0, |seconds| seconds * 1e3)
}

pub(crate) fn ms(took: Duration) -> f64 {
    took.as_secs_f64() * 1e3
}

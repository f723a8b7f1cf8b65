//! The targets of the gateway beside its figures.

use crate::contenders::{FEW_AND_MANY, ids_name};
use crate::contest::Contest;
use crate::load::figures::Figures;
use crate::load::requests::Ids;

const ONE: &str = "stockgate WebSocket 50x1";
const DEEP: &str = "stockgate WebSocket 50x32";
const ALONE: &str = "stockgate WebSocket 1x1";

/// Prints the table of ratios.
pub(crate) fn print(contest: &Contest) {
    println!("\n{:<76} {:>8}  {:<15} target", "", "measured", "(in rounds)");
    let postgres = ["PostgreSQL 16x1", "PostgreSQL 50x1"];
    let best = postgres.into_iter().max_by_key(|name| contest.medians(name).per_second as u64);
    faster(contest, ONE, "Redis always 50x1", 1.2);
    at_most("p99 in ms of", ONE, contest.medians(ONE).p99_ms, 6.0);
    faster(contest, DEEP, "Redis always 50x16", 1.5);
    faster(contest, DEEP, "SQLite Sequential in batches of 1024", 0.7);
    at_most("p99 in ms of", DEEP, contest.medians(DEEP).p99_ms, 40.0);
    for remembered in FEW_AND_MANY {
        let of = |ids| ids_name(ids, remembered);
        faster(contest, &of(Ids::Uuid), &of(Ids::Sequential), 0.8);
    }
    faster(contest, ONE, best.expect("there are two"), 5.0);
    faster(contest, ONE, "Python and SQLite 50x1", 5.0);
    slower(contest, ALONE, "fdatasync and TCP echo 1x1", 1.5);
    at_most("bytes written for a request of", DEEP, contest.medians(DEEP).bytes, 300.0);
    at_most("bytes written for a request of", ALONE, contest.medians(ALONE).bytes, f64::INFINITY);
}

fn faster(contest: &Contest, one: &str, other: &str, target: f64) {
    let [ratio, least, most] = contest.ratio(one, other, |figures: &Figures| figures.per_second);
    let what = format!("{one} / {}", other.trim_start_matches("stockgate "));
    line(&what, ratio, Some((least, most)), ratio >= target, &format!(">= {target}"));
}

fn slower(contest: &Contest, one: &str, other: &str, target: f64) {
    let [ratio, least, most] = contest.ratio(one, other, |figures: &Figures| figures.p50_ms);
    let what = format!("p50 of {one} / {other}");
    line(&what, ratio, Some((least, most)), ratio <= target, &format!("<= {target}"));
}

fn at_most(what: &str, of: &str, measured: f64, target: f64) {
    let text = if target.is_finite() { format!("<= {target}") } else { "stated".into() };
    line(&format!("{what} {of}"), measured, None, measured <= target, &text);
}

fn line(what: &str, measured: f64, rounds: Option<(f64, f64)>, is_met: bool, target: &str) {
    let rounds = rounds.map_or(String::new(), |(least, most)| format!("({least:.2} - {most:.2})"));
    let missed = if is_met { "" } else { "  MISSED" };
    println!("{what:<76} {measured:>8.2}  {rounds:<15} {target}{missed}");
}

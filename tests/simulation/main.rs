//! The deterministic simulation: gateways and a hub from one seed, with faults of every kind.
//!
//! The stock engine, both sides of the protocol, the frames as bytes and the hub's rules are the
//! real ones; disks, network, clocks and people are simulated. A reference model that knows only
//! the promises checks every step (`reference`, `lineage`), and at the end both sides must agree.
//!
//! ```text
//! cargo test --test simulation                                  2,000 seeds, and the bugs put in
//! STOCKGATE_SIM_SEEDS=100000 cargo test --profile simulation --test simulation promises
//! STOCKGATE_SIM_SEED=7 STOCKGATE_SIM_SEEDS=1 …                 one seed
//! ```
#![cfg(feature = "hub")]
#![allow(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a simulation fails by panicking, and misbehaves in a few cases of many"
)]

mod bug;
mod checks;
mod database;
mod dice;
mod faults;
mod heal;
mod hub;
mod hub_database;
mod liar;
mod lineage;
mod memory;
mod network;
mod plan;
mod reference;
mod requests;
mod restored;
mod runner;
mod tally;
mod trace;
mod wire;
mod world;

use self::bug::Bug;
use self::world::World;

/// The number of seeds within which a planted bug must be found.
const SEEDS_TO_FIND: u64 = 5_000;

#[test]
fn the_promises_hold_for_every_seed() {
    runner::run_all(number("STOCKGATE_SIM_SEED", 1), number("STOCKGATE_SIM_SEEDS", 2_000));
}

#[test]
fn the_same_seed_is_the_same_run() {
    for seed in 1..50 {
        assert_eq!(runner::run(seed, None), runner::run(seed, None), "seed {seed}");
    }
}

#[test]
#[allow(clippy::print_stdout, reason = "how rich the worlds are is worth knowing")]
fn the_worlds_are_rich() {
    const WORLDS: u64 = 2_000;
    let mut happened = [0; tally::NAMES.len()];
    for seed in 1..=WORLDS {
        let mut world = World::new(seed, None, false);
        world.run();
        happened.iter_mut().zip(world.tally()).for_each(|(times, once)| *times += i32::from(once));
    }
    for (name, times) in tally::NAMES.iter().zip(happened) {
        println!("{times} of {WORLDS}: {name}");
        assert!(times >= 5, "too few worlds in which {name}");
    }
}

#[test]
#[allow(clippy::print_stdout, reason = "how soon a bug is found is worth knowing")]
fn every_bug_put_in_is_found() {
    for bug in Bug::ALL {
        let Some((seeds, message)) = (1..=SEEDS_TO_FIND).find_map(|seed| found(seed, bug)) else {
            panic!("{bug:?} is not found within {SEEDS_TO_FIND} seeds");
        };
        let words: String = message.lines().next().unwrap_or_default().chars().take(100).collect();
        println!("{bug:?}: {seeds} seeds: {words}");
    }
}

/// The broken promise that a bug leads to, if this seed shows it.
fn found(seed: u64, bug: Bug) -> Option<(u64, String)> {
    let message = runner::run(seed, Some(bug)).err()?;
    assert_eq!(runner::run(seed, None).err(), None, "seed {seed} fails without {bug:?}");
    Some((seed, message))
}

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

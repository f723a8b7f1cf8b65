//! What fuzzing has kept, and inputs that are made of it by chance, without a fuzzer and its compiler.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use super::*;
use crate::clock;

type Target = (&'static str, fn(&[u8]));

const TARGETS: [Target; 8] = [
    ("frame", frame),
    ("columns", columns),
    ("terminal", terminal),
    ("catalogue", catalogue),
    ("barcode", barcode),
    ("orders", orders),
    ("topic", topic),
    ("config", config),
];
/// What parsers look for.
const TOKENS: [&str; 40] = [
    "\u{1d}",
    "\u{1e}",
    "\u{4}",
    "(",
    ")",
    "]C1",
    "01",
    "02",
    "10",
    "17",
    "21",
    "30",
    "37",
    "3103",
    "8006",
    "04006381333931",
    "[)>",
    "https://a/",
    "%",
    "*",
    "\"",
    ",",
    ";",
    "\t",
    "\r",
    "\n",
    "\r\n",
    "\u{feff}",
    "\u{a0}",
    "1.000",
    "1,5",
    "E+05",
    "-",
    "0",
    "999999999999",
    "{",
    "[",
    "null",
    "\u{ff11}",
    "\u{301}",
];
const BYTES_MAX: usize = 4_096;
/// Inputs of each target where no time is given.
const INPUTS: u64 = 2_000;

fn kept(name: &str) -> Vec<Vec<u8>> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
    let mut files: Vec<_> =
        std::fs::read_dir(&corpus).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{} is empty", corpus.display());
    files.iter().map(|file| std::fs::read(file).unwrap()).collect()
}

#[test]
fn what_fuzzing_has_kept_is_read_or_refused() {
    for (name, run) in TARGETS {
        kept(name).iter().for_each(|input| run(input));
    }
}

/// For minutes, and each time from another seed:
///
/// ```text
/// STOCKGATE_FUZZ_SECONDS=120 cargo test --lib inputs_by_chance -- --nocapture
/// ```
#[test]
#[allow(clippy::print_stderr, reason = "the figures are what a person runs this for")]
fn inputs_by_chance_are_read_or_refused() {
    let number = |name| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let seconds = number("STOCKGATE_FUZZ_SECONDS");
    let seed =
        number("STOCKGATE_SEED").unwrap_or(if seconds.is_some() { fastrand::u64(..) } else { 20 });
    for (name, run) in TARGETS {
        let (mut rng, mut inputs, mut done) = (fastrand::Rng::with_seed(seed), kept(name), 0_u64);
        let (began, seeds) = (clock::instant(), inputs.len());
        let is_over = |done| match seconds {
            Some(seconds) => began.elapsed() > Duration::from_secs(seconds),
            None => done >= INPUTS,
        };
        while !is_over(done) {
            let input = changed(&inputs, &mut rng);
            let ended = catch_unwind(AssertUnwindSafe(|| run(&input)));
            assert!(ended.is_ok(), "{name}, seed {seed}: {:?}", input.escape_ascii().to_string());
            done += 1;
            // Changes of what was changed reach further; the seeds stay.
            if inputs.len() < 16 * seeds {
                inputs.push(input);
            } else if rng.u8(..8) == 0 {
                let place = rng.usize(seeds..inputs.len());
                inputs[place] = input;
            }
        }
        eprintln!("{name}: {done} inputs, seed {seed}");
    }
}

fn changed(inputs: &[Vec<u8>], rng: &mut fastrand::Rng) -> Vec<u8> {
    let mut input = rng.choice(inputs).unwrap().clone();
    for _ in 0..rng.usize(1..=6) {
        change(&mut input, inputs, rng);
    }
    input.truncate(BYTES_MAX);
    input
}

fn change(input: &mut Vec<u8>, inputs: &[Vec<u8>], rng: &mut fastrand::Rng) {
    let at = rng.usize(..=input.len());
    let end = (at + rng.usize(..=16)).min(input.len());
    let with = match rng.u8(..8) {
        // Bytes go, are repeated or come from another input.
        0 => Vec::new(),
        1 => [&input[at..end], &input[at..end]].concat(),
        2 => {
            let other = rng.choice(inputs).unwrap();
            let from = rng.usize(..=other.len());
            other[from..(from + 32).min(other.len())].to_vec()
        }
        3 => rng.choice(TOKENS).unwrap().as_bytes().to_vec(),
        4 => vec![rng.u8(..)],
        5 => vec![rng.u8(b'0'..=b'9'); rng.usize(1..4)],
        6 => input[at..end].iter().map(|byte| byte ^ (1 << rng.u8(..8))).collect(),
        _ => input[at..end].iter().rev().copied().collect(),
    };
    let end = if matches!(rng.u8(..3), 0) { at } else { end };
    input.splice(at..end, with);
}

//! Runs many seeds on all processors, and prints how to repeat one that fails.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::bug::Bug;
use super::world::World;

thread_local! {
    static MESSAGE: RefCell<String> = const { RefCell::new(String::new()) };
    static QUIET: RefCell<bool> = const { RefCell::new(false) };
}

/// Runs a seed; returns the promise that was broken, if any.
pub(crate) fn run(seed: u64, bug: Option<Bug>) -> Result<u64, String> {
    run_traced(seed, bug, false).map_err(|(message, _)| message)
}

fn run_traced(seed: u64, bug: Option<Bug>, traced: bool) -> Result<u64, (String, String)> {
    keep_messages();
    QUIET.set(true);
    let mut world = World::new(seed, bug, traced);
    let ended = catch_unwind(AssertUnwindSafe(|| world.run()));
    QUIET.set(false);
    match ended {
        Ok(()) => Ok(world.trace.count()),
        Err(_) => Err((MESSAGE.take(), world.trace.text())),
    }
}

/// Runs this many seeds; panics with the command that repeats the first one that fails.
pub(crate) fn run_all(first: u64, count: u64) {
    let (next, failed) = (AtomicU64::new(first), AtomicBool::new(false));
    let failure = std::sync::Mutex::new(None);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while !failed.load(Ordering::Relaxed) {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed - first >= count {
                        return;
                    }
                    if let Err(message) = run(seed, None) {
                        failed.store(true, Ordering::Relaxed);
                        *failure.lock().unwrap() = Some((seed, message));
                    }
                }
            });
        }
    });
    if let Some((seed, message)) = failure.into_inner().unwrap() {
        panic!("{}", explained(seed, &message));
    }
}

/// The report of a seed that failed.
fn explained(seed: u64, message: &str) -> String {
    let (again, trace) = run_traced(seed, None, true).expect_err("the same seed, the same run");
    format!(
        "seed {seed}: {message}\n{}{trace}\n\nrepeat it with\n  STOCKGATE_SIM_SEED={seed} STOCKGATE_SIM_SEEDS=1 cargo test --test simulation promises\n",
        if again == message { String::new() } else { format!("(then: {again})\n") },
    )
}

/// A broken promise is a panic. Its message is kept, without a report for every seed.
fn keep_messages() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if QUIET.with_borrow(|quiet| *quiet) {
                let place = info.location().map_or(String::new(), |place| format!(" ({place})"));
                let words = info.payload_as_str().unwrap_or("a panic without words");
                MESSAGE.set(format!("{words}{place}"));
            } else {
                usual(info);
            }
        }));
    });
}

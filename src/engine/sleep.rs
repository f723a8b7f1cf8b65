//! How the writer sleeps until there is a job.
//!
//! The channel's own way to wait allocates for every sleep, and musl's allocator gives that memory back
//! to the kernel each time: two changes of the address space for a lone request, which stop the other
//! threads. This allocates nothing.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{self, Thread};
use std::time::Duration;

/// One thread sleeps, and others wake it. Clones are of the same thread.
#[derive(Clone, Debug, Default)]
pub(super) struct Sleep(Arc<Sleeper>);

#[derive(Debug, Default)]
struct Sleeper {
    thread: OnceLock<Thread>,
    sleeps: AtomicBool,
}

impl Sleep {
    /// Wakes the thread, if it sleeps or is about to. To be called once there is something to find.
    pub(super) fn wake(&self) {
        if self.0.sleeps.swap(false, Ordering::SeqCst)
            && let Some(thread) = self.0.thread.get()
        {
            thread.unpark();
        }
    }

    /// Sleeps until somebody wakes this thread or the time is over, unless `find` finds something. It is
    /// asked after others can see that this thread sleeps, so that none is missed. Always called by the
    /// same thread.
    pub(super) fn unless<T>(&self, timeout: Duration, find: impl Fn() -> Option<T>) -> Option<T> {
        self.0.thread.get_or_init(thread::current);
        self.0.sleeps.store(true, Ordering::SeqCst);
        let mut found = find();
        if found.is_none() {
            thread::park_timeout(timeout);
            found = find();
        }
        self.0.sleeps.store(false, Ordering::SeqCst);
        found
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;
    use std::sync::mpsc;

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn nothing_that_comes_is_slept_through() {
        let (sleep, arrived) = (Sleep::default(), Arc::new(AtomicU32::new(0)));
        let (seen, answers) = mpsc::channel();
        let sleeper = {
            let (sleep, arrived) = (sleep.clone(), Arc::clone(&arrived));
            move || {
                for expected in 1..=20_000 {
                    let has_come = || (arrived.load(Ordering::SeqCst) >= expected).then_some(());
                    while sleep.unless(LONG, has_come).is_none() {}
                    seen.send(expected).unwrap();
                }
            }
        };
        let sleeper = thread::spawn(sleeper);
        for number in 1..=20_000 {
            arrived.store(number, Ordering::SeqCst);
            sleep.wake();
            assert_eq!(answers.recv_timeout(LONG / 2), Ok(number));
        }
        sleeper.join().unwrap();
    }

    #[test]
    fn a_sleep_ends_by_itself() {
        let sleep = Sleep::default();
        assert_eq!(sleep.unless(Duration::from_millis(1), || None::<()>), None);
        sleep.wake();
        assert_eq!(sleep.unless(LONG, || Some(1)), Some(1));
    }
}

//! What the gateway reports about the entries that wait for the hub.

use std::thread::sleep;
use std::time::{Duration, Instant};

use super::forged;
use crate::support::bodies::one;
use crate::support::broker::Broker;
use crate::support::gateway::Gateway;
use crate::support::mqtt::Bystander;
use crate::support::patience::until;
use crate::support::terminal::{Terminal, number};

/// Ages are whole seconds, so the entries are further apart than a query takes.
#[test]
fn the_oldest_pending_entry_survives_commits_acknowledgements_and_restarts() {
    let broker = Broker::start();
    let mut gateway = Gateway::stocked_with(&broker.section(), &[("A", 10)]);
    sleep(Duration::from_secs(2));
    let second = Moment::of(|| gateway.http().ok("deduct", one("r1", "A", 1)));
    sleep(Duration::from_secs(1));
    gateway.http().ok("deduct", one("r2", "A", 1));
    let sync = gateway.sync();
    assert!(number(&sync, "oldest_pending_s") > second.age_s_at_most(), "the first: {sync}");

    forged::resume(&mut Bystander::at(&broker), 1);
    until("an acknowledgement", || number(&gateway.sync(), "acked_seq") == 1);
    second.assert_oldest(&gateway);

    gateway.restart();
    second.assert_oldest(&gateway);
    gateway.http().ok("deduct", one("r3", "A", 1));
    second.assert_oldest(&gateway);
}

/// When something happened, as far as this process knows.
struct Moment {
    from: Instant,
    to: Instant,
}

impl Moment {
    fn of<T>(done: impl FnOnce() -> T) -> Self {
        let from = Instant::now();
        done();
        Self { from, to: Instant::now() }
    }

    fn age_s_at_most(&self) -> u64 {
        self.from.elapsed().as_secs()
    }

    /// The oldest pending entry was decided at this moment.
    fn assert_oldest(&self, gateway: &Gateway) {
        let at_least = self.to.elapsed().as_secs();
        let oldest = number(&gateway.sync(), "oldest_pending_s");
        let ages = at_least..=self.age_s_at_most();
        assert!(at_least > 0 && ages.contains(&oldest), "{oldest} s is none of {ages:?}");
    }
}

use super::*;
use crate::hub::core::tests::test_hub::TestHub;
use crate::hub::core::tests::test_ledger::Ledger;
use crate::hub::reader::{FeedCursor, FeedFilter, FeedPage, feed_page, sink_figures};

fn range(position: u64, first: Seq, last: Seq, at_ms: i64) -> Range {
    Range { position, book: 1, first, last, end: last, at_ms }
}

fn planned(limit: u64, passed: (u64, Seq)) -> Vec<(u64, Seq, Seq)> {
    let ranges = vec![range(4, 1, 5, 10), range(5, 6, 9, 20), range(6, 10, 12, 90)];
    let prunable = Prunable { before_ms: 50, limit, sinks: Vec::new(), known_since_ms: i64::MAX };
    let planned = plan(ranges, &prunable, passed);
    planned.into_iter().map(|range| (range.position, range.first, range.last)).collect()
}

#[test]
fn what_is_old_and_passed_is_removed_from_the_beginning_up_to_a_limit() {
    let all = (u64::MAX, u64::MAX);
    assert_eq!(planned(100, all), [(4, 1, 5), (5, 6, 9)]);
    assert_eq!(planned(7, all), [(4, 1, 5)]);
    assert_eq!(planned(100, (5, 9)), [(4, 1, 5), (5, 6, 9)]);
    assert_eq!(planned(100, (5, 7)), [(4, 1, 5)]);
    assert_eq!(planned(100, (4, 0)), []);
    assert_eq!(planned(100, (0, 0)), []);
}

#[test]
fn the_first_range_is_cut_to_the_limit_and_to_what_every_sink_has_taken() {
    assert_eq!(planned(2, (u64::MAX, u64::MAX)), [(4, 1, 2)]);
    assert_eq!(planned(100, (4, 3)), [(4, 1, 3)]);
}

/// A hub with one range of 5 entries of a gateway, booked by an earlier version, and a later range.
fn upgraded() -> TestHub {
    let mut hub = TestHub::new();
    let mut ledger = Ledger::new(1);
    ledger.post(&[("restock", 50), ("deduct", -1), ("deduct", -1), ("deduct", -1), ("deduct", -1)]);
    hub.greet_and_send(&ledger);
    hub.receive("po-1", 5);
    hub.db("UPDATE feed SET at_ms = 0 WHERE position = 1");
    hub
}

/// What is old at 100, and these sinks have taken, and those that a worker has had since a time.
fn prunable_past(sinks: &[&str], known_since_ms: i64) -> Prunable {
    let sinks = sinks.iter().map(ToString::to_string).collect();
    Prunable { before_ms: 100, limit: 9, sinks, known_since_ms }
}

fn prune(hub: &mut TestHub, before_ms: i64, limit: u64) -> u64 {
    let prunable = Prunable { before_ms, limit, sinks: Vec::new(), known_since_ms: i64::MAX };
    hub.change(|books| books.prune(&prunable))
}

/// The events after a place; `None` if it is gone.
fn page(hub: &mut TestHub, after: FeedCursor, limit: usize) -> Option<FeedPage> {
    let filter = FeedFilter::everything();
    hub.database.read(|db| feed_page(db, after, limit, &filter)).unwrap().ok()
}

fn places(page: &FeedPage) -> Vec<(u64, Seq)> {
    let place = |cursor: FeedCursor| (cursor.position(), cursor.seq());
    page.events.iter().map(|event| place(event.cursor)).collect()
}

#[test]
fn a_range_of_an_earlier_version_is_removed_in_parts_and_the_feed_goes_on_within_it() {
    let mut hub = upgraded();
    let start = FeedCursor::default();
    let [lost, kept] = [1, 3].map(|limit| page(&mut hub, start, limit).unwrap().next);
    assert_eq!(prune(&mut hub, 100, 2), 2);
    assert_eq!((hub.entries(), hub.number("SELECT count(*) FROM feed")), (3, 2));
    assert!(page(&mut hub, lost, 9).is_none(), "what follows it is removed");
    assert_eq!(places(&page(&mut hub, kept, 9).unwrap()), [(1, 4), (1, 5), (2, 1)]);
    assert_eq!(places(&page(&mut hub, start, 1).unwrap()), [(1, 3)], "no page is empty");
    let figures = hub.database.read(|db| sink_figures(db, &["erp".into()])).unwrap();
    assert_eq!(figures[0].lag_events, 4, "of a sink that nobody has begun with");
    assert_eq!([prune(&mut hub, 100, 2), prune(&mut hub, 100, 2)], [2, 1]);
    assert_eq!((hub.entries(), hub.number("SELECT count(*) FROM feed")), (0, 1));
    assert_eq!(prune(&mut hub, 100, 2), 0);
    assert!(page(&mut hub, kept, 9).is_none());
    assert_eq!(places(&page(&mut hub, start, 9).unwrap()), [(2, 1)]);
}

#[test]
fn of_a_range_without_a_time_the_entries_go_that_are_old_by_their_own() {
    let mut hub = upgraded();
    hub.db("UPDATE entry SET at_ms = 200 WHERE seq IN (3, 5)");
    assert_eq!(prune(&mut hub, 100, 9), 2);
    assert_eq!(prune(&mut hub, 100, 9), 0, "a newer one keeps what follows it");
    assert_eq!(prune(&mut hub, 300, 9), 3);
}

#[test]
fn the_hubs_own_movements_of_an_earlier_version_are_removed_in_parts() {
    let mut hub = TestHub::new();
    ["a", "b", "c"].iter().for_each(|id| drop(hub.receive(id, 5)));
    hub.db("DELETE FROM feed WHERE position < 3");
    hub.db("UPDATE feed SET first_seq = 1, at_ms = 0");
    assert_eq!(prune(&mut hub, i64::MAX, 2), 2);
    let page = page(&mut hub, FeedCursor::default(), 9).unwrap();
    assert_eq!(places(&page), [(3, 3)]);
    assert_eq!([prune(&mut hub, i64::MAX, 2), prune(&mut hub, i64::MAX, 2)], [1, 0]);
    assert_eq!(hub.number("SELECT count(*) FROM movement"), 0);
}

#[test]
fn an_event_that_was_set_aside_keeps_what_follows_it_as_long_as_it_is_in_the_books() {
    let mut hub = upgraded();
    hub.db("INSERT INTO sink VALUES ('erp', 2, 1, '', 0, 0, NULL, 0, 0, 0)");
    hub.db("INSERT INTO sink_aside VALUES ('erp', 1, 3, 'refused', 1, 0)");
    let prunable = prunable_past(&["erp"], i64::MAX);
    assert_eq!(hub.change(|books| books.prune(&prunable)), 2);
    assert_eq!(hub.change(|books| books.prune(&prunable)), 0);
    hub.db("UPDATE sink_aside SET seq = 2");
    assert_eq!(hub.change(|books| books.prune(&prunable)), 3, "it is not in the books any more");
}

#[test]
fn a_sink_of_another_worker_counts_as_long_as_one_has_had_it_lately() {
    let mut hub = upgraded();
    hub.db("INSERT INTO sink VALUES ('elsewhere', 1, 2, 'hub-2/x', 5000, 0, NULL, 0, 0, 0)");
    assert_eq!(hub.change(|books| books.prune(&prunable_past(&[], 5_000))), 2);
    assert_eq!(hub.change(|books| books.prune(&prunable_past(&[], 5_000))), 0);
    assert_eq!(hub.change(|books| books.prune(&prunable_past(&[], 5_001))), 3, "nobody has it");
}

#[test]
fn a_sink_that_an_earlier_version_has_released_counts_from_the_first_look_on() {
    let mut hub = upgraded();
    hub.db("INSERT INTO sink VALUES ('elsewhere', 1, 2, '', 0, 0, NULL, 0, 0, 0)");
    let lately_ms = crate::clock::wall_ms() - 60_000;
    assert_eq!(hub.change(|books| books.prune(&prunable_past(&[], lately_ms))), 2);
    let first_ms = hub.number("SELECT lease_until_ms FROM sink");
    assert!(first_ms >= lately_ms);
    assert_eq!(hub.change(|books| books.prune(&prunable_past(&[], first_ms))), 0);
    assert_eq!(hub.change(|books| books.prune(&prunable_past(&[], first_ms + 1))), 3);
}

#[test]
fn a_clock_is_believed_for_a_day_after_the_newest_booking_that_is_an_hour_old_by_it() {
    const HOUR_MS: i64 = 3_600_000;
    const DAY_MS: i64 = 24 * HOUR_MS;
    let mut hub = upgraded();
    hub.db("UPDATE feed SET at_ms = 1000 WHERE position = 2");
    let time = |hub: &mut TestHub, wall_ms| hub.change(|books| books.believed_time(wall_ms));
    let mut times = |walls_ms: [i64; 2]| walls_ms.map(|wall_ms| time(&mut hub, wall_ms));
    assert_eq!(times([HOUR_MS + 5_000, 1_000 + DAY_MS]), [HOUR_MS + 5_000, 1_000 + DAY_MS]);
    assert_eq!(times([1_000 + 2 * DAY_MS, i64::MAX]), [1_000 + DAY_MS; 2]);
    // A clock that is a year ahead has booked something.
    let year_ms = 366 * DAY_MS;
    hub.db(&format!("UPDATE feed SET at_ms = {year_ms} WHERE position = 1"));
    assert_eq!(time(&mut hub, year_ms + HOUR_MS), 1_000 + DAY_MS);
    assert_eq!(time(&mut hub, year_ms + HOUR_MS + 1), year_ms + HOUR_MS + 1, "for an hour");
    hub.db("UPDATE feed SET at_ms = 9000000000000000 WHERE position = 1");
    assert_eq!(time(&mut hub, i64::MAX), 1_000 + DAY_MS, "the clock was set right");
    let before_ms = crate::clock::wall_ms();
    hub.db(&format!("UPDATE feed SET at_ms = {} WHERE position = 1", before_ms - 2 * HOUR_MS));
    let by_the_database = time(&mut hub, i64::MAX);
    assert!((before_ms - 1_000..before_ms + 60_000).contains(&by_the_database));
}

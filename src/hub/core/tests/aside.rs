//! Entries that come from a database when nothing is taken from it any more.

use super::test_hub::{ENDINGS, Ending, TestHub};
use super::test_ledger::Ledger;
use crate::hub::core::*;
use crate::hub::db::sql::SqlValue;
use crate::limits::ASIDE_MAX;
use crate::protocol::frame::Frame;
use crate::stock::Seq;

#[test]
fn entries_that_are_not_in_the_books_are_kept_aside_each_once() {
    for ending in ENDINGS {
        let (mut hub, mut old) = ended(ending);
        let known = hub.entries();
        let with_known_ones = old.resend(0, &[("deduct", -1), ("deduct", -2)]);
        for _ in 0..2 {
            assert_refused(&mut hub, &with_known_ones);
        }
        assert_eq!(kept(&mut hub), [3, 4], "{ending:?}");
        assert_refused(&mut hub, &old.resend(3, &[("deduct", -3)]));
        assert_eq!(kept(&mut hub), [3, 4, 5], "{ending:?}");
        assert_eq!(aside_count_and_known_seq(&mut hub), (3, 5), "{ending:?}");
        assert_eq!(hub.entries(), known, "{ending:?}: nothing is booked");
    }
}

#[test]
fn known_entries_that_come_again_are_not_kept_aside() {
    for ending in ENDINGS {
        let (mut hub, old) = ended(ending);
        assert_refused(&mut hub, &old.frame(0));
        assert_eq!(
            (kept(&mut hub), aside_count_and_known_seq(&mut hub)),
            (vec![], (0, 2)),
            "{ending:?}"
        );
    }
}

#[test]
fn what_is_kept_aside_of_one_database_has_a_bound() {
    let (mut hub, mut old) = ended(Ending::Fenced);
    assert_refused(&mut hub, &old.post(&[("deduct", -1)]));
    let many = ASIDE_MAX - 3;
    hub.db(&format!(
        "WITH RECURSIVE n (seq) AS (SELECT 1000000 UNION ALL SELECT seq + 1 FROM n LIMIT {many})
         INSERT INTO aside SELECT 1, seq, 0, 'A', 0, 0, NULL, 'r', 0,
             NULL, NULL, NULL, NULL, NULL FROM n"
    ));
    for changes in [1, 5, 1] {
        assert_refused(&mut hub, &old.post(&vec![("deduct", -1); changes]));
    }
    let kept = kept(&mut hub);
    assert_eq!((&kept[..3], kept.len() as u64), (&[3, 4, 5][..], ASIDE_MAX));
    assert_eq!(aside_count_and_known_seq(&mut hub), (ASIDE_MAX, 5));
    assert!(hub.balanced());
}

/// Books that end at entry 2.
fn ended(ending: Ending) -> (TestHub, Ledger) {
    let mut hub = TestHub::new();
    let mut ledger = Ledger::new(1);
    ledger.post(&[("restock", 90), ("deduct", -1)]);
    hub.greet_and_send(&ledger);
    ending.end(&mut hub, &ledger);
    (hub, ledger)
}

fn assert_refused(hub: &mut TestHub, frame: &Frame) {
    let answer = hub.answer_to(frame);
    assert!(matches!(answer, Some(FrameAnswer::Refused { .. })), "{answer:?}");
}

/// The positions of what is kept aside.
fn kept(hub: &mut TestHub) -> Vec<Seq> {
    let rows = hub.database.read(|db| db.query("SELECT seq FROM aside ORDER BY seq", &[]));
    let seq = |row: Vec<SqlValue>| match row[..] {
        [SqlValue::Int(seq)] => seq.unsigned_abs(),
        _ => panic!("{row:?}"),
    };
    rows.unwrap().into_iter().map(seq).collect()
}

/// How much is kept aside of the first database, and how far its ledger is known to go, as its
/// books say.
fn aside_count_and_known_seq(hub: &mut TestHub) -> (u64, Seq) {
    let [aside, known_seq] = ["aside", "known_seq"]
        .map(|column| hub.number(&format!("SELECT {column} FROM book WHERE id = 1")));
    (aside.unsigned_abs(), known_seq.unsigned_abs())
}

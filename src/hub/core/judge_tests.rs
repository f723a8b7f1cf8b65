use super::*;
use crate::protocol::frame::{Bound, Position};
use crate::stock::{Cause, Chain, Digest, Entry, Kind, RequestId, Sku, Taken};

const OURS: Uuid = Uuid::from_u128(1);
const OLD: Uuid = Uuid::from_u128(2);
const NEW: Uuid = Uuid::from_u128(3);

#[test]
fn entries_are_judged_by_the_position_of_the_books() {
    let books = cursor(10);
    for (first, last, verdict) in [
        (11, 15, Verdict::Apply { skip: 0 }),
        (8, 15, Verdict::Apply { skip: 3 }),
        (5, 10, Verdict::Known),
        (1, 1, Verdict::Known),
        (12, 15, Verdict::Resume),
    ] {
        assert_eq!(
            judge(Some(&books), &[], &entries(OURS, first, last)),
            verdict,
            "{first}-{last}"
        );
    }
}

#[test]
fn known_entries_of_another_ledger_are_told_apart_where_the_books_end() {
    let books = Cursor { checks: checks(99), ..cursor(10) };
    assert!(matches!(judge(Some(&books), &[], &entries(OURS, 8, 10)), Verdict::Fence(_)));
    assert_eq!(judge(Some(&books), &[], &entries(OURS, 8, 9)), Verdict::Known);
}

#[test]
fn a_greeting_is_answered_with_the_books_position() {
    assert_eq!(judge(Some(&cursor(10)), &[], &hello(OURS, 10, 10)), Verdict::Resume);
    assert_eq!(judge(Some(&cursor(10)), &[], &hello(OURS, 25, 99)), Verdict::Resume);
}

#[test]
fn a_database_that_went_on_differently_is_fenced() {
    let verdict = judge(Some(&cursor(10)), &[], &hello(OURS, 10, 11));
    assert!(matches!(verdict, Verdict::Fence(_)), "{verdict:?}");
}

#[test]
fn a_ledger_that_went_back_is_fenced_once_the_gateway_says_so() {
    assert_eq!(judge(Some(&cursor(10)), &[], &hello(OURS, 9, 9)), Verdict::Resume, "or it is late");
    let behind = |acked_seq, ledger_seq| {
        let position = Position { epoch: OURS.into(), acked_seq };
        judge(Some(&cursor(10)), &[], &Frame::Behind(Behind { position, ledger_seq }))
    };
    assert!(matches!(behind(10, 9), Verdict::Fence(_)));
    assert_eq!(behind(11, 9), Verdict::Resume, "the hub never said so");
    assert_eq!(behind(10, 10), Verdict::Resume, "this is not behind");
}

#[test]
fn a_fenced_database_stays_fenced() {
    let fenced = Cursor { fenced: Some("why".into()), ..cursor(10) };
    for frame in [hello(OURS, 20, 20), entries(OURS, 11, 12)] {
        assert_eq!(judge(Some(&fenced), &[], &frame), Verdict::Refuse("why".into()));
    }
}

#[test]
fn a_new_database_gets_new_books_by_its_greeting_only() {
    assert_eq!(judge(None, &[], &hello(NEW, 0, 0)), Verdict::NewEpoch { epoch: NEW });
    assert_eq!(judge(None, &[], &entries(NEW, 1, 2)), Verdict::NewEpoch { epoch: NEW });
    let books = cursor(10);
    assert_eq!(judge(Some(&books), &[], &hello(NEW, 0, 0)), Verdict::NewEpoch { epoch: NEW });
    assert_eq!(judge(Some(&books), &[], &entries(NEW, 11, 12)), Verdict::Ignore);
}

#[test]
fn a_replaced_database_never_comes_back() {
    for frame in [hello(OLD, 50, 50), entries(OLD, 11, 12)] {
        let verdict = judge(Some(&cursor(10)), &[OLD], &frame);
        assert!(matches!(verdict, Verdict::Refuse(_)), "{verdict:?}");
    }
}

#[test]
fn the_hubs_own_frames_are_ignored_by_the_hub() {
    let position = Position { epoch: OURS.into(), acked_seq: 1 };
    assert_eq!(judge(Some(&cursor(10)), &[], &Frame::Ack(position)), Verdict::Ignore);
}

fn cursor(acked_seq: Seq) -> Cursor {
    Cursor { epoch: OURS, acked_seq, checks: checks(acked_seq), fenced: None }
}

fn hello(epoch: Uuid, ledger_seq: Seq, digest: u64) -> Frame {
    let (epoch, checks) = (epoch.into(), checks(digest));
    Frame::Hello(Hello {
        epoch,
        ledger_seq,
        checks,
        nonce: 1,
        software: "test".into(),
        taken: Taken::default(),
        bound: Bound::default(),
    })
}

fn entries(epoch: Uuid, first: Seq, last: Seq) -> Frame {
    let entry = |seq| Entry {
        seq,
        kind: Kind::Restock,
        sku: Sku::parse("A").unwrap(),
        change: 1,
        reserved_change: 0,
        order_id: None,
        request_id: RequestId::parse("r").unwrap(),
        at_ms: 0,
        clock_trusted: true,
        cause: Cause::default(),
        trace: None,
    };
    let entries = (first..=last).map(entry).collect();
    Frame::Entries(Entries {
        epoch: epoch.into(),
        checks: checks(last),
        taken: Taken::default(),
        entries,
        decimals: None,
    })
}

fn checks(digest: u64) -> Checks {
    Checks { digest: Digest(digest), chain: Chain::Xxh3(digest) }
}

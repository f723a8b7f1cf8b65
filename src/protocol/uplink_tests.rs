use super::binding::FOREIGN_SHOWN_MS;
use super::*;
use crate::limits::{FRAME_ENTRIES_MAX, HUB_PROGRESS_MS, WINDOW_FRAMES};
use crate::protocol::drift::Figures;
use crate::protocol::frame::{Bound, Entries, Held, Hello, Position, Probe, TakenUpTo};
use crate::stock::{
    Cause, Checks, Digest, Direction, Entry, Kind, Line, Listing, Quantity, RequestId, Sku,
};

#[path = "uplink_checkpoint_tests.rs"]
mod checkpoints;
#[path = "uplink_network_tests.rs"]
mod network;
#[path = "uplink_progress_tests.rs"]
mod progress;
#[path = "uplink_trial_tests.rs"]
mod trials;

#[test]
fn nothing_is_sent_before_the_hub_has_named_its_position() {
    let mut uplink = Uplink::new(EPOCH, 10);
    assert_eq!(uplink.poll(0), None);
    uplink.handle_connected(0);
    let nonce = greeting_nonce(uplink.poll(0));
    assert_eq!(uplink.poll(1), None);
    assert!(!uplink.is_online());
    assert_eq!(uplink.handle_frame(resume(4, nonce), 2), Some(UplinkEvent::Acked(4)));
    assert!(uplink.is_online());
    assert_eq!(uplink.poll(2), Some(send(4, 10)));
}

#[test]
fn the_window_is_counted_from_the_oldest_frame() {
    let mut uplink = online(100_000);
    for frame in 1..=WINDOW_FRAMES as u64 {
        assert_eq!(uplink.poll(0), Some(send(frame - 1, 100_000)));
        uplink.sent(frame, 0);
    }
    assert_eq!(uplink.poll(0), None);
    uplink.handle_frame(ack(1), 0);
    assert_eq!(uplink.poll(0), Some(send(WINDOW_FRAMES as u64, 100_000)));
}

#[test]
fn new_entries_wait_for_the_acknowledgement_unless_they_fill_a_frame() {
    let mut uplink = online(1);
    assert_eq!(uplink.poll(0), Some(send(0, 1)), "an idle link is quick");
    uplink.sent(1, 0);
    let full = 1 + FRAME_ENTRIES_MAX as u64;
    uplink.handle_committed(full - 1, Taken::default());
    assert_eq!(uplink.poll(0), None);
    uplink.handle_committed(full, Taken::default());
    assert_eq!(uplink.poll(0), Some(send(1, full)));
    uplink.sent(700, 0);
    assert_eq!(uplink.poll(0), None);
    uplink.handle_frame(ack(1), 0);
    assert_eq!(uplink.poll(0), None, "one is still on its way");
    uplink.handle_frame(ack(700), 0);
    assert_eq!(uplink.poll(0), Some(send(700, full)));
}

#[test]
fn an_applied_transfer_is_confirmed_by_the_frame_with_its_entries() {
    let mut uplink = online(0);
    let taken = transfer_taken(1, 10);
    uplink.handle_committed(12, taken);
    let range = |after| Some(Step::SendEntries(Range { after, up_to: 12, taken }));
    assert_eq!(uplink.poll(0), range(0));
    uplink.sent(9, 0);
    uplink.handle_frame(ack(9), 0);
    assert_eq!(uplink.poll(0), range(9), "the hub counts it once it has the entries");
    uplink.sent(12, 0);
    assert_eq!(uplink.poll(0), None);
}

#[test]
fn the_frame_with_the_last_entries_confirms_an_earlier_transfer() {
    for at_seq in [10, 12] {
        let mut uplink = online(0);
        uplink.handle_committed(12, transfer_taken(1, at_seq));
        uplink.sent(12, 0);
        assert_eq!(uplink.poll(0), None, "a transfer at {at_seq}");
    }
}

#[test]
fn a_transfer_without_entries_is_confirmed_once_by_a_frame_of_its_own() {
    let mut uplink = online(5);
    uplink.sent(5, 0);
    uplink.handle_committed(5, transfer_taken(1, 5));
    assert_eq!(uplink.poll(0), Some(Step::ReportTaken(transfer_taken(1, 5))));
    assert_eq!(uplink.poll(0), None);
    let listed = Taken { catalogue: 3, ..transfer_taken(1, 5) };
    uplink.handle_committed(5, listed);
    assert!(!uplink.has_reported(3), "what is counted in its decimals waits");
    assert_eq!(uplink.poll(0), Some(Step::ReportTaken(listed)));
    assert!(uplink.has_reported(3));
}

#[test]
fn waiting_entries_will_confirm_what_is_applied() {
    let mut uplink = online(5);
    uplink.sent(5, 0);
    let taken = transfer_taken(1, 5);
    uplink.handle_committed(6, taken);
    assert_eq!(uplink.poll(0), None);
    uplink.handle_frame(ack(5), 0);
    assert_eq!(uplink.poll(0), Some(Step::SendEntries(Range { after: 5, up_to: 6, taken })));
}

#[test]
fn a_greeting_confirms_what_is_applied_to_a_hub_that_has_the_entries() {
    for (acked_seq, step) in [(10, None), (9, Some(9))] {
        let (mut uplink, taken) = (Uplink::new(EPOCH, 10), transfer_taken(1, 10));
        uplink.handle_committed(10, taken);
        uplink.handle_connected(0);
        let nonce = greeting_nonce(uplink.poll(0));
        uplink.handle_frame(resume(acked_seq, nonce), 0);
        let step = step.map(|after| Step::SendEntries(Range { after, up_to: 10, taken }));
        assert_eq!(uplink.poll(0), step, "a hub at {acked_seq}");
    }
}

#[test]
fn what_is_applied_after_a_greeting_is_confirmed_after_its_answer() {
    let mut uplink = Uplink::new(EPOCH, 0);
    uplink.handle_connected(0);
    let nonce = greeting_nonce(uplink.poll(0));
    let taken = Taken { catalogue: 1, ..Taken::default() };
    uplink.handle_committed(0, taken);
    assert_eq!(uplink.poll(0), None, "the hub has not said where it stands");
    uplink.handle_frame(resume(0, nonce), 0);
    assert_eq!(uplink.poll(0), Some(Step::ReportTaken(taken)));
}

#[test]
fn a_hub_that_repeats_an_applied_transfer_is_told_again() {
    let mut uplink = online(0);
    let taken = Taken { catalogue: 7, ..transfer_taken(2, 0) };
    uplink.handle_committed(0, taken);
    assert_eq!(uplink.poll(0), Some(Step::ReportTaken(taken)));
    for frame in [transfers(1..=2), catalogue(0, 7)] {
        assert_eq!(uplink.handle_frame(frame, 0), None);
        assert_eq!(uplink.poll(0), Some(Step::ReportTaken(taken)));
        assert_eq!(uplink.poll(0), None);
    }
}

#[test]
fn new_transfers_and_listings_are_passed_on() {
    let mut uplink = online(0);
    uplink.handle_committed(0, transfer_taken(2, 0));
    let Some(UplinkEvent::Transfers(passed_on)) = uplink.handle_frame(transfers(2..=3), 0) else {
        panic!("the third is new");
    };
    assert_eq!(passed_on.len(), 2);
    let event = uplink.handle_frame(catalogue(0, 7), 0);
    let update = CatalogueUpdate { after: 0, up_to: 7, listings: vec![listing()] };
    assert_eq!(event, Some(UplinkEvent::Update(update)));
    assert_eq!(uplink.handle_frame(probe(), 0), Some(UplinkEvent::Probe(Part::default())));
}

#[test]
fn the_first_books_that_answer_are_bound_before_anything_of_them_is_taken() {
    let mut uplink = Uplink::new(EPOCH, 5);
    uplink.handle_connected(0);
    let nonce = greeting_nonce(uplink.poll(0));
    for frame in [ack(3), transfers(1..=1), catalogue(0, 7), probe(), resume(3, nonce + 1)] {
        assert_eq!(uplink.handle_frame_of(OURS, frame, 1), None);
    }
    let bind = uplink.handle_frame_of(OURS, resume(3, nonce), 1);
    assert_eq!(bind, Some(UplinkEvent::Bind(OURS, 3)));
    assert!(!uplink.is_online(), "it is not on disk yet");

    uplink.handle_bound(Some(OURS), 2);
    let nonce = greeting_nonce(uplink.poll(2));
    let taken = uplink.handle_frame_of(OURS, resume(3, nonce), 3);
    assert_eq!(taken, Some(UplinkEvent::Acked(3)));
    assert!(uplink.is_online());
}

#[test]
fn nothing_is_taken_from_other_books_and_they_are_named_for_a_while() {
    let mut uplink = Uplink::new(EPOCH, 5).bound_to(Some(OURS));
    uplink.handle_connected(0);
    let nonce = greeting_nonce(uplink.poll(0));
    uplink.handle_frame_of(OURS, resume(3, nonce), 1);
    assert_eq!(uplink.foreign(1), None);
    let held = Frame::Held(Held { epoch: EPOCH.into(), reason: "older".into() });
    let refused = Frame::Refused(Refused { epoch: EPOCH.into(), reason: "no".into() });
    for frame in
        [resume(0, nonce), ack(5), transfers(1..=1), catalogue(0, 7), probe(), held, refused]
    {
        assert_eq!(uplink.handle_frame_of(OTHERS, frame, 10), Some(UplinkEvent::Foreign));
    }
    assert!(uplink.is_online());
    let named = uplink.foreign(10 + FOREIGN_SHOWN_MS - 1).unwrap();
    assert!(named.contains(&OTHERS.to_string()) && named.contains(&OURS.to_string()), "{named}");
    assert_eq!(uplink.foreign(10 + FOREIGN_SHOWN_MS), None);
}

#[test]
fn recovered_books_are_bound_again_and_older_ones_only_say_why() {
    let mut uplink = Uplink::new(EPOCH, 5).bound_to(Some(OURS));
    uplink.handle_connected(0);
    let nonce = greeting_nonce(uplink.poll(0));
    let older = BooksId { generation: OURS.generation - 1, ..OURS };
    for frame in [resume(3, nonce), ack(3), transfers(1..=1)] {
        assert_eq!(uplink.handle_frame_of(older, frame, 1), None);
    }
    let held = Frame::Held(Held { epoch: EPOCH.into(), reason: "the books are older".into() });
    assert_eq!(uplink.handle_frame_of(older, held, 1), None);
    assert!(uplink.is_held());
    assert_eq!(uplink.reason(), "the hub holds this gateway: the books are older");

    let nonce = greeting_nonce(uplink.poll(60_001));
    let newer = BooksId { generation: OURS.generation + 1, ..OURS };
    let bind = uplink.handle_frame_of(newer, resume(2, nonce), 60_002);
    assert_eq!(bind, Some(UplinkEvent::Bind(newer, 2)));
    uplink.handle_bound(Some(newer), 60_003);
    let nonce = greeting_nonce(uplink.poll(60_003));
    assert_eq!(
        uplink.handle_frame_of(newer, resume(2, nonce), 60_004),
        Some(UplinkEvent::Acked(2))
    );
    assert!(uplink.is_online() && !uplink.is_held());
}

const OURS: BooksId = BooksId { books: Uuid::from_u128(0xa), generation: 3 };
const OTHERS: BooksId = BooksId { books: Uuid::from_u128(0xb), generation: 3 };

#[test]
fn transfers_are_ignored_until_the_hub_has_named_its_position() {
    let mut uplink = Uplink::new(EPOCH, 10);
    uplink.handle_connected(0);
    let moves_nothing = |uplink: &mut Uplink| {
        for frame in [transfers(1..=1), catalogue(0, 1), probe()] {
            assert_eq!(uplink.handle_frame(frame, 0), None);
        }
    };
    moves_nothing(&mut uplink);
    let nonce = greeting_nonce(uplink.poll(0));
    uplink.handle_frame(resume(11, nonce), 0);
    moves_nothing(&mut uplink);
}

#[test]
fn an_answer_is_sent_right_after_the_entries_up_to_its_position() {
    let mut uplink = online(10);
    uplink.sent(4, 0);
    uplink.handle_frame(ack(4), 0);
    uplink.answer(12, content(1));
    uplink.answer(12, content(2));
    uplink.handle_committed(20, Taken::default());
    assert_eq!(uplink.poll(0), Some(send(4, 12)));
    uplink.sent(11, 0);
    uplink.handle_frame(ack(11), 0);
    assert_eq!(uplink.poll(0), Some(send(11, 12)));
    uplink.sent(12, 0);
    assert_eq!(uplink.poll(0), Some(Step::Answer(12, content(2))), "to the newest question");
    uplink.handle_frame(ack(12), 0);
    assert_eq!(uplink.poll(0), Some(send(12, 20)));
}

#[test]
fn an_answer_on_an_idle_link_is_sent_at_once() {
    let mut uplink = online(0);
    uplink.answer(0, content(1));
    assert_eq!(uplink.poll(0), Some(Step::Answer(0, content(1))));
    assert_eq!(uplink.poll(0), None);
}

#[test]
fn an_answer_at_the_hub_s_position_outlives_a_greeting() {
    let mut uplink = online(10);
    uplink.sent(10, 0);
    uplink.answer(10, content(1));
    let nonce = greeting_nonce(uplink.poll(HUB_ANSWER_MS));
    uplink.handle_frame(resume(10, nonce), HUB_ANSWER_MS);
    assert_eq!(uplink.poll(HUB_ANSWER_MS), Some(Step::Answer(10, content(1))));
}

#[test]
fn an_answer_from_before_the_hub_s_position_is_dropped_and_a_later_one_waits() {
    for (answered_at, up_to) in [(7, 10), (9, 9)] {
        let mut uplink = online(10);
        uplink.sent(5, 0);
        uplink.answer(answered_at, content(1));
        let nonce = greeting_nonce(uplink.poll(HUB_ANSWER_MS));
        uplink.handle_frame(resume(8, nonce), HUB_ANSWER_MS);
        assert_eq!(uplink.poll(HUB_ANSWER_MS), Some(send(8, up_to)), "read at {answered_at}");
    }
}

#[test]
fn an_answer_is_forgotten_with_the_connection_and_with_the_hub() {
    let mut uplink = online(10);
    uplink.answer(10, content(1));
    uplink.handle_disconnected();
    uplink.answer(10, content(1));
    uplink.handle_connected(0);
    let nonce = greeting_nonce(uplink.poll(0));
    uplink.answer(10, content(1));
    uplink.handle_frame(resume(10, nonce), 0);
    assert_eq!(uplink.poll(0), None);
    uplink.handle_committed(11, Taken::default());
    uplink.answer(11, content(1));
    uplink.sent(11, 0);
    for times in [1, 2] {
        greeting_nonce(uplink.poll(times * HUB_ANSWER_MS));
    }
    let nonce = greeting_nonce(uplink.poll(4 * HUB_ANSWER_MS));
    uplink.handle_frame(resume(11, nonce), 0);
    assert_eq!(uplink.poll(0), None);
}

#[test]
fn an_unanswered_hub_is_greeted_and_then_counts_as_offline() {
    let mut uplink = online(10);
    uplink.sent(10, 0);
    assert_eq!(uplink.poll(HUB_ANSWER_MS - 1), None);
    greeting_nonce(uplink.poll(HUB_ANSWER_MS));
    assert!(uplink.is_online(), "the link may only be slow");
    let mut asked_at = HUB_ANSWER_MS;
    for wait_ms in [1, 2, 4, 8].map(|times| times * HUB_ANSWER_MS) {
        asked_at += wait_ms;
        assert_eq!(uplink.deadline_ms(), Some(asked_at));
        let nonce = greeting_nonce(uplink.poll(asked_at));
        assert!(!uplink.is_online());
        if wait_ms == 8 * HUB_ANSWER_MS {
            uplink.handle_frame(resume(7, nonce), asked_at);
        }
    }
    assert_eq!(uplink.poll(asked_at), Some(send(7, 10)));
}

#[test]
fn a_slow_link_is_not_filled_with_repetitions() {
    let mut uplink = online(100);
    uplink.sent(50, 0);
    uplink.sent(100, 0);
    let nonce = greeting_nonce(uplink.poll(HUB_ANSWER_MS));
    assert_eq!(uplink.handle_frame(ack(50), 9_000), Some(UplinkEvent::Acked(50)));
    assert_eq!(uplink.poll(9_001), None, "the rest is on its way, and so is the question");
    assert_eq!(uplink.handle_frame(ack(100), 12_000), Some(UplinkEvent::Acked(100)));
    assert_eq!(uplink.handle_frame(resume(100, nonce), 13_000), Some(UplinkEvent::Acked(100)));
    assert_eq!(uplink.poll(13_000), None);
    assert!(uplink.is_online());
}

#[test]
fn nothing_is_sent_while_a_greeting_has_no_answer() {
    let mut uplink = online(100);
    uplink.sent(50, 0);
    let nonce = greeting_nonce(uplink.poll(HUB_ANSWER_MS));
    uplink.handle_frame(ack(50), HUB_ANSWER_MS);
    assert!(uplink.is_online());
    assert_eq!(uplink.poll(HUB_ANSWER_MS), None);
    uplink.handle_frame(resume(50, nonce), HUB_ANSWER_MS);
    assert_eq!(uplink.poll(HUB_ANSWER_MS), Some(send(50, 100)));
}

#[test]
fn a_late_answer_to_an_earlier_greeting_does_not_send_everything_again() {
    let mut uplink = online(100);
    uplink.sent(100, 0);
    let first = greeting_nonce(uplink.poll(HUB_ANSWER_MS));
    let second = greeting_nonce(uplink.poll(2 * HUB_ANSWER_MS));
    assert_eq!(uplink.handle_frame(resume(0, first), 10_100), None);
    assert_eq!(uplink.handle_frame(resume(100, second), 10_200), Some(UplinkEvent::Acked(100)));
    assert_eq!(uplink.poll(10_200), None);
}

#[test]
fn a_hub_slower_than_the_greetings_is_heard_and_late_answers_cause_no_greetings() {
    let mut uplink = online(100);
    uplink.sent(100, 0);
    let nonces = [1, 3, 7].map(|n| greeting_nonce(uplink.poll(n * HUB_ANSWER_MS)));
    assert_eq!(uplink.handle_frame(resume(40, 4), 40_000), None, "a nonce that was never sent");
    assert_eq!(uplink.handle_frame(resume(40, nonces[0]), 40_000), Some(UplinkEvent::Acked(40)));
    assert_eq!(uplink.poll(40_000), Some(send(40, 100)));
    uplink.sent(100, 40_000);
    for late in [nonces[1], nonces[2]] {
        assert_eq!(uplink.handle_frame(resume(100, late), 41_500), None);
        assert_eq!(uplink.poll(41_500), None, "no greeting");
    }
}

#[test]
fn a_hub_that_restarted_is_greeted_at_once() {
    let mut uplink = online(10);
    uplink.sent(10, 2_000);
    assert_eq!(uplink.handle_frame(resume(0, 0), 2_500), None);
    let nonce = greeting_nonce(uplink.poll(2_500));
    assert_eq!(uplink.handle_frame(resume(0, 0), 2_600), None);
    assert_eq!(uplink.poll(2_600), None, "asked already");
    assert_eq!(uplink.handle_frame(resume(3, nonce), 2_700), Some(UplinkEvent::Acked(3)));
    assert_eq!(uplink.poll(2_700), Some(send(3, 10)));
}

#[test]
fn a_hub_that_asks_to_be_greeted_is_greeted_once_a_second_at_most() {
    let mut uplink = online(0);
    for greeted_at in [0, HUB_GREETING_MS_MIN] {
        let again_at = greeted_at + HUB_GREETING_MS_MIN;
        assert_eq!(uplink.handle_frame(resume(0, 0), greeted_at + 100), None);
        assert_eq!(uplink.deadline_ms(), Some(again_at));
        let nonce = greeting_nonce(uplink.poll(again_at));
        uplink.handle_frame(resume(0, nonce), again_at);
    }
}

#[test]
fn greetings_of_one_millisecond_have_nonces_of_their_own() {
    let mut uplink = Uplink::new(EPOCH, 0);
    for nonce in [1, 2, 3] {
        uplink.handle_connected(0);
        assert_eq!(greeting_nonce(uplink.poll(0)), nonce);
    }
}

#[test]
fn an_idle_link_is_greeted_once_a_minute() {
    let mut uplink = online(0);
    assert_eq!(uplink.poll(HUB_GREETING_MS - 1), None);
    greeting_nonce(uplink.poll(HUB_GREETING_MS));
    assert!(uplink.is_online(), "it is only a question");
    greeting_nonce(uplink.poll(HUB_GREETING_MS + HUB_ANSWER_MS));
    assert!(!uplink.is_online(), "and there was no answer");
}

#[test]
fn frames_for_another_database_are_ignored() {
    let mut uplink = online(10);
    let other = Position { epoch: Uuid::from_u128(9).into(), acked_seq: 5 };
    let resume = Frame::Resume(Resume { position: other, nonce: 0 });
    assert_eq!(uplink.handle_frame(resume, 0), None);
    assert_eq!(uplink.handle_frame(Frame::Ack(other), 0), None);
    assert_eq!(uplink.poll(0), Some(send(0, 10)));
    uplink.sent(5, 0);
    assert_eq!(uplink.handle_frame(Frame::Ack(other), 0), None);
    assert_eq!(uplink.handle_frame(ack(5), 0), Some(UplinkEvent::Acked(5)));
}

#[test]
fn an_acknowledgement_of_unsent_entries_is_ignored() {
    let mut uplink = online(10);
    uplink.sent(3, 0);
    assert_eq!(uplink.handle_frame(ack(4), 0), None);
    assert_eq!(uplink.handle_frame(ack(3), 0), Some(UplinkEvent::Acked(3)));
    assert_eq!(uplink.handle_frame(ack(3), 0), None);
}

#[test]
fn an_acknowledgement_covers_the_frames_before_it_and_moves_the_next_greeting() {
    let mut uplink = online(100);
    for last_seq in [10, 20, 30] {
        uplink.sent(last_seq, 0);
    }
    assert_eq!(uplink.handle_frame(ack(9), 100), None, "it is older than every frame");
    assert_eq!(uplink.deadline_ms(), Some(HUB_ANSWER_MS));
    assert_eq!(uplink.handle_frame(ack(20), 100), Some(UplinkEvent::Acked(20)));
    assert_eq!((uplink.frames_under_way(), uplink.deadline_ms()), (1, Some(100 + HUB_ANSWER_MS)));
    assert_eq!(uplink.handle_frame(ack(30), 200), Some(UplinkEvent::Acked(30)));
    assert_eq!((uplink.frames_under_way(), uplink.deadline_ms()), (0, Some(200 + HUB_GREETING_MS)));
    uplink.sent(40, 300);
    greeting_nonce(uplink.poll(300 + HUB_ANSWER_MS));
    assert_eq!(uplink.handle_frame(ack(40), 6_000), Some(UplinkEvent::Acked(40)));
    assert_eq!(uplink.deadline_ms(), Some(6_000 + HUB_ANSWER_MS), "the greeting has no answer");
}

#[test]
fn a_hub_position_beyond_the_ledger_is_reported_to_the_operator() {
    let mut uplink = Uplink::new(EPOCH, 10);
    uplink.handle_connected(0);
    let nonce = greeting_nonce(uplink.poll(0));
    assert_eq!(uplink.handle_frame(resume(11, nonce), 0), None);
    assert!(!uplink.is_online());
    assert!(uplink.reason().contains("older copy"), "{}", uplink.reason());
    assert_eq!(uplink.poll(0), Some(Step::ReportShorterLedger { hub_seq: 11 }));
    assert_eq!(uplink.poll(0), None);
}

#[test]
fn without_a_connection_nothing_is_sent_or_accepted() {
    let mut uplink = online(10);
    uplink.sent(5, 0);
    assert_eq!((uplink.frames_under_way(), uplink.deadline_ms()), (1, Some(HUB_ANSWER_MS)));
    uplink.handle_disconnected();
    assert!(!uplink.is_online());
    assert_eq!((uplink.frames_under_way(), uplink.deadline_ms()), (0, None));
    assert_eq!(uplink.handle_frame(ack(5), 0), None);
    assert_eq!(uplink.poll(HUB_GREETING_MS), None);
}

#[test]
fn a_hub_that_refuses_the_database_is_greeted_once_a_minute() {
    let mut uplink = online(10);
    uplink.sent(5, 0);
    let reason = "it is retired".into();
    let refused = Frame::Refused(Refused { epoch: EPOCH.into(), reason });
    assert_eq!(uplink.handle_frame(refused, 500), None);
    assert!(!uplink.is_online());
    assert_eq!(uplink.reason(), "the hub refuses this database: it is retired");
    let again_at = 500 + HUB_GREETING_MS;
    assert_eq!((uplink.poll(again_at - 1), uplink.deadline_ms()), (None, Some(again_at)));
    let nonce = greeting_nonce(uplink.poll(again_at));
    assert_eq!(uplink.handle_frame(resume(5, nonce), again_at), Some(UplinkEvent::Acked(5)));
    assert!(uplink.is_online());
    assert_eq!(uplink.poll(again_at), Some(send(5, 10)));
}

#[test]
fn the_reason_tells_a_first_question_from_a_hub_that_is_silent() {
    let mut uplink = Uplink::new(EPOCH, 0);
    uplink.handle_connected(0);
    greeting_nonce(uplink.poll(0));
    assert_eq!(uplink.reason(), "waiting for the hub's first answer");
    greeting_nonce(uplink.poll(HUB_ANSWER_MS));
    assert_eq!(uplink.reason(), "the broker answers, the hub does not");
}

const EPOCH: Uuid = Uuid::from_u128(7);

fn online(ledger_seq: Seq) -> Uplink {
    let mut uplink = Uplink::new(EPOCH, ledger_seq);
    uplink.handle_connected(0);
    let nonce = greeting_nonce(uplink.poll(0));
    uplink.handle_frame(resume(0, nonce), 0);
    uplink
}

fn greeting_nonce(step: Option<Step>) -> u64 {
    match step {
        Some(Step::Greet { nonce }) => nonce,
        other => panic!("{other:?} is not a greeting"),
    }
}

fn position(acked_seq: Seq) -> Position {
    Position { epoch: EPOCH.into(), acked_seq }
}

fn resume(acked_seq: Seq, nonce: u64) -> Frame {
    Frame::Resume(Resume { position: position(acked_seq), nonce })
}

fn ack(acked_seq: Seq) -> Frame {
    Frame::Ack(position(acked_seq))
}

fn send(after: Seq, up_to: Seq) -> Step {
    Step::SendEntries(Range { after, up_to, taken: Taken::default() })
}

fn transfer_taken(transfer: u64, at_seq: Seq) -> Taken {
    Taken { transfer, at_seq, catalogue: 0 }
}

fn transfers(numbers: std::ops::RangeInclusive<u64>) -> Frame {
    let line = Line::new(sku(), Quantity::of_line(1).unwrap());
    let transfer = |number| Transfer {
        number,
        request_id: RequestId::parse("g").unwrap(),
        direction: Direction::Grant,
        lines: vec![line.clone()],
        cause: Cause::default(),
    };
    Frame::Transfers(Transfers { epoch: EPOCH.into(), transfers: numbers.map(transfer).collect() })
}

fn catalogue(after: u64, up_to: u64) -> Frame {
    Frame::Catalogue(Catalogue { epoch: EPOCH.into(), after, up_to, listings: vec![listing()] })
}

fn listing() -> Listing {
    Listing::removed(sku())
}

fn probe() -> Frame {
    Frame::Probe(Probe { epoch: EPOCH.into(), part: Part::default() })
}

fn content(units: i64) -> Content {
    Content::Figures(Figures { part: Part::default(), figures: vec![(sku(), units, 0)] })
}

fn sku() -> Sku {
    Sku::parse("A").unwrap()
}

fn hello(ledger_seq: Seq, nonce: u64, taken: Taken) -> Frame {
    let (epoch, checks) = (EPOCH.into(), checks(ledger_seq));
    let (software, bound) = ("test".into(), Bound::default());
    Frame::Hello(Hello { epoch, ledger_seq, checks, nonce, software, taken, bound })
}

fn entries(first: Seq, last: Seq, taken: Taken) -> Frame {
    let entry = |seq| Entry {
        seq,
        kind: Kind::Restock,
        sku: sku(),
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
        epoch: EPOCH.into(),
        checks: checks(last),
        taken,
        entries,
        decimals: None,
    })
}

fn checks(digest: u64) -> Checks {
    Checks { digest: Digest(digest), ..Checks::default() }
}

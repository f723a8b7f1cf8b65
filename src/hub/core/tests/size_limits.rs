//! Limits on the size of frames to a gateway: how long they are known, and what ends them.

use super::test_hub::{TestHub, gateway_id};
use crate::hub::core::*;
use crate::hub::db::BooksTransaction;
use crate::limits::{DOWN_BYTES, FRAME_TRIAL_ANSWER_MS, FRAME_TRIAL_MS};
use crate::protocol::frame::{Frame, Hello};
use crate::protocol::wire::Version;

/// A gateway that greets, on a way that has lost frames of 15.75 KiB.
struct Limited {
    hub: TestHub,
    hello: Hello,
}

impl Limited {
    fn new() -> Self {
        Self::of_version(Version::V2)
    }

    fn of_version(version: Version) -> Self {
        let mut hub = TestHub::new().of_version(version);
        let gateway = hub.stocked("gw", 1);
        let Frame::Hello(mut hello) = gateway.hello() else { panic!() };
        hello.bound.frame_bytes = 7_936;
        let mut limited = Self { hub, hello };
        limited.greet(0);
        assert_eq!(limited.lost(), [(gateway_id(), Some(16_128))]);
        limited
    }

    fn greet(&mut self, now_ms: u64) {
        let (downlink, hello) = (&mut self.hub.downlink, &self.hello);
        let known = |books: &mut BooksTransaction<'_>| {
            downlink.weigh_up(books, &gateway_id(), hello, now_ms)
        };
        self.hub.database.change(known).unwrap();
        self.hub.downlink.handle_greeting(&gateway_id());
    }

    /// A transaction begins, while the hub's own way lets this pass.
    fn begin(&mut self, bytes: usize, lost: Option<usize>) {
        self.hub.downlink.begin(Ceiling { broker: "broker:1883".into(), bytes, lost });
    }

    fn lost(&mut self) -> Vec<LimitNews> {
        self.hub.downlink.take_limit_news()
    }

    /// The size of the frame that is tried now.
    fn tried(&mut self, now_ms: u64) -> Option<usize> {
        let frames = self.hub.sent(now_ms);
        frames
            .iter()
            .find_map(|frame| if let Frame::Call(call) = frame { Some(call.bytes) } else { None })
    }

    /// What the books know.
    fn in_the_books(&mut self) -> Option<u32> {
        let books = self.hub.database.change(|books| books.books(&gateway_id())).unwrap();
        books.last().and_then(|book| book.frame_lost.as_ref()).map(|lost| lost.bytes)
    }
}

#[test]
fn a_limit_on_the_way_to_a_gateway_ends_when_it_answers_a_frame_of_that_size() {
    let mut limited = Limited::new();
    assert_eq!(limited.tried(1), None);
    limited.greet(FRAME_TRIAL_MS);
    assert_eq!(limited.tried(FRAME_TRIAL_MS), Some(16_128));
    assert_eq!(limited.tried(FRAME_TRIAL_MS + 1), None, "once");
    assert_eq!(limited.in_the_books(), Some(16_128));

    limited.greet(FRAME_TRIAL_MS + 1_000);

    assert_eq!((limited.in_the_books(), limited.lost()), (None, vec![(gateway_id(), None)]));
}

#[test]
fn a_frame_that_is_tried_is_lost_if_the_next_greeting_is_the_usual_one_or_a_connection_ends() {
    for case in 0..3 {
        let mut limited = Limited::new();
        limited.greet(FRAME_TRIAL_MS);
        assert_eq!(limited.tried(FRAME_TRIAL_MS), Some(16_128));
        let mut now_ms = FRAME_TRIAL_MS + 1_000;
        match case {
            0 => now_ms += FRAME_TRIAL_ANSWER_MS,
            1 => limited.hub.downlink.handle_offline(&gateway_id(), now_ms),
            _ => limited.hub.downlink.handle_disconnected(now_ms),
        }
        limited.greet(now_ms);
        assert_eq!((limited.in_the_books(), limited.lost()), (Some(16_128), vec![]), "{case}");
        limited.greet(now_ms + FRAME_TRIAL_MS);
        assert_eq!(limited.tried(now_ms + FRAME_TRIAL_MS), None, "the wait has doubled");
        limited.greet(now_ms + 2 * FRAME_TRIAL_MS);
        assert_eq!(limited.tried(now_ms + 2 * FRAME_TRIAL_MS), Some(16_128));
    }
}

#[test]
fn what_the_hub_s_own_broker_does_not_let_pass_is_not_tried() {
    let mut limited = Limited::new();
    limited.begin(7_936, Some(16_128));
    limited.greet(FRAME_TRIAL_MS);
    assert_eq!(limited.tried(FRAME_TRIAL_MS), None);
}

/// A broker that closes the hub's connection over a large frame is a limit on every way; it is reported
/// until a large frame may be tried.
#[test]
fn a_limit_on_the_hub_s_own_way_is_tried_in_steps_once_it_may_be_gone() {
    let mut limited = Limited::new();
    let mut now_ms = FRAME_TRIAL_MS;
    // Its broker lets frames of 7.75 KiB pass for sure, and is tried with twice as large ones first.
    for (bytes, tried) in [(7_936, 7_936), (16_128, 16_128)] {
        limited.begin(bytes, None);
        limited.greet(now_ms);
        assert_eq!(limited.tried(now_ms), Some(tried));
        limited.greet(now_ms + 100);
        now_ms += FRAME_TRIAL_MS;
    }
    assert_eq!((limited.in_the_books(), limited.lost()), (None, vec![(gateway_id(), None)]));
}

#[test]
fn a_limit_of_the_hub_s_own_way_is_tried_for_each_gateway_whose_books_have_it() {
    let mut hub = TestHub::new().of_version(Version::V2);
    let gateway = hub.stocked("gw", 1);
    let Frame::Hello(hello) = gateway.hello() else { panic!() };
    let mut limited = Limited { hub, hello };
    limited.begin(7_936, Some(16_000));
    limited.greet(0);
    assert_eq!(limited.in_the_books(), Some(16_000));
    limited.begin(DOWN_BYTES, None);
    assert_eq!(limited.tried(0), None);
    limited.greet(FRAME_TRIAL_MS);
    assert_eq!(limited.tried(FRAME_TRIAL_MS), Some(16_000));
    limited.greet(FRAME_TRIAL_MS + 100);
    assert_eq!(limited.in_the_books(), None);
}

#[test]
fn what_only_the_gateway_said_ends_with_its_next_word() {
    let mut limited = Limited::new();
    limited.hello.bound.frame_bytes = 0;
    limited.greet(1_000);
    assert_eq!((limited.in_the_books(), limited.lost()), (None, vec![(gateway_id(), None)]));
}

#[test]
fn what_was_lost_on_the_way_down_is_not_ended_by_what_passes_upwards() {
    let mut limited = Limited::new();
    limited.greet(FRAME_TRIAL_MS);
    assert_eq!(limited.tried(FRAME_TRIAL_MS), Some(16_128));
    let late_ms = FRAME_TRIAL_MS + FRAME_TRIAL_ANSWER_MS;
    limited.hello.bound.frame_bytes = 0;
    limited.greet(late_ms);
    limited.greet(late_ms + 1_000);
    assert_eq!((limited.in_the_books(), limited.lost()), (Some(16_128), vec![]));
}

#[test]
fn a_frame_that_was_to_be_tried_in_a_transaction_that_failed_was_not_sent() {
    let mut limited = Limited::new();
    limited.begin(DOWN_BYTES, None);
    limited.greet(FRAME_TRIAL_MS);
    assert_eq!(limited.tried(FRAME_TRIAL_MS), Some(16_128));
    limited.hub.downlink.handle_rollback();

    limited.begin(DOWN_BYTES, None);
    limited.greet(FRAME_TRIAL_MS + 100);

    let known = limited.in_the_books();
    assert_eq!((known, limited.lost()), (Some(16_128), vec![]), "its answer is to nothing");
    assert_eq!(limited.tried(FRAME_TRIAL_MS + 100), Some(16_128), "it is sent now");
}

#[test]
fn nothing_is_said_of_a_gateway_that_is_not_connected() {
    for case in 0..2 {
        let mut limited = Limited::new();
        assert_eq!(limited.hub.downlink.lost_bytes(), Some(16_128));
        match case {
            0 => limited.hub.downlink.handle_offline(&gateway_id(), 1_000),
            _ => limited.hub.downlink.handle_disconnected(1_000),
        }
        assert_eq!(limited.hub.downlink.lost_bytes(), None, "nobody knows");
        limited.greet(2_000);
        assert_eq!(limited.hub.downlink.lost_bytes(), Some(16_128), "it is not tried yet");
    }
}

/// It does not answer a frame that is tried.
#[test]
fn the_limit_to_a_gateway_of_version_1_ends_when_it_would_be_tried() {
    let mut limited = Limited::of_version(Version::V1);
    limited.greet(FRAME_TRIAL_MS);
    assert_eq!(limited.tried(FRAME_TRIAL_MS), None);
    assert_eq!((limited.in_the_books(), limited.lost()), (None, vec![(gateway_id(), None)]));
}

#[test]
fn a_limit_is_that_of_the_broker_with_which_it_was_found() {
    let mut hub = TestHub::new().of_version(Version::V2);
    let gateway = hub.stocked("gw", 1);
    let Frame::Hello(hello) = gateway.hello() else { panic!() };
    let mut limited = Limited { hub, hello };
    limited.hello.bound.frame_bytes = 7_936;
    limited.begin(DOWN_BYTES, None);
    limited.greet(0);
    for (broker, known) in [("broker:1883", Some(16_128)), ("broker:8883", None)] {
        limited.hub.database.change(|books| books.keep_limits_of(broker)).unwrap();
        assert_eq!(limited.in_the_books(), known, "{broker}");
    }
}

use super::*;
use crate::limits::{FRAME_BYTES_MAX, FRAME_TRIAL_MS};
use crate::protocol::frame_size::FrameLimit;

/// Online, on a way that is known to have lost frames of this size.
fn limited(bytes: usize) -> Uplink {
    let mut uplink = online(0);
    uplink.window().recall(FrameLimit { passes: 3_840, lost: bytes }, 0);
    uplink
}

fn tried(step: Option<Step>) -> (u64, usize) {
    match step {
        Some(Step::Try { nonce, bytes }) => (nonce, bytes),
        other => panic!("{other:?} is not a trial"),
    }
}

#[test]
fn a_limit_that_is_gone_is_noticed_on_an_idle_link() {
    let mut uplink = limited(7_936);
    assert_eq!(
        (uplink.poll(FRAME_TRIAL_MS - 1), uplink.deadline_ms()),
        (None, Some(FRAME_TRIAL_MS))
    );
    let nonce = greeting_nonce(uplink.poll(FRAME_TRIAL_MS));
    assert_eq!(uplink.poll(FRAME_TRIAL_MS), None, "the greeting has no answer yet");
    uplink.handle_frame(resume(0, nonce), FRAME_TRIAL_MS + 10);

    let (nonce, bytes) = tried(uplink.poll(FRAME_TRIAL_MS + 10));
    assert_eq!(bytes, 7_936);
    assert_eq!(uplink.poll(FRAME_TRIAL_MS + 10), None, "one at a time");
    assert_eq!(uplink.handle_frame(resume(0, nonce), FRAME_TRIAL_MS + 50), None);

    assert_eq!(uplink.window().lost_bytes(), None);
    assert!(uplink.is_online());
    assert_eq!(uplink.poll(FRAME_TRIAL_MS + 50), None);
    assert_eq!(uplink.deadline_ms(), Some(FRAME_TRIAL_MS + 50 + HUB_GREETING_MS));
}

#[test]
fn a_trial_is_lost_once_a_greeting_after_it_is_answered_and_the_link_stays_online() {
    let mut uplink = limited(16_128);
    let nonce = greeting_nonce(uplink.poll(FRAME_TRIAL_MS));
    uplink.handle_frame(resume(0, nonce), FRAME_TRIAL_MS);
    tried(uplink.poll(FRAME_TRIAL_MS));
    let answer_at = uplink.deadline_ms().unwrap();
    assert!(answer_at >= FRAME_TRIAL_MS + HUB_ANSWER_MS + 8_000, "time for a slow link");
    assert_eq!(uplink.poll(answer_at - 1), None);

    let nonce = greeting_nonce(uplink.poll(answer_at));
    assert!(uplink.is_online(), "only the trial is missing");
    uplink.handle_frame(resume(0, nonce), answer_at);

    assert_eq!(uplink.window().lost_bytes(), Some(16_128));
    assert_eq!(uplink.poll(answer_at), None, "it is tried again later");
}

#[test]
fn entries_are_sent_while_a_trial_is_under_way_and_none_begins_while_they_are() {
    let mut uplink = limited(7_936);
    let nonce = greeting_nonce(uplink.poll(FRAME_TRIAL_MS));
    uplink.handle_frame(resume(0, nonce), FRAME_TRIAL_MS);
    tried(uplink.poll(FRAME_TRIAL_MS));
    uplink.handle_committed(5, Taken::default());
    assert_eq!(uplink.poll(FRAME_TRIAL_MS), Some(send(0, 5)));
    uplink.sent(5, FRAME_TRIAL_MS);
    assert_eq!(uplink.handle_frame(ack(5), FRAME_TRIAL_MS), Some(UplinkEvent::Acked(5)));

    let mut uplink = limited(7_936);
    let nonce = greeting_nonce(uplink.poll(FRAME_TRIAL_MS));
    uplink.handle_frame(resume(0, nonce), FRAME_TRIAL_MS);
    uplink.handle_committed(5, Taken::default());
    assert_eq!(uplink.poll(FRAME_TRIAL_MS), Some(send(0, 5)), "they go first");
    uplink.sent(5, FRAME_TRIAL_MS);
    assert_eq!(uplink.poll(FRAME_TRIAL_MS), None);
}

#[test]
fn a_connection_that_ends_over_a_trial_makes_it_wait_longer() {
    for is_cut in [true, false] {
        let mut uplink = limited(7_936);
        let nonce = greeting_nonce(uplink.poll(FRAME_TRIAL_MS));
        uplink.handle_frame(resume(0, nonce), FRAME_TRIAL_MS);
        tried(uplink.poll(FRAME_TRIAL_MS));

        uplink.handle_lost(is_cut, FRAME_TRIAL_MS);
        uplink.handle_connected(FRAME_TRIAL_MS);
        let nonce = greeting_nonce(uplink.poll(FRAME_TRIAL_MS));
        uplink.handle_frame(resume(0, nonce), FRAME_TRIAL_MS);

        assert_eq!(uplink.poll(FRAME_TRIAL_MS), None);
        assert_eq!(uplink.window().trial_at_ms(), Some(3 * FRAME_TRIAL_MS));
    }
}

#[test]
fn a_connection_that_was_closed_over_a_large_frame_is_followed_by_a_trial() {
    for (is_cut, known) in [(true, Some(3_800)), (false, None)] {
        let mut uplink = online(100);
        uplink.sent(100, 0);
        uplink.window().weighed(100, (3_800, 3_840), false);
        uplink.handle_lost(true, 0);
        uplink.handle_connected(1_000);
        let nonce = greeting_nonce(uplink.poll(1_000));
        uplink.handle_frame(resume(100, nonce), 1_000);
        assert_eq!((uplink.poll(5_999), uplink.window().lost_bytes()), (None, None));

        assert_eq!(tried(uplink.poll(6_000)).1, 3_800);
        uplink.handle_lost(is_cut, 6_100);

        assert_eq!(uplink.window().lost_bytes(), known, "closed by the broker: {is_cut}");
        assert_eq!(uplink.window().trial_at_ms().is_some(), is_cut);
    }
}

#[test]
fn a_trial_is_no_larger_than_a_frame_may_be() {
    let mut uplink = Uplink::new(EPOCH, 0);
    uplink.window().recall(FrameLimit { passes: 3_840, lost: 1 << 30 }, 0);
    assert_eq!(uplink.window().trial_bytes(), Some(FRAME_BYTES_MAX));
}

//! When a hub that answers counts as offline, as it confirms nothing.

use super::*;

/// As with two hubs that share the frames of one broker, of which only one keeps the books.
#[test]
fn a_hub_that_answers_and_confirms_nothing_counts_as_offline() {
    let mut uplink = online(10);
    let mut now_ms = 0;
    uplink.sent(10, now_ms);
    while now_ms < HUB_PROGRESS_MS {
        assert!(uplink.is_online(), "after {now_ms} ms");
        now_ms += HUB_ANSWER_MS;
        let nonce = greeting_nonce(uplink.poll(now_ms));
        uplink.handle_frame(resume(0, nonce), now_ms);
        assert_eq!(uplink.poll(now_ms), Some(send(0, 10)));
        uplink.sent(10, now_ms);
    }
    assert!(!uplink.is_online());
    assert_eq!(uplink.reason(), "the hub answers, but confirms no entry");
    uplink.handle_frame(ack(10), now_ms);
    uplink.poll(now_ms);
    assert!(uplink.is_online());
    // It is polled once a minute while there is nothing to do.
    uplink.handle_committed(11, Taken::default());
    uplink.poll(now_ms + HUB_PROGRESS_MS + 1);
    assert!(uplink.is_online(), "nothing has waited before");
    uplink.poll(now_ms + 2 * HUB_PROGRESS_MS + 1);
    assert!(!uplink.is_online());
}

#[test]
fn a_hub_that_was_away_counts_as_online_once_it_answers() {
    let mut uplink = online(10);
    uplink.sent(10, 0);
    let (mut now_ms, mut nonce) = (0, 0);
    while now_ms < HUB_PROGRESS_MS {
        now_ms = uplink.deadline_ms().unwrap();
        nonce = greeting_nonce(uplink.poll(now_ms));
    }
    assert!(!uplink.is_online());
    uplink.handle_frame(resume(0, nonce), now_ms);
    assert_eq!(uplink.poll(now_ms), Some(send(0, 10)));
    assert!(uplink.is_online());
}

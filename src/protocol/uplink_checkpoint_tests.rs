use super::*;
use crate::stock::SignedPosition;

#[test]
fn a_signature_follows_the_entries_up_to_it_and_precedes_those_after_it() {
    let mut uplink = online(9);
    uplink.handle_signed(Some(signed(5)));
    assert_eq!(uplink.poll(0), Some(send(0, 5)));
    uplink.sent(3, 0);
    uplink.handle_frame(ack(3), 0);
    assert_eq!(uplink.poll(0), Some(send(3, 5)), "not all fitted the frame");
    uplink.sent(5, 0);
    assert_eq!(uplink.poll(0), Some(Step::SendCheckpoint(signed(5))));
    uplink.handle_frame(ack(5), 0);
    assert_eq!(uplink.poll(0), Some(send(5, 9)));
    uplink.sent(9, 0);
    uplink.handle_frame(ack(9), 0);
    assert_eq!(uplink.poll(0), None, "it is sent once");
    uplink.handle_signed(Some(signed(9)));
    assert_eq!(uplink.poll(0), Some(Step::SendCheckpoint(signed(9))));
}

#[test]
fn a_signature_that_the_hub_is_beyond_is_left_to_the_next_one() {
    let mut uplink = Uplink::new(EPOCH, 9);
    uplink.handle_signed(Some(signed(5)));
    uplink.handle_connected(0);
    let nonce = greeting_nonce(uplink.poll(0));
    uplink.handle_frame(resume(7, nonce), 0);
    assert_eq!(uplink.poll(0), Some(send(7, 9)));
}

#[test]
fn a_signature_is_sent_again_after_what_may_have_lost_it() {
    let mut uplink = online(5);
    uplink.handle_signed(Some(signed(5)));
    uplink.sent(5, 0);
    assert_eq!(uplink.poll(0), Some(Step::SendCheckpoint(signed(5))));
    uplink.handle_frame(ack(5), 0);
    for is_lost in [false, true] {
        let now_ms = uplink.deadline_ms().unwrap();
        if is_lost {
            uplink.handle_connected(now_ms);
        }
        let nonce = greeting_nonce(uplink.poll(now_ms));
        uplink.handle_frame(resume(5, nonce), now_ms);
        let expected = is_lost.then_some(Step::SendCheckpoint(signed(5)));
        assert_eq!(uplink.poll(now_ms), expected, "the connection was lost: {is_lost}");
    }
    let now_ms = uplink.deadline_ms().unwrap();
    uplink.handle_call(now_ms);
    let nonce = greeting_nonce(uplink.poll(now_ms));
    uplink.handle_frame(resume(5, nonce), now_ms);
    let again = Some(Step::SendCheckpoint(signed(5)));
    assert_eq!(uplink.poll(now_ms), again, "a hub that asks for a greeting was away");
}

#[test]
fn a_signature_that_arrived_before_the_entries_up_to_it_is_sent_again() {
    let mut uplink = online(5);
    uplink.handle_signed(Some(signed(5)));
    uplink.sent(5, 0);
    assert_eq!(uplink.poll(0), Some(Step::SendCheckpoint(signed(5))));
    // The frame with the entries was lost.
    let now_ms = uplink.deadline_ms().unwrap();
    let nonce = greeting_nonce(uplink.poll(now_ms));
    uplink.handle_frame(resume(0, nonce), now_ms);
    assert_eq!(uplink.poll(now_ms), Some(send(0, 5)));
    uplink.sent(5, now_ms);
    assert_eq!(uplink.poll(now_ms), Some(Step::SendCheckpoint(signed(5))));
}

fn signed(seq: Seq) -> SignedPosition {
    SignedPosition { seq, chain: [7; 32], at_ms: 1, signature: [8; 64] }
}

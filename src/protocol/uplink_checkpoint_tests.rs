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

#[test]
fn every_ten_thousandth_entry_of_a_backlog_is_followed_by_its_signature() {
    let mut uplink = online(34_000);
    uplink.handle_signed(Some(signed(33_000)));
    let (mut sent, mut asked) = (Vec::new(), Vec::new());
    loop {
        if let Some(seq) = uplink.wanted_signature() {
            asked.push(seq);
            // That of the second one was lost to damage.
            uplink.handle_earlier(seq, Some(signed(seq)).filter(|_| seq != 20_000));
        }
        match uplink.poll(0) {
            Some(Step::SendEntries(range)) => {
                let last = range.up_to.min(range.after + 4_000);
                sent.push(last);
                uplink.sent(last, 0);
                uplink.handle_frame(ack(last), 0);
            }
            Some(Step::SendCheckpoint(signed)) => sent.push(signed.seq),
            None => break,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(asked, [10_000, 20_000, 30_000]);
    let to_the_first = [4_000, 8_000, 10_000, 10_000];
    let to_the_third = [14_000, 18_000, 22_000, 26_000, 30_000, 30_000, 33_000, 33_000, 34_000];
    assert_eq!(sent, [&to_the_first[..], &to_the_third[..]].concat());
}

#[test]
fn a_signature_on_the_way_is_sent_again_after_what_may_have_lost_it() {
    let mut uplink = online(12_000);
    uplink.handle_signed(Some(signed(12_000)));
    assert_eq!(uplink.wanted_signature(), Some(10_000));
    uplink.handle_earlier(10_000, Some(signed(10_000)));
    uplink.sent(10_000, 0);
    assert_eq!(uplink.poll(0), Some(Step::SendCheckpoint(signed(10_000))));
    uplink.handle_connected(1);
    assert_eq!(uplink.wanted_signature(), None, "the hub has not named its position");
    let nonce = greeting_nonce(uplink.poll(1));
    uplink.handle_frame(resume(10_000, nonce), 1);
    assert_eq!(uplink.wanted_signature(), None, "it is known");
    assert_eq!(uplink.poll(1), Some(Step::SendCheckpoint(signed(10_000))));
    assert_eq!(uplink.poll(1), Some(send(10_000, 12_000)));
}

fn signed(seq: Seq) -> SignedPosition {
    SignedPosition { seq, chain: [7; 32], at_ms: 1, signature: [8; 64] }
}

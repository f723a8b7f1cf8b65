//! Ledgers that go over from the older chain to the newer one.

use super::test_hub::TestHub;
use super::test_ledger::Ledger;
use crate::hub::core::FrameAnswer;

#[test]
fn a_ledger_goes_over_to_the_newer_chain_anywhere() {
    for sent_before in [true, false] {
        let mut hub = TestHub::new();
        let mut ledger = Ledger::new(1);
        hub.answer_to(&ledger.hello());
        let old = ledger.post(&[("restock", 5)]);
        if sent_before {
            hub.answer_to(&old);
        }
        ledger.checks.chain = ledger.checks.chain.upgraded(1);
        hub.answer_to(&ledger.hello());
        let new = ledger.post(&[("deduct", -1)]);
        let answers = [old, new].map(|frame| hub.answer_to(&frame));
        let [_, Some(FrameAnswer::Ack { acked_seq, .. })] = answers else {
            panic!("{answers:?}");
        };
        assert_eq!((acked_seq, hub.on_hand()), (2, 4));
        hub.answer_to(&ledger.post(&[("deduct", -1)]));
        assert_eq!(hub.on_hand(), 3, "the chain is kept");
    }
}

#[test]
fn a_ledger_that_goes_over_with_another_past_is_fenced() {
    let mut hub = TestHub::new();
    let mut ledger = Ledger::new(1);
    hub.answer_to(&ledger.hello());
    hub.answer_to(&ledger.post(&[("restock", 5)]));
    ledger.checks.chain = ledger.checks.chain.upgraded(7);
    let answer = hub.answer_to(&ledger.post(&[("deduct", -1)]));
    assert!(matches!(answer, Some(FrameAnswer::Refused { .. })), "{answer:?}");
}

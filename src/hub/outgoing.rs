//! Frames that wait for the broker's client.
//!
//! The client takes a few frames at a time. What it cannot take yet waits here: of each gateway
//! the newest frame of each class, because a newer one says all that an older one did. So nothing
//! that was said is dropped, and what waits is bounded by the number of gateways.

use std::collections::{BTreeMap, VecDeque};

use super::core::FrameAnswer;
use crate::limits::OUTGOING_BULK_MAX;
use crate::protocol::Frame;
use crate::protocol::topic::GatewayId;
use crate::protocol::wire::Version;

/// The classes of frames, the most urgent first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    /// Resume, Ack and Refused.
    Answer,
    Transfers,
    /// What asks for a greeting.
    Call,
    Probe,
    Catalogue,
}

const CLASSES: [Class; 5] =
    [Class::Answer, Class::Transfers, Class::Call, Class::Probe, Class::Catalogue];

/// One frame in so many is taken from the least urgent class, which would starve otherwise.
const TURNS: u32 = 8;

#[derive(Debug)]
enum Waiting {
    Answer(Version, FrameAnswer),
    Frame(Version, Frame),
}

/// What waits for the client.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    frames: BTreeMap<(GatewayId, Class), Waiting>,
    /// The gateways with a frame of each class, in the order in which they will be served.
    order: [VecDeque<GatewayId>; CLASSES.len()],
    turn: u32,
}

impl Outgoing {
    /// Adds an answer. One that waits already is joined with it.
    pub(super) fn put_answer(&mut self, gateway: GatewayId, version: Version, answer: FrameAnswer) {
        let earlier = self.frames.get(&(gateway.clone(), Class::Answer));
        let earlier = earlier.and_then(|waiting| match waiting {
            Waiting::Answer(_, answer) => Some(answer),
            Waiting::Frame(..) => None,
        });
        let answer = answer.joined_to(earlier);
        self.put(gateway, Class::Answer, Waiting::Answer(version, answer));
    }

    /// Adds a frame, in place of one of its class that waits already.
    pub(super) fn put_frame(&mut self, gateway: GatewayId, version: Version, frame: Frame) {
        let class = if matches!(frame, Frame::Transfers(_)) {
            Class::Transfers
        } else if matches!(frame, Frame::Catalogue(_)) {
            Class::Catalogue
        } else if matches!(frame, Frame::Resume(_) | Frame::Call(_)) {
            Class::Call
        } else {
            Class::Probe
        };
        self.put(gateway, class, Waiting::Frame(version, frame));
    }

    fn put(&mut self, gateway: GatewayId, class: Class, waiting: Waiting) {
        if self.frames.insert((gateway.clone(), class), waiting).is_none() {
            self.order[class as usize].push_back(gateway);
        }
    }

    /// Takes the next frame, and the version in which to write it.
    pub(super) fn next(&mut self) -> Option<(GatewayId, Version, Frame)> {
        self.turn = (self.turn + 1) % TURNS;
        let has_some = |class: &&Class| !self.order[**class as usize].is_empty();
        let class = match self.turn {
            0 => CLASSES.iter().rev().find(has_some),
            _ => CLASSES.iter().find(has_some),
        };
        let class = *class?;
        let gateway = self.order[class as usize].pop_front()?;
        let key = (gateway, class);
        let waiting = self.frames.remove(&key)?;
        let (version, frame) = match waiting {
            Waiting::Answer(version, answer) => (version, answer.frame()),
            Waiting::Frame(version, frame) => (version, frame),
        };
        Some((key.0, version, frame))
    }

    /// Drops everything: the connection is lost, and each gateway will be told again.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// How many frames wait.
    pub(super) fn len(&self) -> usize {
        self.frames.len()
    }

    /// How many more frames other than answers may be made now. They are large, and are made from
    /// the books again whenever there is room.
    pub(super) fn room(&self) -> usize {
        OUTGOING_BULK_MAX.saturating_sub(self.bulk())
    }

    /// The gateways for which such frames wait.
    pub(super) fn busy(&self) -> impl Iterator<Item = &GatewayId> {
        self.order[Class::Transfers as usize..].iter().flatten()
    }

    fn bulk(&self) -> usize {
        self.order[Class::Transfers as usize..].iter().map(VecDeque::len).sum()
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::hub::core::tests::test_hub::named;
    use crate::protocol::drift::Part;
    use crate::protocol::frame::{Catalogue, Position, Probe, Resume};
    use crate::protocol::wire::Version::V2;

    #[test]
    fn the_newest_answer_of_each_gateway_waits_with_the_nonce_of_its_greeting() {
        let mut outgoing = Outgoing::default();
        outgoing.put_answer(named("a"), V2, resume(3, 7));
        for seq in 4..900 {
            outgoing.put_answer(named("a"), V2, ack(seq));
            outgoing.put_answer(named("b"), V2, ack(seq));
        }
        assert_eq!(outgoing.len(), 2);
        let Some((gateway, _, Frame::Resume(Resume { position, nonce }))) = outgoing.next() else {
            panic!("a greeting is answered")
        };
        assert_eq!((gateway, position.acked_seq, nonce), (named("a"), 899, 7));
        let Some((gateway, _, Frame::Ack(position))) = outgoing.next() else { panic!("an ack") };
        assert_eq!((gateway, position.acked_seq), (named("b"), 899));
        assert!(outgoing.next().is_none());
    }

    #[test]
    fn answers_go_first_and_catalogues_do_not_starve() {
        let mut outgoing = Outgoing::default();
        for n in 0..20 {
            outgoing.put_frame(named(&format!("c{n}")), V2, catalogue(1));
        }
        let mut sent = Vec::new();
        for n in 0..32 {
            outgoing.put_answer(named(&format!("g{n}")), V2, ack(1));
            let (_, _, frame) = outgoing.next().unwrap();
            sent.push(matches!(frame, Frame::Catalogue(_)));
        }
        assert_eq!(sent.iter().filter(|is_catalogue| **is_catalogue).count(), 4);
        assert!(!sent[0], "the answer is first");
    }

    #[test]
    fn a_newer_frame_takes_the_place_of_one_of_its_class() {
        let mut outgoing = Outgoing::default();
        outgoing.put_frame(named("a"), V2, catalogue(1));
        outgoing.put_frame(named("a"), V2, probe());
        outgoing.put_frame(named("a"), V2, call());
        outgoing.put_frame(named("a"), V2, catalogue(2));
        assert_eq!((outgoing.len(), outgoing.room()), (3, OUTGOING_BULK_MAX - 3));
        assert!(
            matches!(outgoing.next(), Some((_, _, Frame::Resume(_)))),
            "not in place of the probe"
        );
        assert!(matches!(outgoing.next(), Some((_, _, Frame::Probe(_)))));
        let Some((_, _, Frame::Catalogue(newest))) = outgoing.next() else { panic!("a catalogue") };
        assert_eq!(newest.after, 2);
    }

    fn resume(acked_seq: u64, nonce: u64) -> FrameAnswer {
        FrameAnswer::Resume { epoch: Uuid::nil(), acked_seq, nonce }
    }

    fn ack(acked_seq: u64) -> FrameAnswer {
        FrameAnswer::Ack { epoch: Uuid::nil(), acked_seq }
    }

    fn catalogue(after: u64) -> Frame {
        let epoch = Uuid::nil().into();
        Frame::Catalogue(Catalogue { epoch, after, up_to: after + 1, listings: Vec::new() })
    }

    fn call() -> Frame {
        let position = Position { epoch: Uuid::nil().into(), acked_seq: 0 };
        Frame::Resume(Resume { position, nonce: 0 })
    }

    fn probe() -> Frame {
        Frame::Probe(Probe { epoch: Uuid::nil().into(), part: Part::default() })
    }
}

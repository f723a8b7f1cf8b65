//! Events as they go over the line, written once for all who listen and sent as they are: what
//! many get is neither framed nor copied for each of them.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::pin::Pin;
use std::sync::OnceLock;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use tokio::io::AsyncWrite;
use tokio_tungstenite::tungstenite::protocol::frame::Frame as Framed;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::wire::Wire;

/// Frames that are handed to the kernel at once.
const FRAMES_AT_ONCE: usize = 16;
/// A frame's head, at most.
const HEAD_BYTES: usize = 10;

/// A whole WebSocket message in one frame.
pub(super) type Frame = Bytes;

/// The frame of a message.
pub(super) fn frame(message: Message) -> Frame {
    let data = if message.is_text() { Data::Text } else { Data::Binary };
    let payload = message.into_data();
    let mut frame = Vec::with_capacity(HEAD_BYTES + payload.len());
    let framed = Framed::message(payload, OpCode::Data(data), true).format(&mut frame);
    framed.expect("memory takes what is written to it");
    frame.into()
}

/// A frame for many, written at most once in each way.
#[derive(Debug, Default)]
pub(super) struct Written([OnceLock<Frame>; 2]);

impl Written {
    /// The frame, written now if it was not before.
    pub(super) fn on(&self, wire: Wire, write: impl FnOnce(Wire) -> Message) -> Frame {
        self.0[wire as usize].get_or_init(|| frame(write(wire))).clone()
    }
}

/// Frames on their way to a terminal.
#[derive(Debug, Default)]
pub(super) struct Unsent {
    frames: VecDeque<Frame>,
    /// Whether a part of the first has been sent.
    is_begun: bool,
}

impl Unsent {
    pub(super) fn push(&mut self, frame: Frame) {
        self.frames.push_back(frame);
    }

    /// Leaves what need not be sent: all but the frame that is begun.
    pub(super) fn drop_unbegun(&mut self) {
        self.frames.truncate(self.is_begun.into());
    }

    pub(super) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Sends all of them. What is begun has to be ended before anything else is sent.
    pub(super) fn poll_send<S: AsyncWrite + Unpin>(
        &mut self,
        context: &mut Context<'_>,
        mut stream: &mut S,
    ) -> Poll<Result<(), Error>> {
        while !self.is_empty() {
            let mut parts = [IoSlice::new(&[]); FRAMES_AT_ONCE];
            let count = self.frames.len().min(FRAMES_AT_ONCE);
            for (part, frame) in parts.iter_mut().zip(&self.frames) {
                *part = IoSlice::new(frame);
            }
            match ready!(Pin::new(&mut stream).poll_write_vectored(context, &parts[..count]))? {
                0 => return Poll::Ready(Err(Error::ConnectionClosed)),
                sent => self.forget(sent),
            }
        }
        Pin::new(stream).poll_flush(context).map_err(Error::from)
    }

    fn forget(&mut self, mut bytes: usize) {
        while let Some(frame) = self.frames.front_mut().filter(|_| bytes > 0) {
            let sent = bytes.min(frame.len());
            frame.advance(sent);
            bytes -= sent;
            self.is_begun = !frame.is_empty();
            if !self.is_begun {
                self.frames.pop_front();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    /// Takes so many bytes at a time, and every other time none.
    struct Slow {
        taken: Vec<u8>,
        at_once: usize,
        is_full: bool,
    }

    impl AsyncWrite for Slow {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.is_full = !self.is_full;
            if self.is_full {
                return Poll::Pending;
            }
            let count = bytes.len().min(self.at_once);
            self.taken.extend_from_slice(&bytes[..count]);
            Poll::Ready(Ok(count))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_write_vectored(
            self: Pin<&mut Self>,
            context: &mut Context<'_>,
            parts: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            let all: Vec<u8> = parts.iter().flat_map(|part| part.iter().copied()).collect();
            self.poll_write(context, &all)
        }
    }

    #[test]
    fn a_frame_is_what_a_terminal_reads() {
        assert_eq!(frame(Message::text("ab")).as_ref(), b"\x81\x02ab");
        assert_eq!(frame(Message::binary(vec![7; 200]))[..5], [0x82, 126, 0, 200, 7]);
    }

    #[test]
    fn only_what_is_begun_has_to_be_ended() {
        let mut context = Context::from_waker(std::task::Waker::noop());
        for (at_once, left) in [(0, ""), (4, ""), (5, "\x02b2"), (8, "")] {
            let mut unsent = Unsent::default();
            ["a1", "b2", "c3"].iter().for_each(|text| unsent.push(frame(Message::text(*text))));
            let mut slow = Slow { taken: Vec::new(), at_once, is_full: at_once > 0 };
            let _ = unsent.poll_send(&mut context, &mut slow);
            unsent.drop_unbegun();
            assert_eq!(
                unsent.frames.iter().flatten().copied().collect::<Vec<_>>(),
                left.as_bytes()
            );
        }
    }

    #[test]
    fn frames_go_out_whole_and_in_order_whatever_the_line_takes() {
        for at_once in [1, 3, 7, 1_000] {
            let mut unsent = Unsent::default();
            let frames: Vec<_> = (0..40).map(|n| frame(Message::text("x".repeat(n)))).collect();
            frames.iter().for_each(|frame| unsent.push(frame.clone()));
            let mut slow = Slow { taken: Vec::new(), at_once, is_full: false };
            let mut context = Context::from_waker(std::task::Waker::noop());
            while unsent.poll_send(&mut context, &mut slow).is_pending() {}
            assert!(unsent.is_empty());
            assert_eq!(slow.taken, frames.concat());
        }
    }
}

//! The body of a request of which several arrive on one connection.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};

use super::body::BodyError;
use super::connection_permit::ConnectionPermit;

/// A body whose bytes count as unfinished input of its connection until it is dropped. It ends with
/// an error when the budget of all connections is used up.
#[derive(Debug)]
pub struct CountedBody {
    body: Incoming,
    permit: ConnectionPermit,
    counted: usize,
    counted_max: usize,
}

impl CountedBody {
    pub(super) fn new(body: Incoming, permit: ConnectionPermit) -> Self {
        Self { body, permit, counted: 0, counted_max: usize::MAX }
    }

    /// Counts no more than so many bytes: what reads the body keeps no more.
    #[must_use]
    pub fn counting_at_most(mut self, bytes: usize) -> Self {
        self.counted_max = bytes;
        self
    }
}

impl Body for CountedBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        let Some(Ok(frame)) = frame else {
            return Poll::Ready(frame.map(|broken| broken.map_err(|_| BodyError::Broken)));
        };
        let bytes = frame.data_ref().map_or(0, Bytes::len).min(self.counted_max - self.counted);
        self.counted += bytes;
        let kept = self.permit.keep(bytes).map_err(|_| BodyError::NoRoom);
        Poll::Ready(Some(kept.map(|()| frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for CountedBody {
    fn drop(&mut self) {
        self.permit.give_back(self.counted);
    }
}

//! One budget for the long answers that the clients of a port have not read yet. Each is held in
//! memory until it is sent, for as long as a client may leave its connection unread.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::FutureExt as _;
use http_body_util::BodyExt as _;
use hyper::Response;
use hyper::body::{Body as _, Bytes};

use super::buffer_budget::take;
use super::response::{HttpResponse, ResponseBody};
use crate::limits::{OUTGOING_BYTES_FREE, OUTGOING_BYTES_MAX};
use crate::problem::{Code, Problem};

/// The budget of a port.
#[derive(Debug, Default)]
pub struct OutgoingBudget {
    taken: AtomicUsize,
}

/// An answer on its way. It counts until it is dropped.
struct Held {
    bytes: Bytes,
    budget: Arc<OutgoingBudget>,
}

impl OutgoingBudget {
    /// Counts an answer until it is sent, unless it is short.
    ///
    /// # Errors
    /// `overloaded` if too much waits for clients to read it.
    pub fn hold(self: &Arc<Self>, bytes: Bytes) -> Result<Bytes, Problem> {
        if bytes.len() <= OUTGOING_BYTES_FREE {
            return Ok(bytes);
        }
        take(&self.taken, bytes.len(), OUTGOING_BYTES_MAX).map_err(|_| {
            let message = "too many long answers wait to be read; ask for less, or again later";
            Problem::new(Code::Overloaded, message)
        })?;
        Ok(self.counted(bytes))
    }

    /// As [`Self::hold`], for a response. What was changed has to be answered, so only queries are
    /// refused.
    ///
    /// # Errors
    /// As [`Self::hold`].
    pub(super) fn hold_response(
        self: &Arc<Self>,
        response: HttpResponse,
        is_query: bool,
    ) -> Result<HttpResponse, Problem> {
        let length = response.body().size_hint().exact();
        if length.is_none_or(|length| length <= OUTGOING_BYTES_FREE as u64) {
            return Ok(response);
        }
        let (head, mut body) = response.into_parts();
        let frame = body.frame().now_or_never().flatten().and_then(Result::ok);
        let bytes = frame.and_then(|frame| frame.into_data().ok()).unwrap_or_default();
        // What is part of the program, or is sent to others as well, is in memory anyhow.
        let bytes = match (bytes.is_unique(), is_query) {
            (false, _) => bytes,
            (true, true) => self.hold(bytes)?,
            (true, false) => {
                self.taken.fetch_add(bytes.len(), Ordering::Relaxed);
                self.counted(bytes)
            }
        };
        Ok(Response::from_parts(head, ResponseBody::new(bytes)))
    }

    fn counted(self: &Arc<Self>, bytes: Bytes) -> Bytes {
        Bytes::from_owner(Held { bytes, budget: Arc::clone(self) })
    }
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.budget.taken.fetch_sub(self.bytes.len(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::http::{json, text};

    const LONG: usize = 1 << 20;

    fn long() -> String {
        "x".repeat(LONG)
    }

    #[test]
    fn long_answers_are_bounded_together_until_they_are_dropped() {
        let budget = Arc::<OutgoingBudget>::default();
        let count = OUTGOING_BYTES_MAX / LONG;
        let mut held: Vec<_> =
            (0..count).map(|_| budget.hold_response(json(long()), true).unwrap()).collect();
        let code = |refused: Result<_, Problem>| refused.map(drop).unwrap_err().code;
        assert_eq!(code(budget.hold_response(json(long()), true)), Code::Overloaded);
        assert_eq!(code(budget.hold(long().into()).map(text)), Code::Overloaded);
        let short = "x".repeat(OUTGOING_BYTES_FREE);
        assert!(budget.hold_response(json(short.clone()), true).is_ok());
        assert!(budget.hold(short.into()).is_ok());

        // The body is one piece, which is written after the body itself is dropped.
        let mut response = held.remove(0);
        let sent = response.body_mut().frame().now_or_never().flatten().unwrap();
        let sent = sent.unwrap().into_data().unwrap();
        assert_eq!(sent.len(), LONG);
        drop(response);
        assert!(budget.hold_response(json(long()), true).is_err());
        drop(sent);
        assert!(budget.hold_response(json(long()), true).is_ok());
        drop(held);
        assert_eq!(budget.taken.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn what_was_changed_is_answered_and_what_the_program_holds_is_not_counted() {
        static PAGE: [u8; LONG] = [b'x'; LONG];
        let budget = Arc::<OutgoingBudget>::default();
        budget.taken.store(OUTGOING_BYTES_MAX, Ordering::Relaxed);
        assert!(budget.hold_response(text(Bytes::from_static(&PAGE)), true).is_ok());
        let changed = budget.hold_response(json(long()), false).unwrap();
        assert_eq!(budget.taken.load(Ordering::Relaxed), OUTGOING_BYTES_MAX + LONG);
        drop(changed);
        assert_eq!(budget.taken.load(Ordering::Relaxed), OUTGOING_BYTES_MAX);
    }
}

//! What is to be ended once its time is over: a bounded number in one change of the books. After one
//! that has failed, each is ended by itself, so that one that cannot be ended stops no others.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::db::{BooksError, BooksTransaction, Locks};
use super::jobs::{BooksChange, HubJob, RequestSender};
use crate::protocol::topic::GatewayId;
use crate::stock::RequestId;

/// Ends what these ids name; returns the gateways with new transfers.
pub(super) type End =
    fn(&mut BooksTransaction<'_>, &[RequestId]) -> Result<Vec<GatewayId>, BooksError>;

/// Ends things of one kind.
#[derive(Debug)]
pub(super) struct Due {
    requests: RequestSender,
    end: End,
    /// Whether the last change was made; `None` before it is tried.
    was_made: Option<Arc<AtomicBool>>,
}

impl Due {
    pub(super) fn new(requests: RequestSender, end: End) -> Self {
        Self { requests, end, was_made: None }
    }

    /// Has them ended, together if that has worked the last time.
    pub(super) fn end(&mut self, ids: Vec<RequestId>) {
        if ids.is_empty() {
            return;
        }
        let has_worked = self.was_made.take().is_none_or(|made| made.load(Ordering::Relaxed));
        if has_worked {
            let made = self.ask(ids);
            self.was_made = Some(made);
        } else {
            ids.into_iter().for_each(|id| drop(self.ask(vec![id])));
        }
    }

    /// Asks for a change of the books; returns whether it has been made.
    fn ask(&self, ids: Vec<RequestId>) -> Arc<AtomicBool> {
        let (made, end) = (Arc::<AtomicBool>::default(), self.end);
        let done = Arc::clone(&made);
        self.requests.try_send(HubJob::Change(BooksChange {
            locks: Locks::default(),
            apply: Box::new(move |books, gateways| {
                gateways.extend(end(books, &ids)?);
                let done = Arc::clone(&done);
                Ok(Box::new(move || done.store(true, Ordering::Relaxed)))
            }),
        }));
        made
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;
    use crate::hub::core::tests::test_hub::TestHub;

    const BAD: &str = "bad";

    fn end(
        books: &mut BooksTransaction<'_>,
        ids: &[RequestId],
    ) -> Result<Vec<GatewayId>, BooksError> {
        if ids.iter().any(|id| id.as_str() == BAD) {
            return Err(BooksError::Damaged("this one".into()));
        }
        ids.iter().for_each(|id| books.enrol(&gateway(id), 1));
        Ok(Vec::new())
    }

    fn gateway(id: &RequestId) -> GatewayId {
        GatewayId { site: "wh".into(), gateway: id.to_string() }
    }

    #[test]
    fn one_that_cannot_be_ended_stops_no_others() {
        let mut hub = TestHub::new();
        let (sender, mut asked) = RequestSender::new(16, mpsc::channel(16).0);
        let mut due = Due::new(sender, end);
        let ids = ["a", BAD, "b"].map(|id| RequestId::parse(id).unwrap()).to_vec();
        for _ in 0..2 {
            due.end(ids.clone());
            while let Ok(HubJob::Change(mut change)) = asked.try_recv() {
                let done = hub.database.change(|books| (change.apply)(books, &mut Vec::new()));
                done.into_iter().for_each(|complete| complete());
            }
        }
        assert_eq!(hub.number("SELECT count(*) FROM enrolled"), 2);
    }
}

//! What the tasks of sinks read and change in the books. Changes go through the hub's writer, in the
//! transactions that book frames, so a sink waits for no lock that the books wait for.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::hub::db::sql::Executor;
use crate::hub::db::{AsideRow, BooksError, BooksTransaction, Locks, SinkRow};
use crate::hub::jobs::{ApplyChange, BooksChange, HubJob, RequestSender};
use crate::hub::reader::{BooksReader, FeedCursor};
use crate::limits::{BOOKS_ANSWER_MAX, SINK_ASIDE_MAX, SINK_LEASE};

/// The books could not be read or changed. They report it themselves.
#[derive(Debug)]
pub(in crate::hub) struct NoBooks;

/// The way to the books.
#[derive(Clone, Debug)]
pub(in crate::hub) struct SinkBooks {
    reader: BooksReader,
    requests: RequestSender,
    /// Whether other workers may have the same books: not with SQLite.
    is_shared: bool,
}

/// What was done with the progress of a sink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Saved {
    /// With how often people have asked to try again.
    Done { retries: i64 },
    /// Another worker has the sink.
    Lost,
    /// So many events are set aside that this one was not.
    Full,
}

impl SinkBooks {
    pub(in crate::hub) fn new(
        reader: BooksReader,
        requests: RequestSender,
        is_shared: bool,
    ) -> Self {
        Self { reader, requests, is_shared }
    }

    /// Whether a sink has to be renewed to be kept.
    pub(super) fn is_shared(&self) -> bool {
        self.is_shared
    }

    pub(super) async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&mut dyn Executor) -> Result<T, BooksError> + Send + 'static,
    ) -> Result<T, NoBooks> {
        self.reader.read(query).await.map_err(|_| NoBooks)
    }

    /// Makes a sink known.
    pub(super) async fn register(&self, name: &str) -> Result<(), NoBooks> {
        let name = name.to_owned();
        self.change(move |books| {
            books.register_sink(&name);
            Ok(())
        })
        .await
    }

    /// Takes a sink for a while; `None` as long as another worker has it.
    pub(super) async fn acquire(
        &self,
        name: &str,
        owner: &str,
    ) -> Result<Option<SinkRow>, NoBooks> {
        let (name, owner, is_shared) = (name.to_owned(), owner.to_owned(), self.is_shared);
        self.change(move |books| {
            let Some((now_ms, sink)) = books.sink(&name)? else { return Ok(None) };
            if is_shared && !sink.is_free_for(&owner, now_ms) {
                return Ok(None);
            }
            let sink = SinkRow { owner: owner.clone(), lease_until_ms: lease(now_ms), ..sink };
            books.set_sink(now_ms, sink.clone());
            Ok(Some(sink))
        })
        .await
    }

    /// Saves the progress of a sink that `sink.owner` has, and takes it for another while, or releases
    /// it. `aside` is an event that is skipped.
    pub(super) async fn save(
        &self,
        sink: SinkRow,
        releases: bool,
        aside: Option<AsideRow>,
    ) -> Result<Saved, NoBooks> {
        let is_shared = self.is_shared;
        self.change(move |books| {
            let Some((now_ms, known)) = books.sink(&sink.name)? else { return Ok(Saved::Lost) };
            if is_shared && known.owner != sink.owner {
                return Ok(Saved::Lost);
            }
            if let Some(event) = &aside {
                if books.count_aside(&sink.name)? >= SINK_ASIDE_MAX as u64 {
                    return Ok(Saved::Full);
                }
                books.set_aside(event);
            }
            let mut new = SinkRow { retries: known.retries, ..sink.clone() };
            new.lease_until_ms = lease(now_ms);
            if releases {
                (new.owner, new.lease_until_ms) = (String::new(), now_ms);
            }
            books.set_sink(now_ms, new);
            Ok(Saved::Done { retries: known.retries })
        })
        .await
    }

    /// Removes an event that was set aside, because the sink has taken it, or notes why not. Returns
    /// false if another worker has the sink.
    pub(super) async fn settle_aside(
        &self,
        owner: &str,
        event: &AsideRow,
        is_taken: bool,
    ) -> Result<bool, NoBooks> {
        let (owner, event, is_shared) = (owner.to_owned(), event.clone(), self.is_shared);
        self.change(move |books| {
            let known = books.sink(&event.sink)?;
            if is_shared && known.is_none_or(|(_, sink)| sink.owner != owner) {
                return Ok(false);
            }
            if is_taken {
                books.end_aside(&event)
            } else {
                books.set_aside(&event)
            }
            Ok(true)
        })
        .await
    }

    async fn change<T: Send + 'static>(
        &self,
        mut change: impl FnMut(&mut BooksTransaction<'_>) -> Result<T, BooksError> + Send + 'static,
    ) -> Result<T, NoBooks> {
        let (sender, committed) = oneshot::channel();
        let sender = Arc::new(Mutex::new(Some(sender)));
        let apply: ApplyChange = Box::new(move |books, _| {
            let result = change(books)?;
            let sender = Arc::clone(&sender);
            Ok(Box::new(move || {
                let sender = sender.lock().unwrap_or_else(PoisonError::into_inner).take();
                sender.map(|sender| sender.send(result));
            }))
        });
        if !self.requests.try_send(HubJob::Change(BooksChange { locks: Locks::default(), apply })) {
            return Err(NoBooks);
        }
        let committed = timeout(BOOKS_ANSWER_MAX, committed).await;
        committed.ok().and_then(Result::ok).ok_or(NoBooks)
    }
}

fn lease(now_ms: i64) -> i64 {
    now_ms.saturating_add(i64::try_from(SINK_LEASE.as_millis()).unwrap_or(i64::MAX))
}

impl SinkRow {
    /// After the last event that was delivered.
    pub(super) fn place(&self) -> FeedCursor {
        FeedCursor::new(self.position, self.seq)
    }

    pub(super) fn set_place(&mut self, place: FeedCursor) {
        (self.position, self.seq) = (place.position(), place.seq());
    }
}

impl AsideRow {
    /// The place of the event in the feed.
    pub(super) fn place(&self) -> FeedCursor {
        FeedCursor::new(self.position, self.seq)
    }
}

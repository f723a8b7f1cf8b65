//! The feed: as pages, for which a client may wait, and as server-sent events.

use std::time::Duration;

use hyper::HeaderMap;
use hyper::body::Bytes;
use hyper::header::ACCEPT;
use serde::Serialize;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::queries::limit;
use crate::clock;
use crate::hub::api::{HubApi, LastingToken};
use crate::hub::core::MovementKind;
use crate::hub::reader::{FeedCursor, FeedEvent, FeedFilter, FeedPage};
use crate::limits::{FEED_WAIT_MAX, PAGE_MAX, RESPONSE_PARTS_MAX};
use crate::net::access::Sites;
use crate::net::http::{self, HttpResponse, Incomplete, filled, number};
use crate::net::json::json;
use crate::problem::Problem;
use crate::stock::Kind;

/// How often a client of server-sent events that has had no event is sent a comment.
const COMMENT_EVERY: Duration = Duration::from_secs(15);
/// How long is searched for the first event that a filter lets through.
const SCAN_MAX: Duration = Duration::from_secs(2);

type Parts = mpsc::Sender<Result<Bytes, Incomplete>>;

impl HubApi {
    pub(super) async fn events(
        &self,
        query: Option<&str>,
        headers: &HeaderMap,
        token: LastingToken,
    ) -> Result<HttpResponse, Problem> {
        let filter = filter(query, token.principal().sites())?;
        let is_stream = accepts_stream(headers);
        let last_id = headers.get("last-event-id").filter(|id| is_stream && !id.is_empty());
        let last_id = last_id.map(|id| id.to_str().unwrap_or_default().to_owned());
        let after = match last_id.or_else(|| filled(query, "after")) {
            Some(text) => FeedCursor::parse(&text).ok_or_else(|| no_cursor(&text))?,
            None => self.feed_end().await?,
        };
        if is_stream {
            return self.stream(after, filter, token).await;
        }
        let wait = wait(query)?;
        let permit = if wait.is_zero() { None } else { Some(self.follower()?) };
        let page = self.wait_for_page((after, limit(query)?), filter, wait, token).await?;
        drop(permit);
        Ok(http::json(json(&PageJson { next: page.next.to_string(), events: page.events })))
    }

    /// The next events, for the first of which this waits.
    async fn wait_for_page(
        &self,
        (after, limit): (FeedCursor, usize),
        mut filter: FeedFilter,
        wait: Duration,
        mut token: LastingToken,
    ) -> Result<FeedPage, Problem> {
        let began = Instant::from_std(clock::instant());
        let mut page = self.page(after, limit, &filter).await?;
        while page.events.is_empty() {
            // What is filtered out may be long. The client is told how far it is.
            let until = began + if page.has_more { wait.max(SCAN_MAX) } else { wait };
            let is_late = Instant::from_std(clock::instant()) >= until;
            if is_late || !self.wait_for_more(&page, until, &mut token).await {
                break;
            }
            token.check()?;
            filter.sites = token.principal().sites().clone();
            page = match page.has_more {
                true => self.page(page.next, limit, &filter).await?,
                false => self.next_page(page.next, limit, &filter).await?,
            };
        }
        Ok(page)
    }

    /// Waits until there may be events after a page, the time is over or the rules have changed; returns
    /// false if the hub stops.
    async fn wait_for_more(
        &self,
        page: &FeedPage,
        until: Instant,
        token: &mut LastingToken,
    ) -> bool {
        if page.has_more {
            return true;
        }
        tokio::select! {
            goes_on = self.feed.wait(page.next, until) => goes_on,
            () = token.changed() => true,
        }
    }

    async fn stream(
        &self,
        after: FeedCursor,
        filter: FeedFilter,
        token: LastingToken,
    ) -> Result<HttpResponse, Problem> {
        let permit = self.follower()?;
        // What does not follow is said before the stream begins.
        let page = self.page(after, PAGE_MAX, &filter).await?;
        let (parts, receiver) = mpsc::channel(RESPONSE_PARTS_MAX);
        let api = self.clone();
        tokio::spawn(async move {
            let _permit = permit;
            api.send_events(page, filter, token, &parts).await;
        });
        Ok(http::in_parts("text/event-stream", receiver))
    }

    /// Sends events until the client leaves, its token is taken away or the hub stops.
    async fn send_events(
        &self,
        mut page: FeedPage,
        mut filter: FeedFilter,
        mut token: LastingToken,
        parts: &Parts,
    ) {
        let now = || Instant::from_std(clock::instant());
        let mut comment_at = now();
        loop {
            let mut text = String::new();
            page.events.iter().for_each(|event| write_event(&mut text, event));
            if text.is_empty() && now() >= comment_at {
                ":\n\n".clone_into(&mut text);
            }
            if !text.is_empty() {
                if parts.send(Ok(text.into())).await.is_err() {
                    return;
                }
                comment_at = now() + COMMENT_EVERY;
            }
            let goes_on = tokio::select! {
                goes_on = self.wait_for_more(&page, comment_at, &mut token) => goes_on,
                () = parts.closed() => false,
            };
            // The client connects again, and is told then what is wrong.
            if !goes_on || token.check().is_err() {
                return;
            }
            filter.sites = token.principal().sites().clone();
            let Ok(next) = self.next_page(page.next, PAGE_MAX, &filter).await else { return };
            page = next;
        }
    }
}

#[derive(Serialize)]
struct PageJson {
    events: Vec<FeedEvent>,
    next: String,
}

fn write_event(text: &mut String, event: &FeedEvent) {
    *text += &format!("id: {}\ndata: {}\n\n", event.cursor, json(event));
}

/// Reads the filters of a query.
pub(super) fn filter(query: Option<&str>, sites: &Sites) -> Result<FeedFilter, Problem> {
    let [site, sku, kind] = ["site", "sku", "kind"].map(|name| filled(query, name));
    if let Some(site) = &site {
        sites.check(site)?;
    }
    let is_kind = |kind: &String| {
        Kind::ALL.iter().any(|known| known.as_str() == kind)
            || MovementKind::ALL.iter().any(|known| known.as_str() == kind)
    };
    if let Some(kind) = kind.as_ref().filter(|kind| !is_kind(kind)) {
        return Err(Problem::bad_request(format!("kind: there are no events of kind {kind:?}")));
    }
    Ok(FeedFilter { site, sku, kind, sites: sites.clone() })
}

fn wait(query: Option<&str>) -> Result<Duration, Problem> {
    let wait = Duration::from_secs(number(query, "wait_s")?.unwrap_or(0));
    if wait > FEED_WAIT_MAX {
        let message = format!("wait_s: must be at most {}", FEED_WAIT_MAX.as_secs());
        return Err(Problem::bad_request(message));
    }
    Ok(wait)
}

fn no_cursor(text: &str) -> Problem {
    Problem::bad_request(format!("after: {text:?} is no cursor of this feed; 0 is its beginning"))
}

fn accepts_stream(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepted
        .flat_map(|value| value.split(','))
        .any(|kind| kind.split(';').next().is_some_and(|kind| kind.trim() == "text/event-stream"))
}

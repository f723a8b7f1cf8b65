//! How a session's messages are written: JSON in text frames, or postcard in binary ones.

use std::fmt::Write as _;

use serde::Serialize;
use tokio_tungstenite::tungstenite::Message;

use super::answer::{AppliedJson, Found, ItemJson};
use super::binary::{Item as PackedItem, Reply};
use super::message::{Fields, MessageId, id_of};
use super::packed::{self, postcard};
use crate::engine::intake::StorageUnavailable;
use crate::engine::sync_status::SyncStatus;
use crate::metrics::Metrics;
use crate::net::json::json;
use crate::problem::Problem;
use crate::stock::{CommandAnswer, Item, Origin, Seq, Sku};

/// Of these messages, in both ways.
const PROTOCOL: u32 = 1;
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// An item in JSON, with a SKU of ordinary length.
const ITEM_JSON_BYTES: usize = 96;

/// What is wrong with a message, and its id if that can be found.
pub(super) type Unread = Box<(Option<MessageId>, Problem)>;

/// One of both ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wire {
    Json,
    Postcard,
}

impl Wire {
    /// Reads a message.
    ///
    /// # Errors
    /// What is wrong with it, and its id if that can be found.
    pub(super) fn read(self, message: &Message) -> Result<Fields, Unread> {
        match (self, message) {
            (Self::Json, Message::Text(text)) => {
                Fields::read(text.as_bytes()).map_err(|problem| (id_of(text), problem).into())
            }
            (Self::Postcard, Message::Binary(bytes)) => packed::read(bytes),
            (Self::Json, _) => {
                Err((None, Problem::bad_request("send JSON in text messages")).into())
            }
            (Self::Postcard, _) => {
                Err((None, Problem::bad_request("send postcard in binary messages")).into())
            }
        }
    }

    /// The first message of a session.
    pub(super) fn hello(self, origin: &Origin) -> Message {
        let (gateway, site) = (origin.gateway.as_str(), origin.site.as_str());
        match self {
            Self::Json => Message::text(format!(
                r#"{{"event":"hello","gateway":{},"site":{},"version":{},"protocol":{PROTOCOL}}}"#,
                json(&gateway),
                json(&site),
                json(&VERSION),
            )),
            Self::Postcard => {
                postcard(&Reply::Hello { gateway, site, version: VERSION, protocol: PROTOCOL })
            }
        }
    }

    /// An answer to a query.
    pub(super) fn answer(self, origin: &Origin, id: Option<&MessageId>, found: &Found) -> Message {
        match self {
            Self::Json => {
                let (id, result) = (json(&id), found.json(origin));
                Message::text(format!(r#"{{"id":{id},"ok":true,"result":{result}}}"#))
            }
            Self::Postcard => packed::done(id, found, origin),
        }
    }

    /// An answer to a message that was not done.
    pub(super) fn refusal(self, id: Option<&MessageId>, problem: &Problem) -> Message {
        match self {
            Self::Json => {
                let (id, error) = (json(&id), json(problem));
                Message::text(format!(r#"{{"id":{id},"ok":false,"error":{error}}}"#))
            }
            Self::Postcard => packed::failed(id, problem),
        }
    }

    /// An answer to a mutation; a refusal is counted.
    pub(super) fn decided(
        self,
        id: Option<&MessageId>,
        decided: Result<CommandAnswer, StorageUnavailable>,
        refusals: &Metrics,
    ) -> Message {
        #[derive(Serialize)]
        struct Success<'a> {
            id: Option<&'a MessageId>,
            ok: bool,
            result: AppliedJson<'a>,
        }
        let problem = match decided {
            Ok(Ok(decided)) => match (&decided.outcome, self) {
                (Ok(applied), Self::Json) => {
                    let result = AppliedJson::new(&decided, applied);
                    return Message::text(json(&Success { id, ok: true, result }));
                }
                (Ok(applied), Self::Postcard) => {
                    return packed::applied(id, &decided.request_id, decided.replayed, applied);
                }
                (Err(refusal), _) => Problem::refused(refusal, decided.replayed),
            },
            Ok(Err(undecided)) => undecided.into(),
            Err(unavailable) => unavailable.into(),
        };
        refusals.note_refusal(problem.code);
        self.refusal(id, &problem)
    }

    /// The event that tells items as they are at a position.
    pub(super) fn stock<'a>(
        self,
        seq: Seq,
        items: impl IntoIterator<Item = &'a (Sku, Item)>,
    ) -> Message {
        let items = items.into_iter().map(|(sku, item)| (sku.as_str(), item));
        match self {
            Self::Json => {
                let items: Vec<_> = items.map(|(sku, item)| ItemJson::new(sku, item)).collect();
                // Once, not as it grows: terminals that connect read all there is.
                let mut event = String::with_capacity((1 + items.len()) * ITEM_JSON_BYTES);
                let _ = write!(event, r#"{{"event":"stock","seq":{seq},"items":"#);
                let mut event = event.into_bytes();
                serde_json::to_writer(&mut event, &items).expect("plain data always serializes");
                event.push(b'}');
                Message::Text(event.try_into().expect("JSON is UTF-8"))
            }
            Self::Postcard => {
                let items = items.map(|(sku, item)| PackedItem::new(sku, item)).collect();
                postcard(&Reply::Stock { seq, items })
            }
        }
    }

    /// The event that tells how things stand with the hub.
    pub(super) fn sync(self, status: &SyncStatus) -> Message {
        match self {
            Self::Json => Message::text(format!(r#"{{"event":"sync","sync":{}}}"#, json(status))),
            Self::Postcard => postcard(&Reply::Sync(status.into())),
        }
    }
}

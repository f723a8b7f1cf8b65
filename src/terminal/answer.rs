//! What a terminal is answered, the same over HTTP and WebSocket.

use serde::Serialize;
use tokio_tungstenite::tungstenite::Message;

use super::message::MessageId;
use crate::clock::rfc3339;
use crate::json::json;
use crate::metrics::Metrics;
use crate::problem::Problem;
use crate::stock::{Answer, Applied, AppliedLine, Decided, Item, Seq, Sku};
use crate::writer::Unavailable;

/// A stock item as JSON.
#[derive(Debug, Serialize)]
pub(super) struct ItemJson<'a> {
    sku: &'a str,
    on_hand: i64,
    reserved: i64,
    available: i64,
    version: Seq,
}

impl<'a> ItemJson<'a> {
    /// The contract's stock item.
    pub(super) fn new(sku: &'a str, item: &Item) -> Self {
        let Item { on_hand, reserved, version } = *item;
        Self { sku, on_hand, reserved, available: item.available(), version }
    }
}

/// A success as the client is told.
///
/// # Errors
/// The refusal, as the client is told.
pub(super) fn outcome(decided: &Decided) -> Result<AppliedJson<'_>, Problem> {
    let applied = match &decided.outcome {
        Ok(applied) => applied,
        Err(refusal) => return Err(Problem::refused(refusal, decided.replayed)),
    };
    let &Applied { seq, ref lines, expires_at_ms } = applied;
    let (request_id, replayed) = (decided.request_id.as_str(), decided.replayed);
    Ok(AppliedJson {
        request_id,
        seq,
        replayed,
        lines: LinesJson(lines),
        reservation: expires_at_ms.map(|_| request_id),
        expires_at: expires_at_ms.map(rfc3339),
    })
}

#[derive(Serialize)]
pub(super) struct AppliedJson<'a> {
    request_id: &'a str,
    seq: Seq,
    replayed: bool,
    lines: LinesJson<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reservation: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
}

struct LinesJson<'a>(&'a [AppliedLine]);

impl Serialize for LinesJson<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(LineJson::new))
    }
}

#[derive(Serialize)]
struct LineJson<'a> {
    sku: &'a str,
    quantity: u64,
    on_hand: i64,
    reserved: i64,
    available: i64,
    version: Seq,
}

impl<'a> LineJson<'a> {
    fn new(line: &'a AppliedLine) -> Self {
        let &AppliedLine { ref sku, quantity, on_hand, reserved, version } = line;
        let available = on_hand - reserved;
        Self { sku: sku.as_str(), quantity, on_hand, reserved, available, version }
    }
}

/// An answer to a mutation.
pub(super) fn decided_answer(
    id: Option<&MessageId>,
    decided: Result<Answer, Unavailable>,
    metrics: &Metrics,
) -> String {
    #[derive(Serialize)]
    struct Success<'a> {
        id: Option<&'a MessageId>,
        ok: bool,
        result: AppliedJson<'a>,
    }
    let problem = match decided {
        Ok(Ok(decided)) => match outcome(&decided) {
            Ok(result) => return json(&Success { id, ok: true, result }),
            Err(problem) => problem,
        },
        Ok(Err(undecided)) => undecided.into(),
        Err(unavailable) => unavailable.into(),
    };
    metrics.note_refusal(problem.code);
    answer(id, Err(problem))
}

/// The event that tells items as they are at a position.
pub(super) fn stock_event<'a>(
    seq: Seq,
    items: impl IntoIterator<Item = &'a (Sku, Item)>,
) -> Message {
    let items: Vec<_> =
        items.into_iter().map(|(sku, item)| ItemJson::new(sku.as_str(), item)).collect();
    Message::text(format!(r#"{{"event":"stock","seq":{seq},"items":{}}}"#, json(&items)))
}

/// An answer to a message.
pub(super) fn answer(id: Option<&MessageId>, result: Result<String, Problem>) -> String {
    let id = json(&id);
    match result {
        Ok(result) => format!(r#"{{"id":{id},"ok":true,"result":{result}}}"#),
        Err(problem) => format!(r#"{{"id":{id},"ok":false,"error":{}}}"#, json(&problem)),
    }
}

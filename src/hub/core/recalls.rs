//! What has become of a recall.

use super::books::Books;
use super::records::IssuedTransfer;
use crate::stock::{Direction, RequestId, Sku};

/// How far a recall is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecallStatus {
    /// Whether the gateway has taken the whole recall.
    pub done: bool,
    /// The lines of the request.
    pub lines: Vec<RecallLine>,
}

/// A line of a recall, in units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecallLine {
    /// The SKU.
    pub sku: Sku,
    /// What the request asked for.
    pub asked: i64,
    /// What has come back; final once the recall is done.
    pub returned: i64,
}

/// The status of a recall; `None` if no recall has this request id.
///
/// # Errors
/// If the books database fails.
pub fn recall_status<B: Books>(
    books: &mut B,
    request_id: &RequestId,
) -> Result<Option<RecallStatus>, B::Error> {
    let mut parts = books.transfers_of(request_id)?;
    parts.retain(|part| part.transfer.direction == Direction::Recall);
    if parts.is_empty() {
        return Ok(None);
    }
    let done = parts.iter().all(|part| part.closed);
    let lines = parts.into_iter().flat_map(lines).collect();
    Ok(Some(RecallStatus { done, lines }))
}

fn lines(part: IssuedTransfer) -> impl Iterator<Item = RecallLine> {
    let lines = part.transfer.lines.into_iter().zip(part.returned);
    lines.map(|(line, returned)| RecallLine {
        sku: line.sku,
        asked: line.quantity.units(),
        returned,
    })
}

//! What the hub says of transfers in version 2 beside their units: who asked for them and why, and
//! which goods of a SKU they are.
//!
//! It follows the transfers in the body: an empty list if there is nothing to say.

use serde::{Deserialize, Serialize};

use super::envelope::{FrameError, part, plain};
use crate::stock::{Cause, Trace, Transfer};

/// What is said of a transfer.
#[derive(Serialize, Deserialize)]
struct Said {
    cause: Cause,
    /// Those of its lines.
    traces: Vec<Option<Trace>>,
}

/// The bytes.
pub(super) fn encode(transfers: &[Transfer]) -> Vec<u8> {
    let is_silent = |transfer: &Transfer| {
        transfer.cause.is_empty() && transfer.lines.iter().all(|line| line.trace.is_none())
    };
    let said = |Transfer { cause, lines, .. }: &Transfer| Said {
        cause: cause.clone(),
        traces: lines.iter().map(|line| line.trace.as_deref().cloned()).collect(),
    };
    let is_silent = transfers.iter().all(is_silent);
    let spoken = if is_silent { &[] } else { transfers };
    plain(&spoken.iter().map(said).collect::<Vec<_>>())
}

/// Reads the bytes that follow the transfers.
pub(super) fn decode(transfers: &mut [Transfer], bytes: &[u8]) -> Result<(), FrameError> {
    if bytes.is_empty() {
        return Ok(());
    }
    let (said, _): (Vec<Said>, _) = part(bytes)?;
    if said.is_empty() {
        return Ok(());
    }
    let counts = said.iter().map(|said| said.traces.len());
    if !counts.eq(transfers.iter().map(|transfer| transfer.lines.len())) {
        return Err(FrameError::Body("what is said is of other transfers"));
    }
    for (transfer, Said { cause, traces }) in transfers.iter_mut().zip(said) {
        transfer.cause = cause;
        for (line, trace) in transfer.lines.iter_mut().zip(traces) {
            line.trace =
                trace.and_then(|Trace { lot, serial, expires }| Trace::of(lot, serial, expires));
        }
    }
    Ok(())
}

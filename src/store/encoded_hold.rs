//! A reservation as the blob of its row: its postcard form, and after it what that leaves out, if
//! there is any. Earlier versions wrote nothing after it, and ignore what follows.

use serde::{Deserialize, Serialize};

use crate::stock::{Actor, Hold, OptionalTrace};

/// What follows the postcard form of a reservation.
#[derive(Serialize, Deserialize)]
struct Rest {
    actor: Option<Actor>,
    /// One for each line, or none at all.
    traces: Vec<OptionalTrace>,
}

pub(super) fn encode(hold: &Hold) -> Vec<u8> {
    let bytes = postcard::to_stdvec(hold).expect("plain data always serializes");
    let traces = || hold.lines.iter().map(|line| line.trace.clone());
    let is_traced = traces().any(|trace| trace.is_some());
    if hold.actor.is_none() && !is_traced {
        return bytes;
    }
    let traces = if is_traced { traces().collect() } else { Vec::new() };
    let rest = Rest { actor: hold.actor.clone(), traces };
    postcard::to_extend(&rest, bytes).expect("plain data always serializes")
}

pub(super) fn decode(blob: &[u8]) -> Result<Hold, postcard::Error> {
    let (mut hold, rest) = postcard::take_from_bytes::<Hold>(blob)?;
    if !rest.is_empty() {
        let Rest { actor, traces } = postcard::from_bytes(rest)?;
        hold.actor = actor;
        hold.lines.iter_mut().zip(traces).for_each(|(line, trace)| line.trace = trace);
    }
    Ok(hold)
}

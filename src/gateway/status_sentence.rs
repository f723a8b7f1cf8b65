//! The state of a gateway in one sentence, as the service manager shows it.

use crate::engine::state::CommittedState;
use crate::engine::sync_status::SyncStatus;

pub(super) fn status_sentence(state: &CommittedState) -> String {
    if let Some(problem) = state.storage_problem() {
        return format!("Refuses mutations, answers queries: {problem}.");
    }
    if let Some(problem) = state.stall() {
        return format!("Decides nothing, answers queries: {problem}.");
    }
    let SyncStatus { state, reason, pending, .. } = state.sync_status();
    match (state, reason) {
        ("online", _) if pending == 0 => "Running; the hub has everything.".into(),
        ("online", _) => {
            format!("Running; {pending} entries are on their way to the hub.")
        }
        ("disabled", _) => "Running; no hub is configured.".into(),
        (_, reason) => {
            format!("Running; {pending} entries wait for the hub: {}.", reason.unwrap_or_default())
        }
    }
}

//! What every request on the terminal port may use.

use std::convert::Infallible;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};

use super::feed::{Feeds, SyncEvent};
use super::metrics::ScarceSkus;
use crate::barcode::InStoreForm;
use crate::engine::intake::Intake;
use crate::engine::state::CommittedState;
use crate::metrics::GatewayMetrics;
use crate::net::http::PortAccess;
use crate::process::stop::Stop;
use crate::store::LedgerReader;

/// What every request may use. A session holds a clone as long as it lasts.
#[derive(Clone, Debug)]
pub(super) struct TerminalContext {
    pub(super) state: Arc<CommittedState>,
    pub(super) metrics: Arc<GatewayMetrics>,
    pub(super) scarce: Arc<ScarceSkus>,
    pub(super) intake: Intake,
    pub(super) ledger: LedgerReader,
    pub(super) in_store: Arc<[InStoreForm]>,
    /// What the page offers as reasons.
    pub(super) reasons: Arc<[String]>,
    /// Who may do what.
    pub(super) access: PortAccess,
    pub(super) sync_events: watch::Receiver<SyncEvent>,
    pub(super) feeds: Feeds,
    pub(super) stop: Stop,
    /// When every clone is dropped, no session is left.
    pub(super) _alive: mpsc::Sender<Infallible>,
}

//! The gateway: assembles all parts, connects them with channels, and stops them in order.
//!
//! This folder owns the running gateway, its link to the hub and the reload of its configuration.
//! Decisions are made in [`engine`](crate::engine), requests are read in
//! [`terminal`](crate::terminal), and the store is opened here but written by the writer only.

mod broker_identity;
mod changes;
pub mod link;
mod loss;
mod reload;
mod running;
mod status_sentence;

use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};

use self::reload::judged;
pub use self::running::{Database, Gateway};
use self::status_sentence::status_sentence;
use crate::config::GatewayConfig;
use crate::process::reload::Reload;
use crate::process::service::Manager;
use crate::process::stop::Stop;
use crate::store::{Store, StoreError};

/// Opens the database. This is best done before the runtime starts: a start allocates much memory,
/// and as long as the process has one thread, the allocator needs no locks.
///
/// # Errors
/// If the database or the data directory cannot be used.
pub fn open(config: &GatewayConfig) -> Result<Database, StoreError> {
    let open = || Store::open(&config.data_dir, &config.site, &config.id);
    let (mut store, mut opened) = open()?;
    let Some(pinned) = config.mqtt.as_ref().and_then(|mqtt| mqtt.books) else {
        return Ok((store, opened));
    };
    let bound = opened.books;
    if store.pin(pinned, &opened.stock)? {
        let before = bound.map(|id| id.books).unwrap_or_default();
        tracing::warn!(%before, now = %pinned, "mqtt.books: the gateway belongs to other books from now on");
        drop(store);
        return open();
    }
    opened.books = store.books();
    Ok((store, opened))
}

/// Runs a gateway until a stop is requested; reads the configuration again on SIGHUP.
///
/// # Errors
/// If the gateway cannot start: see [`Gateway::start`]; or if it cannot go on with its database, and
/// the next start can.
pub async fn run(
    config: GatewayConfig,
    opened: Database,
    manager: &Manager,
    mut stop: Stop,
    mut reload: Reload<GatewayConfig>,
) -> anyhow::Result<()> {
    let mut gateway = Gateway::start(config, opened)?;
    let state = Arc::clone(&gateway.state);
    let refused = Mutex::new(None::<String>);
    let sentence = || {
        let refused = refused.lock().unwrap_or_else(PoisonError::into_inner);
        refused.iter().cloned().chain([status_sentence(&state)]).collect::<Vec<_>>().join(" ")
    };
    let mut reporting = pin!(manager.report_until_stopped(&state.heartbeat, sentence, &mut stop));
    let ended = loop {
        tokio::select! {
            () = &mut reporting => break Ok(()),
            why = state.restart_asked() => break Err(anyhow::Error::msg(why)),
            _ = reload.hangups.recv() => {
                manager.tell("RELOADING=1");
                let now = gateway.config.clone();
                let read = tokio::select! {
                    read = reload.read(move |new| judged(&now, new)) => read,
                    () = &mut reporting => break Ok(()),
                    why = state.restart_asked() => break Err(anyhow::Error::msg(why)),
                };
                let outcome = gateway.reload(read, reload.set_log_level).await;
                *refused.lock().unwrap_or_else(PoisonError::into_inner) = outcome.err();
                manager.tell(&format!("READY=1\nSTATUS={}", sentence()));
            }
        }
    };
    gateway.stop().await;
    ended
}

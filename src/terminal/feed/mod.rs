//! What reaches subscribed terminals: change batches and sync events, each encoded once for all.
//!
//! This folder reads the committed state. It must not touch sockets, requests other than a
//! subscription, or the writer.

mod change_batch;
mod feeds;
mod search;
mod subscription;
mod sync_events;

pub(super) use self::feeds::Feeds;
pub(super) use self::subscription::Subscription;
pub(super) use self::sync_events::{SyncEvent, channel as sync_events};

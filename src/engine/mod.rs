//! The engine: the committed state that every reader shares, and the one thread that changes it.
//!
//! This folder owns the intake, the batches, the order of commit and answer, and the housekeeping
//! of the database. The rules of the stock are in [`crate::stock`], the files in
//! [`crate::store`]. It knows nothing of HTTP, WebSocket, MQTT or the configuration file: the
//! terminal port and the hub link use it through [`intake::Intake`] and
//! [`state::CommittedState`].

mod batch;
mod demand_saver;
#[cfg(test)]
mod demand_tests;
#[cfg(test)]
mod expiry_tests;
mod figures_walk;
mod housekeeping;
pub mod intake;
pub mod other_decimals;
pub mod relisted;
mod signer;
#[cfg(test)]
mod signing_tests;
mod sleep;
pub mod state;
pub mod sync_status;
pub mod writer;

//! Stockgate: the edge stock gateway.
//!
//! A gateway keeps the stock of one warehouse on site. It decides every deduction with all links
//! down, writes it to a ledger before it answers, shows it to the terminals, and sends the ledger
//! to the central hub whenever there is a connection.
//!
//! # The path of a request
//!
//! 1. [`net::http`] accepts the connection. [`terminal`] reads a request, over HTTP or WebSocket,
//!    into a [`stock::Command`]. Malformed requests end here.
//! 2. [`engine::intake::Intake`] queues the command, or answers that the queue is full.
//! 3. [`engine::writer::Writer`], the only thread that writes, decides all queued commands on a
//!    [`stock::Draft`] and commits the draft's changes through [`store`] in one transaction.
//! 4. Only then [`engine::state`] publishes the new stock, the answers are sent, and the terminals
//!    and the hub link are woken.
//!
//! # The path of a ledger entry to the hub
//!
//! 1. The commit wakes [`gateway::link`]. [`protocol::uplink`] decides what to send: the ledger
//!    after the position that the hub has named. There is no other queue.
//! 2. [`protocol::frame`] encodes entries into a frame, which travels over MQTT.
//! 3. The hub judges the frame (`hub::core::judge`), books its entries together with the new
//!    position in one transaction, and acknowledges.
//! 4. The acknowledgement moves the gateway's confirmed position. Entries before it may be pruned
//!    once they are old enough.
//!
//! # The path of a transfer from the hub
//!
//! 1. [`protocol::uplink`] accepts a transfer only from a hub that knows this database.
//!    [`engine::intake::Intake`] queues it or drops it: the hub repeats what is not confirmed.
//! 2. The writer applies it on the same draft as the waiting commands, so its entries and the
//!    number of the last transfer are committed together or not at all.
//! 3. The commit wakes the link, and the frame with those entries confirms the transfer.
//!
//! # The modules
//!
//! [`stock`], [`barcode`] and [`protocol`] are pure: values in, values out, the time is an
//! argument. So are the rules of the hub, `hub::core`. Everything else does IO around them.
//! [`gateway`] and `hub` each assemble a daemon, [`cli`] is the command line, [`config`] reads
//! configuration, [`limits`] holds every bound, and only [`clock`] reads the clocks.

pub mod barcode;
pub mod cli;
pub mod clock;
pub mod config;
pub mod engine;
#[cfg(all(any(test, fuzzing), feature = "hub"))]
#[doc(hidden)]
pub mod fuzzing;
pub mod gateway;
mod hex;
#[cfg(feature = "hub")]
pub mod hub;
pub mod limits;
pub mod metrics;
pub mod net;
pub mod problem;
pub mod process;
pub mod protocol;
pub mod sizes;
pub mod stock;
pub mod store;
pub mod terminal;

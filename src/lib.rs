//! Stockgate: the edge stock gateway.
//!
//! A gateway keeps the stock of one warehouse on the spot. It decides every deduction with all
//! links down, writes it to a ledger before it answers, shows it to the terminals, and brings
//! the ledger to the central hub whenever there is a way.
//!
//! # A request's way
//!
//! 1. [`http`] accepts the connection; [`terminal`] reads a request, over HTTP or WebSocket, into
//!    a [`stock::Command`]. What is malformed ends here.
//! 2. [`writer::Intake`] takes it, or says that it is full.
//! 3. [`writer::Writer`], the only thread that writes, takes all that waits, has it decided on a
//!    [`stock::Draft`] and puts the draft's changes on disk through [`store`], in one transaction.
//! 4. Only then [`view::View`] publishes the new stock, the answers go out, and a bell rings.
//!
//! # An entry's way to the hub
//!
//! 1. The bell wakes the link in [`sync`]. [`sync::uplink`] says what to send: the ledger behind
//!    the position that the hub has named. There is no other queue.
//! 2. [`sync::frame`] packs entries into a frame, which travels over MQTT.
//! 3. The hub judges it ([`sync::receiver`]), brings it into its books together with its
//!    position, in one transaction, and acknowledges.
//! 4. The acknowledgement moves the gateway's confirmed position; what lies before it may be
//!    forgotten when it is old enough.
//!
//! # A transfer's way from the hub
//!
//! 1. [`sync::uplink`] hands on what a hub sends that knows this database; [`writer::Intake`]
//!    takes it, or drops it: the hub sends again what it does not hear to be taken.
//! 2. The writer takes it on the same draft as the commands that wait, so its entries, and the
//!    number up to which transfers are taken, are on disk together or not at all.
//! 3. The bell wakes the link, and the frame with those entries says that it is taken.
//!
//! # The parts
//!
//! [`stock`], [`barcode`], [`sync::uplink`] and [`sync::receiver`] are pure: values in, values out, the time
//! is an argument. Everything else is a shell around them. [`gateway`] puts a gateway together,
//! `hub` a hub, [`cli`] is the command line, [`config`] reads configuration, [`limits`] holds
//! every bound, [`clock`] alone reads the clocks.

pub mod barcode;
pub mod cli;
pub mod clock;
pub mod config;
pub mod engine;
#[cfg(all(any(test, fuzzing), feature = "hub"))]
#[doc(hidden)]
pub mod fuzzing;
pub mod gateway;
#[cfg(feature = "hub")]
pub mod hub;
pub mod limits;
pub mod metrics;
pub mod net;
pub mod problem;
pub mod process;
pub mod protocol;
pub mod stock;
pub mod store;
pub mod terminal;

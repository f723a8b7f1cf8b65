//! A model of the sync, of which every state is looked at.
//!
//! It runs none of the project's code. It says over again, in few words, what gateway, hub and
//! network may do to each other, and [stateright](https://www.stateright.rs) tries all of it in
//! every order: each message lost, doubled, late, each crash at each moment. The rules are those
//! of the sync's documentation; [`action::Action`] goes through them one by one,
//! [`gateway::Gateway`] and [`hub::Hub`] are the two sides, [`properties`] is what must hold.
//!
//! There is one SKU, as SKUs never meet: a ledger entry with several moves all of them in one
//! commit. There is one database per gateway, so no epochs.
//!
//! # Why small models cover it
//!
//! Each model in [`models`] is explored to its end, and each leaves one thing out that another
//! has:
//!
//! - Entries travel upwards by position alone, whatever is in them. So the conversation about
//!   positions ([`models::acknowledgement`]: two messages each way, answers to greetings that are
//!   late by a whole round, a crash) needs no orders, and the group commit
//!   ([`models::group_commit`]) needs no reordering upwards.
//! - Orders meet the rest in two places: in the ledger, and at the position at which they count
//!   as taken. Two orders and one message each way show all there is between them, with greetings
//!   and a crash ([`models::escrow`]); two messages each way add late and doubled orders
//!   ([`models::reordered_escrow`]). There gateways do not greet, as a greeting brings nothing
//!   but what the timer and the other messages bring too.
//! - Two gateways meet in the pool only ([`models::two_gateways`]): a conversation is the same
//!   whoever else has one.
//!
//! That the properties can fail at all is shown in [`faults`]: each [`bug::Bug`] is found.

mod action;
mod bug;
mod effects;
mod entry;
mod faults;
mod gateway;
mod hub;
mod ledgers;
mod message;
mod models;
mod moves;
mod network;
mod order;
mod orders;
mod properties;
mod reach;
mod recovery;
mod scenario;
mod units;
mod world;

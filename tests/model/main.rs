//! A model of the sync protocol, explored exhaustively.
//!
//! It runs none of the project's code. It states again, briefly, what gateway, hub and network may
//! do to each other, and [stateright](https://www.stateright.rs) tries every order of these steps:
//! each message lost, duplicated or late, each crash at each moment. The rules are those of
//! `docs/PROTOCOL.md`. [`action::Action`] lists the steps, [`gateway::Gateway`] and [`hub::Hub`]
//! are the two sides, [`properties`] are what must hold.
//!
//! There is one SKU, because SKUs do not interact: all movements of a request are committed
//! together. There is one database for each gateway, so there are no epochs.
//!
//! # Why small models suffice
//!
//! Each model in [`models`] is explored completely, and each leaves out something that another one
//! has:
//!
//! - Entries travel upwards by position alone, whatever their content. So the conversation about
//!   positions ([`models::acknowledgement`]: two messages each way, answers to greetings that are
//!   late by a whole round, a crash) needs no orders, and the group commit
//!   ([`models::group_commit`]) needs no reordering upwards.
//! - Orders interact with the rest in two places: in the ledger, and at the position at which they
//!   count as applied. Two orders and one message each way show every interaction, with greetings
//!   and a crash ([`models::escrow`]); two messages each way add late and duplicated orders
//!   ([`models::reordered_escrow`]). There gateways do not greet, because a greeting brings nothing
//!   that the timer and the other messages do not bring too.
//! - A program before version 2 of the protocol differs in what it reads and writes only. So one
//!   gateway, one order and one message each way show every moment at which it or the hub is upgraded
//!   ([`models::upgrade`]).
//! - Two gateways interact in the pool only ([`models::two_gateways`]): the conversation of one
//!   does not depend on the others.
//!
//! [`faults`] shows that the properties can fail: each [`bug::Bug`] is found.

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
mod older_books;
mod order;
mod orders;
mod properties;
mod reach;
mod recovery;
mod scenario;
mod units;
mod world;

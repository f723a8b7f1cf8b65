//! The hub's port, tested from outside without a broker: the same rules as at the gateway's.

mod access;
mod commands;
mod configuration;
mod reload;
mod tls;

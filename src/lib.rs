//! Stockgate: the edge stock gateway.

pub mod cli;
pub mod clock;
pub mod config;
#[cfg(feature = "demo")]
mod demo;
pub mod gateway;
pub mod http;
#[cfg(feature = "hub")]
pub mod hub;
pub mod json;
pub mod limits;
pub mod metrics;
pub mod problem;
pub mod repeat;
pub mod stock;
pub mod stop;
pub mod store;
pub mod sync;
pub mod terminal;
pub mod view;
pub mod writer;

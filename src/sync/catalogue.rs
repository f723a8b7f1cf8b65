//! What goods are called, on its way from the hub.

pub use crate::stock::Listing;

//! A line of a request: a quantity of one SKU.

use serde::{Deserialize, Serialize};

use super::trace::OptionalTrace;
use super::types::{Quantity, Sku};

/// A quantity of one SKU. Its postcard form leaves the trace out, and so do the stored fingerprints
/// and transfers that are made of it: where a trace is stored, it stands beside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    pub sku: Sku,
    pub quantity: Quantity,
    #[serde(skip)]
    pub trace: OptionalTrace,
}

impl Line {
    /// A line without a trace.
    pub fn new(sku: Sku, quantity: Quantity) -> Self {
        Self { sku, quantity, trace: None }
    }

    /// What it counts for in an open reservation, by the memory that it takes.
    pub(super) fn weight(&self) -> usize {
        1 + self.trace.as_ref().map_or(0, |trace| trace.weight())
    }
}

//! SKUs whose stock was lost to damage of the database.
//!
//! Nothing says what they have, so nothing that touches them is decided, until the database is
//! brought back by a restore. All others go on.

use std::collections::BTreeSet;

use super::types::Sku;

/// The SKUs whose stock was lost.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lost {
    pub skus: BTreeSet<Sku>,
    /// Whether there are some whose names were lost, too. Each SKU that is not known may be one.
    pub unnamed: bool,
}

impl Lost {
    /// Whether nothing was lost.
    pub fn is_empty(&self) -> bool {
        self.skus.is_empty() && !self.unnamed
    }
}

#[cfg(test)]
#[path = "lost_tests.rs"]
mod tests;

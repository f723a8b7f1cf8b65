//! The ledger entries of a gateway.

/// Units of the only SKU.
pub(crate) type Quantity = i32;
/// A position in a ledger; the first entry is 1.
pub(crate) type Seq = usize;
/// The number of an order to one gateway, starting at 1.
pub(crate) type Number = usize;

/// An entry. Its position is its index in the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Entry {
    /// Goods received at the gateway itself.
    Restock(Quantity),
    /// Units sold by the program before version 2 of the protocol.
    Deduct(Quantity),
    /// Units sold, with who asked for that and why.
    Told(Quantity),
    /// A grant of the hub applied.
    Grant { number: Number, quantity: Quantity },
    /// Units returned for a recall.
    Recall { number: Number, quantity: Quantity },
}

impl Entry {
    /// The change of the stock on hand.
    pub(crate) fn effect(self) -> Quantity {
        match self {
            Self::Restock(quantity) | Self::Grant { quantity, .. } => quantity,
            Self::Deduct(quantity) | Self::Told(quantity) | Self::Recall { quantity, .. } => {
                -quantity
            }
        }
    }

    /// The order that caused the entry.
    pub(crate) fn number(self) -> Option<Number> {
        match self {
            Self::Grant { number, .. } | Self::Recall { number, .. } => Some(number),
            Self::Restock(_) | Self::Deduct(_) | Self::Told(_) => None,
        }
    }

    /// Units that came from the pool.
    pub(crate) fn granted(self) -> Quantity {
        if let Self::Grant { quantity, .. } = self { quantity } else { 0 }
    }

    /// Units that went back to the pool.
    pub(crate) fn recalled(self) -> Quantity {
        if let Self::Recall { quantity, .. } = self { quantity } else { 0 }
    }

    /// Units that came from outside.
    pub(crate) fn received(self) -> Quantity {
        if let Self::Restock(quantity) = self { quantity } else { 0 }
    }

    /// Units that were sold.
    pub(crate) fn deducted(self) -> Quantity {
        if let Self::Deduct(quantity) | Self::Told(quantity) = self { quantity } else { 0 }
    }

    /// The entry as version 1 of the protocol says it.
    pub(crate) fn untold(self) -> Self {
        if let Self::Told(quantity) = self { Self::Deduct(quantity) } else { self }
    }
}

/// The sum of a quantity over entries.
pub(crate) fn sum(entries: &[Entry], of: fn(Entry) -> Quantity) -> Quantity {
    entries.iter().map(|&entry| of(entry)).sum()
}

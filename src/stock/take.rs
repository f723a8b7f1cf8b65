//! Taking transfers: how units come from the hub and go back to it.

use super::decide::Movement;
use super::draft::Draft;
use super::entry::Kind;
use super::transfer::{Direction, Taken, Transfer};
use super::types::{Line, Sku};
use crate::limits::STOCK_MAX;

/// What became of a transfer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taking {
    /// It is taken.
    Taken,
    /// It was taken before, or one before it is missing: nothing changes.
    OutOfTurn,
    /// It waits: with it there would be more of this SKU than can be counted.
    NoRoom(Sku),
}

impl Draft<'_> {
    /// Takes a transfer if it is the next one, whole or not at all; it, and how far the hub's
    /// transfers are taken, become durable together.
    pub fn take_transfer(&mut self, transfer: &Transfer) -> Taking {
        let taken = self.taken();
        if taken.transfer.checked_add(1) != Some(transfer.number) {
            return Taking::OutOfTurn;
        }
        // A SKU named twice is one line, as in a mutation.
        let lines = super::merge_lines(transfer.lines.clone());
        let (kind, movements) = match transfer.direction {
            Direction::Grant => match self.without_room(&lines) {
                Some(sku) => return Taking::NoRoom(sku),
                None => (Kind::Grant, lines.iter().map(Movement::grant).collect()),
            },
            Direction::Recall => (Kind::Recall, self.given_up(&lines)),
        };
        self.enter_unasked(kind, &transfer.request_id, movements);
        self.set_taken(Taken { transfer: transfer.number, at_seq: self.seq(), ..taken });
        Taking::Taken
    }

    fn without_room(&self, lines: &[Line]) -> Option<Sku> {
        let is_full = |line: &&Line| {
            let on_hand = self.item(&line.sku).unwrap_or_default().on_hand;
            on_hand > STOCK_MAX - line.quantity.units()
        };
        lines.iter().find(is_full).map(|line| line.sku.clone())
    }

    /// As much of each line as is not promised to anybody.
    fn given_up(&self, lines: &[Line]) -> Vec<Movement> {
        let given = |line: &Line| {
            let available = self.item(&line.sku).unwrap_or_default().available();
            let units = line.quantity.units().min(available);
            (units > 0).then(|| Movement::give_back(line.sku.clone(), units))
        };
        lines.iter().filter_map(given).collect()
    }
}

#[cfg(test)]
#[path = "take_tests.rs"]
mod tests;

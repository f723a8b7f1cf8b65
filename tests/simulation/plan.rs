//! The character of a world: which faults occur, and how often.

use super::dice::Dice;

/// The rates of events, in thousandths unless stated otherwise.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) gateways: usize,
    pub(crate) workers: usize,
    pub(crate) skus: usize,
    pub(crate) steps: usize,
    pub(crate) loss: u32,
    pub(crate) twice: u32,
    pub(crate) damage: u32,
    pub(crate) out_of_order: u32,
    /// The number of steps.
    pub(crate) faults: u32,
    /// Whether copies of databases are restored or run in parallel.
    pub(crate) copies: bool,
    /// Whether databases are lost and retired.
    pub(crate) losses: bool,
    pub(crate) newer_hub: bool,
    pub(crate) policies: bool,
    /// Whether a hub with other books speaks on the broker.
    pub(crate) second_hub: bool,
    /// Whether everything begins with the programs before version 2 of the protocol.
    pub(crate) upgrade: bool,
}

impl Plan {
    pub(crate) fn draw(dice: &mut Dice) -> Self {
        Self {
            gateways: 1 + dice.below(4).min(dice.below(4)),
            workers: 1 + usize::from(dice.one_in(3)),
            skus: 1 + dice.below(4),
            steps: 300 + dice.below(1_200),
            loss: dice.rate(300),
            twice: dice.rate(200),
            damage: dice.rate(50),
            out_of_order: dice.rate(800),
            faults: dice.rate(80),
            copies: dice.one_in(3),
            losses: dice.one_in(2),
            newer_hub: dice.one_in(4),
            policies: !dice.one_in(3),
            second_hub: dice.one_in(3),
            upgrade: dice.one_in(3),
        }
    }
}

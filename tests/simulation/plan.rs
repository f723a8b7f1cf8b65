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
    /// Whether one gateway lies.
    pub(crate) liar: bool,
    /// Whether older books are put back.
    pub(crate) restores: bool,
    /// Whether that happens again and again.
    pub(crate) restores_often: bool,
    /// Whether the office makes sure of everything before it goes on after that.
    pub(crate) careful: bool,
}

impl Plan {
    pub(crate) fn draw(dice: &mut Dice) -> Self {
        let restores = dice.one_in(4);
        let careful = restores && !dice.one_in(3);
        let drawn = Self {
            gateways: 1 + dice.below(4).min(dice.below(4)),
            workers: 1 + if dice.one_in(3) { 1 + dice.below(2) } else { 0 },
            skus: 1 + dice.below(4),
            steps: 300 + dice.below(1_200),
            loss: dice.rate(300),
            twice: dice.rate(200),
            damage: dice.rate(50),
            out_of_order: dice.rate(800),
            faults: dice.rate(80),
            // Units that were brought back are at the old database too in older books; docs/OPERATIONS.md
            // says what to do.
            copies: !restores && dice.one_in(3),
            losses: !restores && dice.one_in(2),
            newer_hub: dice.one_in(4),
            policies: !careful && !dice.one_in(3),
            second_hub: dice.one_in(3),
            // Gateways of version 1 cannot tell that books are older.
            upgrade: !restores && dice.one_in(3),
            // A recovery takes over what a device claims, so people look at it before.
            liar: !restores && dice.one_in(3),
            restores,
            careful,
            restores_often: false,
        };
        Self { restores_often: restores && drawn.steps.is_multiple_of(3), ..drawn }
    }
}

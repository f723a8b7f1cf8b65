//! Rounds in which every contender has its turn.

use std::process::Command;

use crate::load::figures::{COLUMNS, Figures};

/// The work of a contender in its turn.
type Turn = Box<dyn FnMut() -> Figures>;

/// Contenders that are compared with each other have their turns one after another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Group {
    /// One client with one request in flight.
    Alone,
    /// Many clients with one request in flight each.
    Shallow,
    /// Many requests in flight, or in one transaction.
    Deep,
    /// Kinds of request ids.
    Ids,
}

/// All that take part.
#[derive(Default)]
pub(crate) struct Contest {
    contenders: Vec<Contender>,
}

struct Contender {
    group: Group,
    name: String,
    turn: Turn,
    rounds: Vec<Figures>,
}

impl Contest {
    /// Adds a contender with a unique name.
    pub(crate) fn add(
        &mut self,
        group: Group,
        name: &str,
        turn: impl FnMut() -> Figures + 'static,
    ) {
        let (name, turn, rounds) = (name.into(), Box::new(turn), Vec::new());
        self.contenders.push(Contender { group, name, turn, rounds });
        self.contenders.sort_by_key(|contender| contender.group);
    }

    /// Runs this many rounds, every second one in reverse order.
    pub(crate) fn run(mut self, rounds: usize) -> Self {
        for round in 0..rounds {
            eprintln!("round {} of {rounds}", round + 1);
            if round.is_multiple_of(2) {
                self.contenders.iter_mut().for_each(Contender::take_turn);
            } else {
                self.contenders.iter_mut().rev().for_each(Contender::take_turn);
            }
        }
        self
    }

    /// Prints the medians.
    pub(crate) fn print(&self) {
        println!("{:<44} {COLUMNS}", "");
        for contender in &self.contenders {
            println!("{:<44} {}", contender.name, contender.medians().row());
        }
    }

    /// The medians of one contender.
    pub(crate) fn medians(&self, name: &str) -> Figures {
        self.find(name).medians()
    }

    /// The ratio of one figure of two contenders, round by round: the median, the minimum and the
    /// maximum. Other loads on the machine disturb both sides of a round.
    pub(crate) fn ratio(&self, one: &str, other: &str, of: fn(&Figures) -> f64) -> [f64; 3] {
        let rounds = self.find(one).rounds.iter().zip(&self.find(other).rounds);
        let mut ratios: Vec<f64> = rounds.map(|(one, other)| of(one) / of(other)).collect();
        ratios.sort_unstable_by(f64::total_cmp);
        [ratios[ratios.len() / 2], ratios[0], ratios[ratios.len() - 1]]
    }

    fn find(&self, name: &str) -> &Contender {
        self.contenders.iter().find(|contender| contender.name == name).unwrap()
    }
}

impl Contender {
    fn take_turn(&mut self) {
        // Waits until the disk has written what the contender before has left.
        let _ = Command::new("sync").status();
        let figures = (self.turn)();
        eprintln!("  {:<44} {}", self.name, figures.row());
        self.rounds.push(figures);
    }

    fn medians(&self) -> Figures {
        Figures::medians(&self.rounds)
    }
}

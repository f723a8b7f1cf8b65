//! Rounds in which every contender has its turn.

use std::process::Command;

use crate::load::figures::{COLUMNS, Figures};

/// What a contender does in its turn.
type Turn = Box<dyn FnMut() -> Figures>;

/// All that take part.
#[derive(Default)]
pub(crate) struct Contest {
    contenders: Vec<Contender>,
}

struct Contender {
    name: String,
    turn: Turn,
    rounds: Vec<Figures>,
}

impl Contest {
    /// Adds one; names tell them apart.
    pub(crate) fn add(&mut self, name: &str, turn: impl FnMut() -> Figures + 'static) {
        let (name, turn, rounds) = (name.into(), Box::new(turn), Vec::new());
        self.contenders.push(Contender { name, turn, rounds });
    }

    /// Goes so many rounds, every second one backwards.
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

    /// How one figure of two contenders compares: by the medians, and by the rounds at the least
    /// and at the most.
    pub(crate) fn ratio(&self, one: &str, other: &str, of: fn(&Figures) -> f64) -> (f64, f64, f64) {
        let (one, other) = (self.find(one), self.find(other));
        let rounds = one.rounds.iter().zip(&other.rounds);
        let mut ratios: Vec<f64> = rounds.map(|(one, other)| of(one) / of(other)).collect();
        ratios.sort_unstable_by(f64::total_cmp);
        let medians = of(&one.medians()) / of(&other.medians());
        (medians, ratios[0], ratios[ratios.len() - 1])
    }

    fn find(&self, name: &str) -> &Contender {
        self.contenders.iter().find(|contender| contender.name == name).unwrap()
    }
}

impl Contender {
    fn take_turn(&mut self) {
        // What the one before has left to write is not for this one to wait for.
        let _ = Command::new("sync").status();
        let figures = (self.turn)();
        eprintln!("  {:<44} {}", self.name, figures.row());
        self.rounds.push(figures);
    }

    fn medians(&self) -> Figures {
        Figures::medians(&self.rounds)
    }
}

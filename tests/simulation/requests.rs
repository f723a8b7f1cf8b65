//! The requests of people: terminals at the gateways, and the office at the hub.

use stockgate::hub::core::{CentralRequest, Policy};
use stockgate::stock::{Action, Command, Listing, RequestId};

use super::dice::Dice;
use super::hub::Job;
use super::memory::Job as Ask;
use super::world::World;

const UNITS_MAX: u64 = 9;

impl World {
    /// A terminal sends a new request, or repeats an earlier one.
    pub(crate) fn terminal_asks(&mut self) {
        let (gateway, holder) = self.any_holder();
        let again = self.dice.pick(&self.gateways[gateway].asked).cloned();
        let command = match again {
            Some(command) if self.dice.one_in(5) => command,
            _ => self.new_command(gateway),
        };
        let memory = &mut self.gateways[gateway].holders[holder].memory;
        if let Some(memory) = memory {
            self.trace.note(|| format!("g{gateway}.{holder} is asked {command:?}"));
            memory.ask(Ask::Decide(command));
        }
    }

    fn new_command(&mut self, gateway: usize) -> Command {
        let number = self.gateways[gateway].asked.len();
        let request_id = RequestId::parse(&format!("g{gateway}-{number}")).unwrap();
        let mut command = Command::chosen(request_id, self.action(gateway));
        // A gateway that is not upgraded yet has neither.
        if !self.gateways[gateway].is_old {
            command.cause = self.dice.cause();
            trace(&mut self.dice, &mut command.action);
        }
        self.gateways[gateway].asked.push(command.clone());
        command
    }

    fn action(&mut self, gateway: usize) -> Action {
        let (dice, skus) = (&mut self.dice, &self.skus);
        let lines = dice.lines(skus, UNITS_MAX);
        let order_id = None;
        let asked = &self.gateways[gateway].asked;
        let earlier = dice.pick(asked).map(|command| (&command.request_id, &command.action));
        match (dice.below(12), earlier) {
            (0..=1, _) => Action::Restock { order_id, lines },
            (2, _) => {
                let counted = dice.below(12) as i64;
                Action::Count { sku: skus[dice.below(skus.len())].clone(), counted, trace: None }
            }
            (3..=5, _) => Action::Reserve { order_id, lines, ttl_s: Some(dice.between(1, 90)) },
            (
                6,
                Some((id, Action::Deduct { .. } | Action::Restock { .. } | Action::Count { .. })),
            ) => Action::Rollback { of: id.clone(), lines: None },
            (6..=8, Some((id, Action::Reserve { .. }))) => {
                let reservation = id.clone();
                match dice.below(6) {
                    0..=1 => Action::Commit { reservation, lines: None },
                    2..=3 => Action::Release { reservation },
                    4 => Action::CommitPart { reservation, lines: Some(lines) },
                    _ => Action::Extend { reservation, ttl_s: dice.between(1, 90) },
                }
            }
            _ => Action::Deduct { order_id, lines },
        }
    }

    /// The office sends a new request to the hub, or repeats an earlier one.
    pub(crate) fn office_asks(&mut self) {
        if self.mend() {
            return;
        }
        let again = self.dice.pick(&self.hub.requests).cloned();
        let job = match again {
            Some(job) if self.dice.one_in(6) => job,
            _ => self.new_request(),
        };
        if let Job::Central(..) = job {
            self.hub.requests.push(job.clone());
        }
        self.trace.note(|| format!("the hub is asked {job:?}"));
        let worker = self.dice.below(self.hub.workers.len());
        if let Some(worker) = &mut self.hub.workers[worker] {
            worker.inbox.push_back(job);
        }
    }

    fn new_request(&mut self) -> Job {
        let id = RequestId::parse(&format!("c{}", self.hub.requests.len())).unwrap();
        let lines = self.dice.lines(&self.skus, UNITS_MAX);
        let gateway = self.dice.below(self.gateways.len());
        let gateway_id = || self.gateways[gateway].id.clone();
        let order_id = None;
        match self.dice.below(12) {
            0..=2 => Job::Central(id, CentralRequest::Receive { order_id, lines }),
            3..=6 => Job::Central(id, CentralRequest::Grant { gateway: gateway_id(), lines }),
            7..=8 => Job::Central(id, CentralRequest::Recall { gateway: gateway_id(), lines }),
            9 if self.plan.policies => self.policy(),
            10 if self.is_catalogue_known() => self.catalogue(),
            _ => Job::Central(id, CentralRequest::Deduct { order_id, lines }),
        }
    }

    fn policy(&mut self) -> Job {
        let sku = self.skus[self.dice.below(self.skus.len())].clone();
        let low_water = self.dice.below(5) as i64;
        Job::Policy(sku, Policy::new(low_water, low_water + self.dice.below(6) as i64))
    }

    fn catalogue(&mut self) -> Job {
        let mut listings = Vec::new();
        for sku in &self.skus {
            if !self.dice.one_in(4) {
                let name = Some(format!("{sku} {}", self.dice.below(3)));
                listings.push(Listing { name, ..Listing::removed(sku.clone()) });
            }
        }
        Job::Publish(listings)
    }
}

/// Names the lots of some lines.
fn trace(dice: &mut Dice, action: &mut Action) {
    let lines = match action {
        Action::Restock { lines, .. }
        | Action::Deduct { lines, .. }
        | Action::Reserve { lines, .. } => lines,
        Action::Count { trace, .. } => return *trace = dice.trace(),
        Action::Commit { .. }
        | Action::CommitPart { .. }
        | Action::Extend { .. }
        | Action::Release { .. }
        | Action::Rollback { .. }
        | Action::Merge { .. }
        | Action::Hide { .. } => return,
    };
    lines.iter_mut().for_each(|line| line.trace = dice.trace());
}

//! Deciding a command: its request id is looked up, its rule is applied, and the decision is
//! entered into the draft, whole or not at all.

use super::answer::{CommandAnswer, Decided, Undecided};
use super::command::{Action, Command};
use super::decimals::Decimals;
use super::decision::{Decision, Effect};
use super::draft::Draft;
use super::record::{Applied, Outcome, Refusal, RequestRecord, RequestRecords};
use super::request_kind::RequestKind;
use super::reservation_state::Ending;
use super::rules::NoDecision;
use super::types::{OrderId, Quantity, RequestId, Sku};

impl Draft<'_> {
    /// Decides one command and enters its effect into the draft. A command whose record is
    /// damaged is left undecided, because it might be applied a second time.
    ///
    /// # Errors
    /// If the records cannot be read. The draft must then be dropped.
    pub fn decide<R: RequestRecords>(
        &mut self,
        command: &Command,
        records: &R,
    ) -> Result<CommandAnswer, R::Error> {
        // Nothing is changed before all records are read, except those that `close` can do without.
        self.decide_by(command, records).or_else(|error| match R::lost_reason(&error) {
            Some(why) => Ok(Err(Undecided::RecordLost { why })),
            None => Err(error),
        })
    }

    fn decide_by<R: RequestRecords>(
        &mut self,
        command: &Command,
        records: &R,
    ) -> Result<CommandAnswer, R::Error> {
        if let Some(record) = self.record(&command.request_id, records)? {
            return Ok(self.repeat(command, record));
        }
        if let Some(sku) = self.read_in_other_decimals(command) {
            return Ok(Err(Undecided::DecimalsChanged { sku: sku.clone() }));
        }
        let outcome = match self.judge(command, records) {
            Ok(decision) => return self.carry_out(command, decision, records),
            // Under a derived id, nothing would tell the next attempt from a repetition.
            Err(NoDecision::Refused(refusal)) if !command.chosen => {
                return Ok(Ok(decided(command, Err(refusal))));
            }
            Err(NoDecision::Refused(refusal)) => {
                self.count_demand(&command.action, &refusal);
                Err(refusal)
            }
            Err(NoDecision::Undecided(undecided)) => return Ok(Err(undecided)),
            Err(NoDecision::MayRepeat(reservation, ending)) => {
                return self.repeat_of(command, reservation, ending, records);
            }
            Err(NoDecision::RequestRecords(error)) => return Err(error),
        };
        Ok(Ok(self.settle(command, None, 0, outcome)))
    }

    /// The first SKU whose decimals are newer than the request: its numbers may mean something else.
    /// Once a SKU has entries, its decimals do not change.
    fn read_in_other_decimals<'c>(&self, command: &'c Command) -> Option<&'c Sku> {
        if command.read_by? >= self.taken().catalogue {
            return None;
        }
        // One that was taken out of the catalogue meanwhile, or lost its decimals, is known still.
        let is_new = |sku: &&Sku| self.item(sku).is_some_and(|item| item.version == 0);
        command.action.skus().find(is_new)
    }

    /// Answers a command whose request id was decided before.
    fn repeat(&self, command: &Command, record: RequestRecord) -> CommandAnswer {
        let request_id = command.request_id.clone();
        if command.has_fingerprint(record.fingerprint) {
            return Ok(replay(command, record, request_id, None));
        }
        match self.refused_in(command, &record) {
            Some(decimals) => Ok(replay(command, record, request_id, Some(decimals))),
            None => Err(Undecided::IdempotencyConflict { request_id, kind: record.kind }),
        }
    }

    /// The decimals in which a command was refused, if the catalogue gave all its SKUs, or the one that
    /// was refused, other decimals afterwards. Its numbers are the same still.
    fn refused_in(&self, command: &Command, record: &RequestRecord) -> Option<Decimals> {
        let refusal = record.outcome.as_ref().err()?;
        command.read_by?;
        Decimals::all().find(|earlier| {
            [None, refusal.sku()].into_iter().any(|only| {
                let is_meant = |sku: &Sku| only.is_none_or(|only| only == sku);
                let may_differ = |sku: &Sku| self.may_have_had(*earlier, sku, refusal);
                self.read_in(command, *earlier, |sku| is_meant(sku) && may_differ(sku))
                    .has_fingerprint(record.fingerprint)
            })
        })
    }

    /// Whether a SKU may have had these decimals when a request was refused. They change only as long as
    /// it has no entries, and are none before it is listed. Without such bounds, ten would be taken for
    /// one with another decimal.
    fn may_have_had(&self, decimals: Decimals, sku: &Sku, refusal: &Refusal) -> bool {
        let none = Decimals::default();
        let was_unknown = matches!(refusal, Refusal::UnknownSku { .. });
        let had_no_stock = matches!(refusal, Refusal::InsufficientStock { available: 0, .. });
        if decimals == none && (was_unknown || had_no_stock) {
            return true;
        }
        let has_no_entries = || self.item(sku).is_some_and(|item| item.version == 0);
        !was_unknown && self.decimals(sku) != none && has_no_entries()
    }

    /// A command as it is read if some of its SKUs have these decimals. What they cannot say was read in
    /// those of today.
    fn read_in(
        &self,
        command: &Command,
        decimals: Decimals,
        is_meant: impl Fn(&Sku) -> bool,
    ) -> Command {
        let units = |sku: &Sku, units: i64| {
            let units = self.decimals(sku).rescaled(units.unsigned_abs(), decimals);
            units.and_then(Quantity::of_sum).filter(|_| is_meant(sku))
        };
        let mut read = command.clone();
        if let Action::Count { sku, counted, .. } = &mut read.action {
            *counted = units(sku, *counted).map_or(*counted, Quantity::units);
        }
        for line in read.action.lines_mut().into_iter().flatten() {
            line.quantity = units(&line.sku, line.quantity.units()).unwrap_or(line.quantity);
        }
        read
    }

    fn carry_out<R: RequestRecords>(
        &mut self,
        command: &Command,
        mut decision: Decision,
        records: &R,
    ) -> Result<CommandAnswer, R::Error> {
        let effect = std::mem::replace(&mut decision.effect, Effect::None);
        let order_id = decision.order_id.clone();
        let lines = self.enter_decision(&command.request_id, &command.cause, decision);
        let entries = lines.len();
        let mut applied = Applied { seq: self.seq(), lines, expires_at_ms: None };
        match effect {
            Effect::None => {}
            Effect::Open { hold, expires_at_ms } => {
                applied.expires_at_ms = Some(expires_at_ms);
                self.open(command.request_id.clone(), hold);
            }
            Effect::Close { reservation, state } => self.close(&reservation, state, records)?,
            Effect::Replace(replacement) => {
                applied.expires_at_ms = replacement.expires_at_ms;
                self.replace(replacement);
            }
            Effect::Undo { of, record } => self.remember(of, record, 0),
            Effect::Hide(sku) => self.set_hidden(sku),
        }
        Ok(Ok(self.settle(command, order_id, entries, Ok(applied))))
    }

    fn count_demand(&mut self, action: &Action, refusal: &Refusal) {
        if let Action::Deduct { lines, .. } | Action::Reserve { lines, .. } = action
            && matches!(refusal, Refusal::InsufficientStock { .. })
        {
            self.count_refused(lines);
        }
    }

    fn settle(
        &mut self,
        command: &Command,
        order_id: Option<OrderId>,
        entries: usize,
        outcome: Outcome,
    ) -> Decided {
        let record = RequestRecord {
            fingerprint: command.fingerprint(),
            kind: command.action.kind(),
            order_id,
            outcome: outcome.clone(),
            undone: Vec::new(),
            state: None,
        };
        self.remember(command.request_id.clone(), record, entries);
        decided(command, outcome)
    }

    /// Answers a command without a request id whose reservation has ended: it repeats the request
    /// that did so if it says the same.
    fn repeat_of<R: RequestRecords>(
        &mut self,
        command: &Command,
        reservation: RequestId,
        ending: Ending,
        records: &R,
    ) -> Result<CommandAnswer, R::Error> {
        let refusal = match self.record(&ending.request_id, records)? {
            Some(record) if command.has_fingerprint(record.fingerprint) => {
                return Ok(Ok(replay(command, record, ending.request_id, None)));
            }
            Some(_) => Refusal::ReservationEnded { reservation, ending },
            // The closing request was pruned just before the reservation itself will be.
            None => Refusal::ReservationClosed { reservation },
        };
        Ok(Ok(decided(command, Err(refusal))))
    }
}

impl Action {
    /// The kind of the request.
    pub fn kind(&self) -> RequestKind {
        match self {
            Self::Deduct { .. } => RequestKind::Deduct,
            Self::Restock { .. } => RequestKind::Restock,
            Self::Count { .. } | Self::Merge { .. } | Self::Hide { .. } => RequestKind::Count,
            Self::Rollback { .. } => RequestKind::Rollback,
            Self::Reserve { .. } => RequestKind::Reserve,
            Self::Commit { .. } | Self::CommitPart { .. } => RequestKind::Commit,
            Self::Release { .. } => RequestKind::Release,
            Self::Extend { .. } => RequestKind::Extend,
        }
    }

    /// The reservation that the action makes, under its request id, or extends.
    pub fn reservation(&self, request_id: &RequestId) -> Option<RequestId> {
        match self {
            Self::Reserve { .. } => Some(request_id.clone()),
            Self::Extend { reservation, .. } => Some(reservation.clone()),
            Self::Deduct { .. }
            | Self::Restock { .. }
            | Self::Count { .. }
            | Self::Rollback { .. }
            | Self::Commit { .. }
            | Self::Release { .. }
            | Self::CommitPart { .. }
            | Self::Merge { .. }
            | Self::Hide { .. } => None,
        }
    }
}

/// The first answer to a command.
fn decided(command: &Command, outcome: Outcome) -> Decided {
    let request_id = command.request_id.clone();
    let reservation = command.action.reservation(&request_id);
    Decided { outcome, replayed: false, request_id, reservation, decimals: None }
}

/// The outcome of a request again. `decimals` are those of a refusal, if they were others then.
fn replay(
    command: &Command,
    record: RequestRecord,
    request_id: RequestId,
    decimals: Option<Decimals>,
) -> Decided {
    let reservation = command.action.reservation(&request_id);
    Decided { outcome: record.outcome, replayed: true, request_id, reservation, decimals }
}

#[cfg(test)]
#[path = "decide_tests.rs"]
mod tests;

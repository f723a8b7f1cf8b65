//! The rules: what a command does to the stock, or why not.
//!
//! A rule looks at the draft and returns a [`Decision`] without changing anything; one place
//! applies decisions. So a command is applied whole or not at all.

use std::collections::BTreeMap;

use super::Hold;
use super::command::{Action, Command};
use super::draft::Draft;
use super::entry::Kind;
use super::record::{Applied, AppliedLine, Closed, Outcome, Record, Records, Refusal};
use super::types::{Line, OrderId, Quantity, RequestId, Sku};
use crate::limits::{RESERVATIONS_MAX, STOCK_MAX};

/// What the engine answers to a command.
pub type Answer = Result<Decided, Undecided>;

/// A decided command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    /// How.
    pub outcome: Outcome,
    /// Whether it had been decided before.
    pub replayed: bool,
    /// Which request's outcome this is: the command's own, or the one it repeats.
    pub request_id: RequestId,
}

/// Why a command was not decided; it leaves no trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Undecided {
    /// Its name belongs to another request.
    IdempotencyConflict {
        /// The name.
        request_id: RequestId,
        /// What was asked under this name before.
        kind: Kind,
    },
    /// The stock would no longer be a number that JSON holds exactly.
    StockTooLarge {
        /// Of what.
        sku: Sku,
    },
    /// As many reservations are open as fit in memory.
    ReservationsFull,
    /// What is remembered of it, or of the request that it names, cannot be read: whether it has
    /// been decided is not known.
    MemoryLost {
        /// What keeps it from being read.
        why: String,
    },
}

/// What a command does.
#[derive(Debug)]
pub(super) struct Decision {
    pub(super) kind: Kind,
    pub(super) order_id: Option<OrderId>,
    pub(super) movements: Vec<Movement>,
    effect: Effect,
}

/// The change of one SKU.
#[derive(Debug)]
pub(super) struct Movement {
    pub(super) sku: Sku,
    /// As reported to the client.
    pub(super) quantity: u64,
    pub(super) change: i64,
    pub(super) reserved_change: i64,
}

/// What a decision does besides moving stock.
#[derive(Debug)]
enum Effect {
    None,
    Open { hold: Hold, expires_at_ms: i64 },
    Close { reservation: RequestId, closed: Closed },
    Undo { of: RequestId, record: Record },
}

/// Why a rule comes to no decision.
enum No<E> {
    Refused(Refusal),
    Undecided(Undecided),
    /// The command repeats what this request has done.
    Repeats(RequestId),
    Records(E),
}

impl<E> From<Refusal> for No<E> {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl<E> From<Undecided> for No<E> {
    fn from(undecided: Undecided) -> Self {
        Self::Undecided(undecided)
    }
}

impl Draft<'_> {
    /// Decides one command and takes its effect into the draft. One whose record is damaged is
    /// left undecided: it might be done a second time.
    ///
    /// # Errors
    /// If the records cannot be read; then the draft is to be dropped.
    pub fn decide<R: Records>(
        &mut self,
        command: &Command,
        records: &R,
    ) -> Result<Answer, R::Error> {
        // Records are read before anything is changed, but for those that `close` can do without.
        self.decide_by(command, records).or_else(|error| match R::is_lost(&error) {
            Some(why) => Ok(Err(Undecided::MemoryLost { why })),
            None => Err(error),
        })
    }

    fn decide_by<R: Records>(
        &mut self,
        command: &Command,
        records: &R,
    ) -> Result<Answer, R::Error> {
        if let Some(record) = self.record(&command.request_id, records)? {
            return Ok(repeat(command, record, command.request_id.clone()));
        }
        let outcome = match self.judge(command, records) {
            Ok(decision) => return self.carry_out(command, decision, records),
            Err(No::Refused(refusal)) => Err(refusal),
            Err(No::Undecided(undecided)) => return Ok(Err(undecided)),
            Err(No::Repeats(id)) => return self.repeat_of(command, id, records),
            Err(No::Records(error)) => return Err(error),
        };
        Ok(Ok(self.settle(command, None, outcome)))
    }

    fn judge<R: Records>(&self, command: &Command, records: &R) -> Result<Decision, No<R::Error>> {
        match &command.action {
            Action::Deduct { order_id, lines } => self.deduct(order_id.as_ref(), lines),
            Action::Restock { order_id, lines } => self.restock(order_id.as_ref(), lines),
            Action::Count { sku, counted } => self.count(sku, *counted),
            Action::Rollback { of, lines } => self.rollback(of, lines.as_deref(), records),
            Action::Reserve { order_id, lines, ttl_s } => {
                self.reserve(order_id.as_ref(), lines, *ttl_s)
            }
            Action::Commit { reservation, lines } => {
                self.commit(command, reservation, lines.as_deref(), records)
            }
            Action::Release { reservation } => self.release(command, reservation, records),
        }
    }

    fn carry_out<R: Records>(
        &mut self,
        command: &Command,
        mut decision: Decision,
        records: &R,
    ) -> Result<Answer, R::Error> {
        let effect = std::mem::replace(&mut decision.effect, Effect::None);
        let order_id = decision.order_id.clone();
        let lines = self.enter_decision(&command.request_id, decision);
        let mut applied = Applied { seq: self.seq(), lines, expires_at_ms: None };
        match effect {
            Effect::None => {}
            Effect::Open { hold, expires_at_ms } => {
                applied.expires_at_ms = Some(expires_at_ms);
                self.open(command.request_id.clone(), hold);
            }
            Effect::Close { reservation, closed } => self.close(&reservation, closed, records)?,
            Effect::Undo { of, record } => self.remember(of, record, 0),
        }
        Ok(Ok(self.settle(command, order_id, Ok(applied))))
    }

    fn settle(
        &mut self,
        command: &Command,
        order_id: Option<OrderId>,
        outcome: Outcome,
    ) -> Decided {
        let record = Record {
            fingerprint: command.action.fingerprint(),
            kind: command.action.kind(),
            order_id,
            outcome: outcome.clone(),
            undone: Vec::new(),
            closed: None,
        };
        let request_id = command.request_id.clone();
        let entries = outcome.as_ref().map_or(0, |applied| applied.lines.len());
        self.remember(request_id.clone(), record, entries);
        Decided { outcome, replayed: false, request_id }
    }

    fn repeat_of<R: Records>(
        &mut self,
        command: &Command,
        id: RequestId,
        records: &R,
    ) -> Result<Answer, R::Error> {
        match self.record(&id, records)? {
            Some(record) => Ok(repeat(command, record, id)),
            // It was forgotten a moment before the reservation itself will be.
            None => {
                let reservation = command.request_id.clone();
                let outcome = Err(Refusal::ReservationClosed { reservation });
                Ok(Ok(self.settle(command, None, outcome)))
            }
        }
    }

    fn deduct<E>(&self, order_id: Option<&OrderId>, lines: &[Line]) -> Result<Decision, No<E>> {
        self.check_available(lines)?;
        let movements = lines.iter().map(|line| Movement::new(line, -1, 0)).collect();
        Ok(Decision::plain(Kind::Deduct, order_id, movements))
    }

    fn restock<E>(&self, order_id: Option<&OrderId>, lines: &[Line]) -> Result<Decision, No<E>> {
        self.check_room(lines)?;
        let movements = lines.iter().map(|line| Movement::new(line, 1, 0)).collect();
        Ok(Decision::plain(Kind::Restock, order_id, movements))
    }

    fn count<E>(&self, sku: &Sku, counted: i64) -> Result<Decision, No<E>> {
        let Some(item) = self.item(sku) else {
            return Err(Refusal::UnknownSku { sku: sku.clone() }.into());
        };
        if counted < item.reserved {
            let (sku, reserved) = (sku.clone(), item.reserved);
            return Err(Refusal::BelowReserved { sku, counted, reserved }.into());
        }
        let movement = Movement {
            sku: sku.clone(),
            quantity: counted.unsigned_abs(),
            change: counted - item.on_hand,
            reserved_change: 0,
        };
        Ok(Decision::plain(Kind::Count, None, vec![movement]))
    }

    fn reserve<E>(
        &self,
        order_id: Option<&OrderId>,
        lines: &[Line],
        ttl_s: Option<u64>,
    ) -> Result<Decision, No<E>> {
        self.check_available(lines)?;
        if self.hold_count() >= RESERVATIONS_MAX {
            return Err(Undecided::ReservationsFull.into());
        }
        let movements = lines.iter().map(|line| Movement::new(line, 0, 1)).collect();
        let ttl_ms = ttl_s.unwrap_or(self.reservation_ttl_s) * 1_000;
        let hold = Hold {
            order_id: order_id.cloned(),
            lines: lines.to_vec(),
            deadline_ms: self.now.running_ms + ttl_ms,
        };
        let expires_at_ms = self.now.wall_ms.saturating_add_unsigned(ttl_ms);
        let effect = Effect::Open { hold, expires_at_ms };
        Ok(Decision { effect, ..Decision::plain(Kind::Reserve, order_id, movements) })
    }

    fn commit<R: Records>(
        &self,
        command: &Command,
        reservation: &RequestId,
        lines: Option<&[Line]>,
        records: &R,
    ) -> Result<Decision, No<R::Error>> {
        let hold = self.open_hold(command, reservation, records)?;
        let wanted = match lines {
            Some(lines) => part_of(&hold.lines, lines)?,
            None => quantities(&hold.lines),
        };
        let movements = hold.lines.iter().map(|held| Movement::commit(held, &wanted)).collect();
        let effect = Effect::Close {
            reservation: reservation.clone(),
            closed: Closed::Committed(command.request_id.clone()),
        };
        let order_id = hold.order_id.as_ref();
        Ok(Decision { effect, ..Decision::plain(Kind::Commit, order_id, movements) })
    }

    fn release<R: Records>(
        &self,
        command: &Command,
        reservation: &RequestId,
        records: &R,
    ) -> Result<Decision, No<R::Error>> {
        let hold = self.open_hold(command, reservation, records)?;
        let movements = hold.lines.iter().map(|held| Movement::new(held, 0, -1)).collect();
        let effect = Effect::Close {
            reservation: reservation.clone(),
            closed: Closed::Released(command.request_id.clone()),
        };
        let order_id = hold.order_id.as_ref();
        Ok(Decision { effect, ..Decision::plain(Kind::Release, order_id, movements) })
    }

    /// The reservation that a commit or release names, if it is still open.
    fn open_hold<R: Records>(
        &self,
        command: &Command,
        reservation: &RequestId,
        records: &R,
    ) -> Result<&Hold, No<R::Error>> {
        if let Some(hold) = self.hold(reservation) {
            return Ok(hold);
        }
        let reservation = reservation.clone();
        let record = self.record(&reservation, records).map_err(No::Records)?;
        let closed = record.filter(|record| record.kind == Kind::Reserve).and_then(|r| r.closed);
        match closed {
            None => Err(Refusal::UnknownReservation { reservation }.into()),
            Some(Closed::Expired) => Err(Refusal::ReservationExpired { reservation }.into()),
            Some(closed) => match closed.repeated_by(command) {
                Some(id) => Err(No::Repeats(id)),
                None => Err(Refusal::ReservationClosed { reservation }.into()),
            },
        }
    }

    fn rollback<R: Records>(
        &self,
        of: &RequestId,
        lines: Option<&[Line]>,
        records: &R,
    ) -> Result<Decision, No<R::Error>> {
        let record = self.record(of, records).map_err(No::Records)?;
        let unknown = || Refusal::UnknownRequest { of: of.clone() };
        let mut record = record.ok_or_else(unknown)?;
        let deducted = record.deducted().ok_or_else(unknown)?;
        let remaining = subtract(&deducted, &record.undone);
        let lines = match lines {
            Some(lines) => {
                part_of(&remaining, lines)?;
                lines.to_vec()
            }
            None if remaining.is_empty() => return Err(nothing_remains(&deducted).into()),
            None => remaining,
        };
        self.check_room(&lines)?;
        let movements = lines.iter().map(|line| Movement::new(line, 1, 0)).collect();
        record.undone = add(&record.undone, &lines);
        let order_id = record.order_id.clone();
        let effect = Effect::Undo { of: of.clone(), record };
        Ok(Decision { effect, ..Decision::plain(Kind::Rollback, order_id.as_ref(), movements) })
    }

    fn check_available<E>(&self, lines: &[Line]) -> Result<(), No<E>> {
        for Line { sku, quantity } in lines {
            let Some(item) = self.item(sku) else {
                return Err(Refusal::UnknownSku { sku: sku.clone() }.into());
            };
            let (requested, available) = (quantity.units(), item.available());
            if available < requested {
                let (sku, requested) = (sku.clone(), requested.unsigned_abs());
                return Err(Refusal::InsufficientStock { sku, requested, available }.into());
            }
        }
        Ok(())
    }

    fn check_room<E>(&self, lines: &[Line]) -> Result<(), No<E>> {
        for Line { sku, quantity } in lines {
            let on_hand = self.item(sku).unwrap_or_default().on_hand;
            if on_hand > STOCK_MAX - quantity.units() {
                return Err(Undecided::StockTooLarge { sku: sku.clone() }.into());
            }
        }
        Ok(())
    }
}

impl Decision {
    fn plain(kind: Kind, order_id: Option<&OrderId>, movements: Vec<Movement>) -> Self {
        Self { kind, order_id: order_id.cloned(), movements, effect: Effect::None }
    }
}

impl Movement {
    fn new(line: &Line, on_hand_sign: i64, reserved_sign: i64) -> Self {
        let units = line.quantity.units();
        Self {
            sku: line.sku.clone(),
            quantity: units.unsigned_abs(),
            change: units * on_hand_sign,
            reserved_change: units * reserved_sign,
        }
    }

    pub(super) fn expire(held: &Line) -> Self {
        Self::new(held, 0, -1)
    }

    pub(super) fn grant(line: &Line) -> Self {
        Self::new(line, 1, 0)
    }

    pub(super) fn give_back(sku: Sku, units: i64) -> Self {
        Self { sku, quantity: units.unsigned_abs(), change: -units, reserved_change: 0 }
    }

    /// Deducts what is wanted of a held line and gives the rest back.
    fn commit(held: &Line, wanted: &BTreeMap<&Sku, i64>) -> Self {
        let units = wanted.get(&held.sku).copied().unwrap_or(0);
        Self {
            sku: held.sku.clone(),
            quantity: units.unsigned_abs(),
            change: -units,
            reserved_change: -held.quantity.units(),
        }
    }
}

impl Action {
    fn kind(&self) -> Kind {
        match self {
            Self::Deduct { .. } => Kind::Deduct,
            Self::Restock { .. } => Kind::Restock,
            Self::Count { .. } => Kind::Count,
            Self::Rollback { .. } => Kind::Rollback,
            Self::Reserve { .. } => Kind::Reserve,
            Self::Commit { .. } => Kind::Commit,
            Self::Release { .. } => Kind::Release,
        }
    }
}

impl Closed {
    /// The request that this command repeats: the same kind, and no name of its own.
    fn repeated_by(self, command: &Command) -> Option<RequestId> {
        match (self, &command.action) {
            (Self::Committed(id), Action::Commit { .. })
            | (Self::Released(id), Action::Release { .. })
                if !command.chosen =>
            {
                Some(id)
            }
            _ => None,
        }
    }
}

impl Record {
    /// What this request took out of the stock; `None` if it is no applied deduction.
    fn deducted(&self) -> Option<Vec<Line>> {
        match (&self.outcome, self.kind) {
            (Ok(applied), Kind::Deduct | Kind::Commit) => {
                Some(applied.lines.iter().filter_map(AppliedLine::as_line).collect())
            }
            _ => None,
        }
    }
}

impl AppliedLine {
    /// `None` for a line of a commit that was given back as a whole.
    fn as_line(&self) -> Option<Line> {
        let quantity = Quantity::of_sum(self.quantity)?;
        Some(Line { sku: self.sku.clone(), quantity })
    }
}

/// Answers a command whose name was decided before.
fn repeat(command: &Command, record: Record, request_id: RequestId) -> Answer {
    if record.fingerprint != command.action.fingerprint() {
        return Err(Undecided::IdempotencyConflict { request_id, kind: record.kind });
    }
    Ok(Decided { outcome: record.outcome, replayed: true, request_id })
}

fn quantities(lines: &[Line]) -> BTreeMap<&Sku, i64> {
    lines.iter().map(|line| (&line.sku, line.quantity.units())).collect()
}

/// The wanted lines by SKU, if each is within what is there.
fn part_of<'a>(there: &[Line], wanted: &'a [Line]) -> Result<BTreeMap<&'a Sku, i64>, Refusal> {
    let there = quantities(there);
    for Line { sku, quantity } in wanted {
        let available = there.get(sku).copied().unwrap_or(0);
        if quantity.units() > available {
            return Err(Refusal::ExceedsDeduction {
                sku: sku.clone(),
                requested: quantity.units().unsigned_abs(),
                available: available.unsigned_abs(),
            });
        }
    }
    Ok(quantities(wanted))
}

/// Refuses to undo all that remains when nothing does.
fn nothing_remains(deducted: &[Line]) -> Refusal {
    let first = deducted.first().expect("a deduction takes at least one line");
    Refusal::ExceedsDeduction {
        sku: first.sku.clone(),
        requested: first.quantity.units().unsigned_abs(),
        available: 0,
    }
}

fn subtract(lines: &[Line], less: &[Line]) -> Vec<Line> {
    let less = quantities(less);
    let rest = |line: &Line| {
        let units = line.quantity.units() - less.get(&line.sku).copied().unwrap_or(0);
        let quantity = Quantity::of_sum(units.unsigned_abs())?;
        Some(Line { sku: line.sku.clone(), quantity })
    };
    lines.iter().filter_map(rest).collect()
}

fn add(lines: &[Line], more: &[Line]) -> Vec<Line> {
    super::command::merge_lines(lines.iter().chain(more).cloned().collect())
}

#[cfg(test)]
#[path = "decide_tests.rs"]
mod tests;

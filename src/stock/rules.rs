//! The rules: what each command does to the stock, or why it is refused.
//!
//! A rule reads the draft and returns a [`Decision`]. It changes nothing, so a refused command
//! leaves the draft as it was.

use hashbrown::HashMap;
use smallvec::smallvec;

use super::answer::Undecided;
use super::command::{Action, Command, totals};
use super::decision::{Decision, Effect, Movement, Replacement};
use super::draft::Draft;
use super::entry::Kind;
use super::line::Line;
use super::record::{Refusal, RequestRecord, RequestRecords};
use super::request_kind::RequestKind;
use super::reservation_state::{EndedBy, Ending, ReservationState};
use super::share::Share;
use super::trace::OptionalTrace;
use super::types::{OrderId, RequestId, Sku};
use super::{Hold, Item};
use crate::limits::{RESERVATIONS_MAX, RESERVED_LINES_MAX, STOCK_MAX};

/// The reason why a rule returns no decision.
pub(super) enum NoDecision<E> {
    Refused(Refusal),
    Undecided(Undecided),
    /// The command names no request id, and may repeat the one that has ended this reservation.
    MayRepeat(RequestId, Ending),
    RequestRecords(E),
}

impl<E> From<Refusal> for NoDecision<E> {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl<E> From<Undecided> for NoDecision<E> {
    fn from(undecided: Undecided) -> Self {
        Self::Undecided(undecided)
    }
}

impl Draft<'_> {
    /// Applies the rule of a command's action.
    pub(super) fn judge<R: RequestRecords>(
        &self,
        command: &Command,
        records: &R,
    ) -> Result<Decision, NoDecision<R::Error>> {
        match &command.action {
            Action::Deduct { order_id, lines } => self.deduct(order_id.as_ref(), lines),
            Action::Restock { order_id, lines } => self.restock(order_id.as_ref(), lines),
            Action::Count { sku, counted, trace } => self.count(sku, *counted, trace),
            Action::Rollback { of, lines } => self.rollback(of, lines.as_deref(), records),
            Action::Reserve { order_id, lines, ttl_s } => {
                self.reserve(command, order_id.as_ref(), lines, *ttl_s)
            }
            Action::Commit { reservation, lines } => {
                self.commit(command, reservation, lines.as_deref(), records)
            }
            Action::Release { reservation } => self.release(command, reservation, records),
            Action::CommitPart { reservation, lines } => {
                self.commit_part(command, reservation, lines.as_deref(), records)
            }
            Action::Extend { reservation, ttl_s } => {
                self.extend(command, reservation, *ttl_s, records)
            }
            Action::Merge { from, into } => self.merge(from, into),
            Action::Hide { sku } => self.hide(sku),
        }
    }

    fn deduct<E>(
        &self,
        order_id: Option<&OrderId>,
        lines: &[Line],
    ) -> Result<Decision, NoDecision<E>> {
        self.check_available(lines)?;
        let movements = lines.iter().map(|line| Movement::new(line, -1, 0)).collect();
        Ok(Decision::plain(Kind::Deduct, order_id, movements))
    }

    fn restock<E>(
        &self,
        order_id: Option<&OrderId>,
        lines: &[Line],
    ) -> Result<Decision, NoDecision<E>> {
        self.check_room(lines)?;
        let movements = lines.iter().map(|line| Movement::new(line, 1, 0)).collect();
        Ok(Decision::plain(Kind::Restock, order_id, movements))
    }

    fn count<E>(
        &self,
        sku: &Sku,
        counted: i64,
        trace: &OptionalTrace,
    ) -> Result<Decision, NoDecision<E>> {
        let item = self.countable(sku, counted)?;
        let movement = Movement::count(sku.clone(), item.on_hand, counted, trace.clone());
        Ok(Decision::plain(Kind::Count, None, smallvec![movement]))
    }

    /// The stock of a SKU, if so much of it may be counted.
    pub(super) fn countable<E>(&self, sku: &Sku, counted: i64) -> Result<Item, NoDecision<E>> {
        self.check_not_lost(sku)?;
        let Some(item) = self.item(sku) else {
            return Err(Refusal::UnknownSku { sku: sku.clone() }.into());
        };
        if counted < item.reserved {
            let (sku, reserved) = (sku.clone(), item.reserved);
            return Err(Refusal::BelowReserved { sku, counted, reserved }.into());
        }
        Ok(item)
    }

    fn reserve<E>(
        &self,
        command: &Command,
        order_id: Option<&OrderId>,
        lines: &[Line],
        ttl_s: Option<u64>,
    ) -> Result<Decision, NoDecision<E>> {
        self.check_available(lines)?;
        if self.hold_count() >= RESERVATIONS_MAX {
            return Err(Undecided::ReservationsFull.into());
        }
        let weight: usize = lines.iter().map(Line::weight).sum();
        if self.held_weight() + weight > RESERVED_LINES_MAX {
            return Err(Undecided::ReservedLinesFull.into());
        }
        let movements = lines.iter().map(|line| Movement::new(line, 0, 1)).collect();
        let ttl_ms = ttl_s.unwrap_or(self.reservation_ttl_s) * 1_000;
        let hold = Hold {
            order_id: order_id.cloned(),
            lines: lines.to_vec(),
            deadline_ms: self.now.running_ms + ttl_ms,
            actor: command.cause.actor.clone(),
        };
        let expires_at_ms = self.now.wall_ms.saturating_add_unsigned(ttl_ms);
        let effect = Effect::Open { hold, expires_at_ms };
        Ok(Decision { effect, ..Decision::plain(Kind::Reserve, order_id, movements) })
    }

    fn commit<R: RequestRecords>(
        &self,
        command: &Command,
        reservation: &RequestId,
        lines: Option<&[Line]>,
        records: &R,
    ) -> Result<Decision, NoDecision<R::Error>> {
        let hold = self.open_hold(command, reservation, records)?;
        let wanted = lines.unwrap_or(&hold.lines);
        check_within(&hold.lines, wanted)?;
        let movements = Share::of(&hold.lines, wanted).into_commit().into();
        let effect = self.close_by(command, reservation, EndedBy::Commit);
        let order_id = hold.order_id.as_ref();
        Ok(Decision { effect, ..Decision::plain(Kind::Commit, order_id, movements) })
    }

    fn close_by(&self, command: &Command, reservation: &RequestId, by: EndedBy) -> Effect {
        let (request_id, actor) = (command.request_id.clone(), command.cause.actor.clone());
        let ending = Ending { by, request_id, at_ms: Some(self.now.wall_ms), actor };
        let state = ReservationState::Ended(ending);
        Effect::Close { reservation: reservation.clone(), state }
    }

    /// Commits a part of a reservation. If nothing is left of it then, it is closed.
    fn commit_part<R: RequestRecords>(
        &self,
        command: &Command,
        reservation: &RequestId,
        lines: Option<&[Line]>,
        records: &R,
    ) -> Result<Decision, NoDecision<R::Error>> {
        let hold = self.open_hold(command, reservation, records)?;
        let wanted = lines.unwrap_or(&hold.lines);
        check_within(&hold.lines, wanted)?;
        let share = Share::of(&hold.lines, wanted);
        let rest = share.left();
        if rest.is_empty() {
            return self.commit(command, reservation, lines, records);
        }
        let mut record = self.reservation_record(reservation, records)?;
        let movements = share.into_part().into();
        record.undone = Share::of(&record.reserved(), &rest).left();
        let effect = Effect::Replace(Replacement {
            reservation: reservation.clone(),
            hold: Hold { lines: rest, ..hold.clone() },
            record,
            expires_at_ms: None,
        });
        let order_id = hold.order_id.as_ref();
        Ok(Decision { effect, ..Decision::plain(Kind::Commit, order_id, movements) })
    }

    fn extend<R: RequestRecords>(
        &self,
        command: &Command,
        reservation: &RequestId,
        ttl_s: u64,
        records: &R,
    ) -> Result<Decision, NoDecision<R::Error>> {
        let hold = self.open_hold(command, reservation, records)?;
        let mut record = self.reservation_record(reservation, records)?;
        let ttl_ms = ttl_s * 1_000;
        let expires_at_ms = self.now.wall_ms.saturating_add_unsigned(ttl_ms);
        record.state = Some(ReservationState::Extended { expires_at_ms });
        let effect = Effect::Replace(Replacement {
            reservation: reservation.clone(),
            hold: Hold { deadline_ms: self.now.running_ms + ttl_ms, ..hold.clone() },
            record,
            expires_at_ms: Some(expires_at_ms),
        });
        // Without movements, the kind enters nothing.
        Ok(Decision { effect, ..Decision::plain(Kind::Reserve, None, smallvec![]) })
    }

    /// The record of an open reservation.
    fn reservation_record<R: RequestRecords>(
        &self,
        reservation: &RequestId,
        records: &R,
    ) -> Result<RequestRecord, NoDecision<R::Error>> {
        let record = self.record(reservation, records).map_err(NoDecision::RequestRecords)?;
        let unknown = || Refusal::UnknownReservation { reservation: reservation.clone() };
        Ok(record.ok_or_else(unknown)?)
    }

    fn release<R: RequestRecords>(
        &self,
        command: &Command,
        reservation: &RequestId,
        records: &R,
    ) -> Result<Decision, NoDecision<R::Error>> {
        let hold = self.open_hold(command, reservation, records)?;
        let movements = hold.lines.iter().map(|held| Movement::new(held, 0, -1)).collect();
        let effect = self.close_by(command, reservation, EndedBy::Release);
        let order_id = hold.order_id.as_ref();
        Ok(Decision { effect, ..Decision::plain(Kind::Release, order_id, movements) })
    }

    /// The reservation that a command names, if it is open. One that is due has ended, although its expiry may not be entered yet.
    fn open_hold<R: RequestRecords>(
        &self,
        command: &Command,
        reservation: &RequestId,
        records: &R,
    ) -> Result<&Hold, NoDecision<R::Error>> {
        let hold = self.hold(reservation);
        let reservation = reservation.clone();
        match hold {
            Some(hold) if hold.deadline_ms > self.now.running_ms => {
                hold.lines.iter().try_for_each(|line| self.check_not_lost(&line.sku))?;
                return Ok(hold);
            }
            Some(_) => return Err(Refusal::ReservationExpired { reservation }.into()),
            None => {}
        }
        let record = self.record(&reservation, records).map_err(NoDecision::RequestRecords)?;
        let reserved = record.filter(|record| record.kind == RequestKind::Reserve);
        let Some(state) = reserved.and_then(|record| record.state) else {
            return Err(Refusal::UnknownReservation { reservation }.into());
        };
        match state.ending() {
            Some(ending) if ending.is_repeated_by(command) => {
                Err(NoDecision::MayRepeat(reservation, ending))
            }
            Some(ending) => Err(Refusal::ReservationEnded { reservation, ending }.into()),
            None => Err(Refusal::ReservationExpired { reservation }.into()),
        }
    }

    fn rollback<R: RequestRecords>(
        &self,
        of: &RequestId,
        lines: Option<&[Line]>,
        records: &R,
    ) -> Result<Decision, NoDecision<R::Error>> {
        let record = self.record(of, records).map_err(NoDecision::RequestRecords)?;
        let unknown = || Refusal::UnknownRequest { of: of.clone() };
        let mut record = record.ok_or_else(unknown)?;
        let booked = record.booked().ok_or_else(unknown)?;
        let remaining = booked.remaining(&record.undone);
        let lines = match lines {
            Some(lines) => {
                check_within(&remaining, lines)?;
                Share::of(&remaining, lines).taken()
            }
            None if remaining.is_empty() => return Err(nothing_remains(&record).into()),
            None => remaining,
        };
        match booked.opposite() {
            1 => self.check_room(&lines)?,
            _ => self.check_available(&lines)?,
        }
        let movements = lines.iter().map(|line| Movement::new(line, booked.opposite(), 0));
        let movements = movements.collect();
        record.undone = add(&record.undone, &lines);
        let order_id = record.order_id.clone();
        let kind = record.kind.undone_by();
        let effect = Effect::Undo { of: of.clone(), record };
        Ok(Decision { effect, ..Decision::plain(kind, order_id.as_ref(), movements) })
    }

    fn check_available<E>(&self, lines: &[Line]) -> Result<(), NoDecision<E>> {
        for Line { sku, quantity, .. } in &*totals(lines) {
            self.check_not_lost(sku)?;
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

    fn check_not_lost<E>(&self, sku: &Sku) -> Result<(), NoDecision<E>> {
        match self.stock.is_lost(sku.as_str()) {
            true => Err(Undecided::StockLost { sku: sku.clone() }.into()),
            false => Ok(()),
        }
    }

    fn check_room<E>(&self, lines: &[Line]) -> Result<(), NoDecision<E>> {
        for Line { sku, quantity, .. } in &*totals(lines) {
            self.check_not_lost(sku)?;
            let on_hand = self.item(sku).unwrap_or_default().on_hand;
            if on_hand > STOCK_MAX - quantity.units() {
                return Err(Undecided::StockTooLarge { sku: sku.clone() }.into());
            }
        }
        Ok(())
    }
}

impl Ending {
    /// Whether a command repeats the request that ended the reservation: it is of the same kind and
    /// has no request id of its own.
    fn is_repeated_by(&self, command: &Command) -> bool {
        let is_same_kind = match command.action {
            Action::Commit { .. } => self.by == EndedBy::Commit,
            Action::Release { .. } => self.by == EndedBy::Release,
            Action::Deduct { .. }
            | Action::Restock { .. }
            | Action::Count { .. }
            | Action::Rollback { .. }
            | Action::Reserve { .. }
            | Action::CommitPart { .. }
            | Action::Extend { .. }
            | Action::Merge { .. }
            | Action::Hide { .. } => false,
        };
        is_same_kind && !command.chosen
    }
}

/// Checks that the wanted lines are within what there is of their SKUs.
fn check_within(there: &[Line], wanted: &[Line]) -> Result<(), Refusal> {
    let there = totals(there);
    let there: HashMap<&Sku, i64> =
        there.iter().map(|line| (&line.sku, line.quantity.units())).collect();
    for Line { sku, quantity, .. } in &*totals(wanted) {
        let available = there.get(sku).copied().unwrap_or(0);
        if quantity.units() > available {
            return Err(Refusal::ExceedsDeduction {
                sku: sku.clone(),
                requested: quantity.units().unsigned_abs(),
                available: available.unsigned_abs(),
            });
        }
    }
    Ok(())
}

/// The refusal of a rollback of all that remains, where nothing remains.
fn nothing_remains(record: &RequestRecord) -> Refusal {
    let first = record.outcome.as_ref().ok().and_then(|applied| applied.lines.first());
    let first = first.expect("what can be rolled back has at least one line");
    let (sku, requested) = (first.sku.clone(), first.quantity);
    Refusal::ExceedsDeduction { sku, requested, available: 0 }
}

fn add(lines: &[Line], more: &[Line]) -> Vec<Line> {
    super::command::merge_lines(lines.iter().chain(more).cloned().collect())
}

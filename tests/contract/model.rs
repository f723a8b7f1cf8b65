//! A small reference model of the stock: the outcome of every mutation, without time, disk or
//! network.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::support::bodies::without;
use crate::support::terminal::number;

type Lines = BTreeMap<String, u64>;

/// SKU → `on_hand` and `reserved` after a mutation, or the code of its refusal.
pub(crate) type Expected = Result<BTreeMap<String, (u64, u64)>, &'static str>;

#[derive(Default)]
pub(crate) struct Model {
    pub(crate) stock: BTreeMap<String, (u64, u64)>,
    outcomes: BTreeMap<String, (String, Expected)>,
    /// Deduction or commit → the part of it that can still be rolled back.
    deductions: BTreeMap<String, Lines>,
    /// Restock or count → what it changed, until it is rolled back.
    once: BTreeMap<String, BTreeMap<String, i64>>,
    reservations: BTreeMap<String, Reservation>,
}

struct Reservation {
    lines: Lines,
    /// The operation that closed it.
    ended_by: Option<String>,
}

impl Model {
    /// The outcome of a mutation, and whether it is a replay.
    pub(crate) fn decide(&mut self, op: &str, body: &Value) -> (Expected, bool) {
        let request_id = request_id(op, body);
        let request = format!("{op} {}", without(body.clone(), "request_id"));
        if let Some((first, outcome)) = self.outcomes.get(&request_id) {
            let same = *first == request;
            return if same {
                (outcome.clone(), true)
            } else {
                (Err("idempotency_conflict"), false)
            };
        }
        let outcome = self.apply(op, &request_id, body);
        // The refusal of a commit or release without a request id is not remembered.
        if outcome.is_ok() || body["request_id"].is_string() {
            self.outcomes.insert(request_id, (request, outcome.clone()));
        }
        (outcome, false)
    }

    pub(crate) fn open_reservations(&self) -> Vec<String> {
        let open = self.reservations.iter().filter(|(_, held)| held.ended_by.is_none());
        open.map(|(id, _)| id.clone()).collect()
    }

    pub(crate) fn is_released(&self, reservation: &str) -> bool {
        let held = self.reservations.get(reservation);
        held.is_some_and(|held| held.ended_by.as_deref() == Some("release"))
    }

    fn apply(&mut self, op: &str, request_id: &str, body: &Value) -> Expected {
        match op {
            "deduct" => self.deduct(request_id, body),
            "restock" => Ok(self.restock(request_id, body)),
            "count" => self.count(request_id, body),
            "merge" => self.merge(body),
            "rollback" => self.rollback(body),
            "reserve" => self.reserve(request_id, body),
            "commit" => self.commit(request_id, body),
            "release" => self.release(body),
            "extend" => self.open(body).map(|_| BTreeMap::new()),
            _ => unreachable!("{op} is not a mutation"),
        }
    }

    fn deduct(&mut self, request_id: &str, body: &Value) -> Expected {
        let lines = self.available(body)?;
        let figures = self.change(&lines, |stock, quantity| stock.0 -= quantity);
        self.deductions.insert(request_id.to_owned(), lines);
        Ok(figures)
    }

    fn restock(&mut self, request_id: &str, body: &Value) -> BTreeMap<String, (u64, u64)> {
        let lines = summed(body);
        let booked = lines.iter().map(|(sku, units)| (sku.clone(), units.cast_signed()));
        self.once.insert(request_id.to_owned(), booked.collect());
        self.change(&lines, |stock, quantity| stock.0 += quantity)
    }

    fn count(&mut self, request_id: &str, body: &Value) -> Expected {
        let (sku, counted) = (text(body, "sku"), number(body, "counted"));
        let (on_hand, reserved) = *self.stock.get(&sku).ok_or("unknown_sku")?;
        if counted < reserved {
            return Err("below_reserved");
        }
        let change = counted.cast_signed() - on_hand.cast_signed();
        let booked = (change != 0).then(|| (sku.clone(), change));
        self.once.insert(request_id.to_owned(), booked.into_iter().collect());
        Ok(self.change(&Lines::from([(sku, counted)]), |stock, counted| stock.0 = counted))
    }

    fn merge(&mut self, body: &Value) -> Expected {
        let (from, into) = (text(body, "from"), text(body, "into"));
        let (on_hand, reserved) = *self.stock.get(&from).ok_or("unknown_sku")?;
        if reserved > 0 {
            return Err("below_reserved");
        }
        let mut figures =
            self.change(&Lines::from([(into, on_hand)]), |stock, units| stock.0 += units);
        figures
            .extend(self.change(&Lines::from([(from, on_hand)]), |stock, units| stock.0 -= units));
        Ok(figures)
    }

    fn rollback(&mut self, body: &Value) -> Expected {
        if let Some(booked) = self.once.get(&text(body, "of")).cloned() {
            return self.rollback_once(&booked, body);
        }
        let left = self.deductions.get_mut(&text(body, "of")).ok_or("unknown_request")?;
        let asked = if body["lines"].is_null() { left.clone() } else { summed(body) };
        take(left, &asked)?;
        Ok(self.change(&asked, |stock, quantity| stock.0 += quantity))
    }

    fn rollback_once(&mut self, booked: &BTreeMap<String, i64>, body: &Value) -> Expected {
        let mut left: Lines =
            booked.iter().map(|(sku, change)| (sku.clone(), change.unsigned_abs())).collect();
        let asked = if body["lines"].is_null() { left.clone() } else { summed(body) };
        take(&mut left, &asked)?;
        let is_loss = booked.values().any(|change| *change < 0);
        if !is_loss {
            self.check_available(&asked)?;
        }
        self.once.insert(text(body, "of"), BTreeMap::new());
        Ok(self.change(&asked, |stock, quantity| {
            stock.0 = if is_loss { stock.0 + quantity } else { stock.0 - quantity };
        }))
    }

    fn reserve(&mut self, request_id: &str, body: &Value) -> Expected {
        let lines = self.available(body)?;
        let figures = self.change(&lines, |stock, quantity| stock.1 += quantity);
        let reservation = Reservation { lines, ended_by: None };
        self.reservations.insert(request_id.to_owned(), reservation);
        Ok(figures)
    }

    fn commit(&mut self, request_id: &str, body: &Value) -> Expected {
        let held = self.open(body)?;
        let asked = if body["lines"].is_null() { held.clone() } else { summed(body) };
        let mut rest = held.clone();
        take(&mut rest, &asked)?;
        self.deductions.insert(request_id.to_owned(), asked.clone());
        if body["keep_rest"] == true && !rest.is_empty() {
            self.reservations.get_mut(&text(body, "reservation")).unwrap().lines = rest;
            return Ok(self.change(&asked, |stock, quantity| {
                *stock = (stock.0 - quantity, stock.1 - quantity);
            }));
        }
        self.change(&asked, |stock, quantity| stock.0 -= quantity);
        Ok(self.end("commit", body, &held))
    }

    fn release(&mut self, body: &Value) -> Expected {
        let held = self.open(body)?;
        Ok(self.end("release", body, &held))
    }

    fn end(&mut self, op: &str, body: &Value, held: &Lines) -> BTreeMap<String, (u64, u64)> {
        let reservation = self.reservations.get_mut(&text(body, "reservation")).unwrap();
        reservation.ended_by = Some(op.to_owned());
        self.change(held, |stock, quantity| stock.1 -= quantity)
    }

    /// The lines of an open reservation.
    fn open(&self, body: &Value) -> Result<Lines, &'static str> {
        let held = self.reservations.get(&text(body, "reservation"));
        let held = held.ok_or("unknown_reservation")?;
        if held.ended_by.is_some() { Err("reservation_closed") } else { Ok(held.lines.clone()) }
    }

    /// The lines of a request, if all of them are available.
    fn available(&self, body: &Value) -> Result<Lines, &'static str> {
        let lines = summed(body);
        self.check_available(&lines)?;
        Ok(lines)
    }

    fn check_available(&self, lines: &Lines) -> Result<(), &'static str> {
        for (sku, quantity) in lines {
            let (on_hand, reserved) = self.stock.get(sku).ok_or("unknown_sku")?;
            if on_hand - reserved < *quantity {
                return Err("insufficient_stock");
            }
        }
        Ok(())
    }

    fn change(
        &mut self,
        lines: &Lines,
        change: impl Fn(&mut (u64, u64), u64),
    ) -> BTreeMap<String, (u64, u64)> {
        let changed = lines.iter().map(|(sku, quantity)| {
            let stock = self.stock.entry(sku.clone()).or_default();
            change(stock, *quantity);
            (sku.clone(), *stock)
        });
        changed.collect()
    }
}

fn request_id(op: &str, body: &Value) -> String {
    let given = body["request_id"].as_str().map(str::to_owned);
    given.unwrap_or_else(|| format!("{op}:{}", text(body, "reservation")))
}

fn summed(body: &Value) -> Lines {
    let mut lines = Lines::new();
    for line in body["lines"].as_array().unwrap() {
        *lines.entry(text(line, "sku")).or_default() += number(line, "quantity");
    }
    lines
}

/// Subtracts the requested units from what is left; asking for nothing is an error too.
fn take(left: &mut Lines, asked: &Lines) -> Result<(), &'static str> {
    let is_left = |(sku, quantity): (&String, &u64)| left.get(sku).is_some_and(|q| q >= quantity);
    if asked.is_empty() || !asked.iter().all(is_left) {
        return Err("exceeds_deduction");
    }
    for (sku, quantity) in asked {
        *left.get_mut(sku).unwrap() -= quantity;
    }
    left.retain(|_, quantity| *quantity > 0);
    Ok(())
}

fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap().to_owned()
}

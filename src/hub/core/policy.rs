//! Replenishment: the hub grants a SKU to gateways that run low, before they are short.
//!
//! When a gateway's entries bring what is available below the policy's low water, the gateway is
//! put at the end of those that wait for the SKU. They are served in that order as soon as the pool
//! has units.

use super::account::AccountUpdate;
use super::booking;
use super::books::Books;
use super::movement::{MovementKind, Occasion};
use super::records::{Allotment, Book, Policy, hub_request_id};
use super::transfer::issue;
use crate::protocol::topic::GatewayId;
use crate::stock::{Actor, Cause, Direction, Line, Quantity, Sku};

/// The actor of what a policy grants.
const POLICY: &str = "policy";

/// Sets or ends the policy of a SKU for all gateways without one of their own, and applies it at
/// once; returns the gateways that were granted units.
///
/// # Errors
/// If the books database fails.
pub fn set_policy<B: Books>(
    books: &mut B,
    sku: &Sku,
    policy: impl Into<Option<Policy>>,
) -> Result<Vec<GatewayId>, B::Error> {
    books.save_policy(sku, None, policy.into())?;
    let held = books.holders(sku)?;
    let ids: Vec<i64> = held.iter().map(|(id, _)| *id).collect();
    books.expect_books(&ids, sku)?;
    let mut holders = Vec::with_capacity(held.len());
    for (id, allotment) in held {
        holders.push((books.book(id)?, allotment));
    }
    holders.sort_by(|(a, _), (b, _)| a.gateway.cmp(&b.gateway));
    for (book, allotment) in &holders {
        wait_if_low(books, book, sku, allotment)?;
    }
    serve(books, sku)
}

/// Sets or ends the policy of a SKU for one gateway, which comes before the general one, and applies
/// it at once; returns the gateways that were granted units.
///
/// # Errors
/// If the books database fails.
pub fn set_gateway_policy<B: Books>(
    books: &mut B,
    sku: &Sku,
    gateway: &GatewayId,
    policy: Option<Policy>,
) -> Result<Vec<GatewayId>, B::Error> {
    let book = books.books(gateway)?.pop();
    if let Some(book) = &book {
        books.expect_books(&[book.id], sku)?;
    }
    books.save_policy(sku, Some(gateway), policy)?;
    if let Some(book) = book {
        let allotment = books.allotment(book.id, sku)?;
        wait_if_low(books, &book, sku, &allotment)?;
    }
    serve(books, sku)
}

/// Applies the policies of the SKUs that a gateway's entries have changed; returns the gateways that
/// were granted units.
pub(super) fn replenish<B: Books>(
    books: &mut B,
    book: &Book,
    update: &AccountUpdate,
) -> Result<Vec<GatewayId>, B::Error> {
    let mut granted = Vec::new();
    let with_policy = || update.accounts.iter().filter(|(_, account)| account.has_policy);
    books.expect_wanted(&with_policy().map(|(sku, _)| sku.clone()).collect::<Vec<_>>());
    for (sku, account) in with_policy() {
        wait_if_low(books, book, sku, &account.allotment)?;
        granted.extend(serve(books, sku)?);
    }
    Ok(granted)
}

/// Serves the gateways that wait for these SKUs; returns those that were granted units.
///
/// # Errors
/// If the books database fails.
pub fn serve_all<B: Books>(books: &mut B, skus: &[Sku]) -> Result<Vec<GatewayId>, B::Error> {
    let mut granted = Vec::new();
    if skus.is_empty() {
        return Ok(granted);
    }
    books.expect_wanted(skus);
    for sku in skus {
        granted.extend(serve(books, sku)?);
    }
    Ok(granted)
}

fn wait_if_low<B: Books>(
    books: &mut B,
    book: &Book,
    sku: &Sku,
    allotment: &Allotment,
) -> Result<(), B::Error> {
    let policy = books.policy_of(book, sku)?;
    let waits = books.waiting(sku)?.contains(&book.id);
    match policy.is_some_and(|policy| allotment.expected() < policy.low_water) {
        true if !waits && book.is_open() && !book.whole_units.contains(sku) => {
            books.start_waiting(sku, book.id)
        }
        false if waits => books.stop_waiting(sku, book.id),
        true | false => Ok(()),
    }
}

fn serve<B: Books>(books: &mut B, sku: &Sku) -> Result<Vec<GatewayId>, B::Error> {
    let mut granted = Vec::new();
    let waiting = books.waiting(sku)?;
    let mut expected_up_to = 0;
    for (place, id) in waiting.iter().copied().enumerate() {
        if place == expected_up_to {
            // More each time: often the pool is empty after a few.
            expected_up_to = waiting.len().min(4 * place + 8);
            books.expect_books(&waiting[place..expected_up_to], sku)?;
        }
        let mut book = books.book(id)?;
        if !is_in_force(books, &book)? || book.whole_units.contains(sku) {
            books.stop_waiting(sku, id)?;
            continue;
        }
        let Some(policy) = books.policy_of(&book, sku)? else {
            books.stop_waiting(sku, id)?;
            continue;
        };
        let allotment = books.allotment(id, sku)?;
        let expected = allotment.expected();
        let mut recent = books.recent_grants(&book, sku)?;
        let allowance = policy.allowance(&recent, books.now_ms());
        let needed = (policy.target - expected).min(allowance).min(allotment.room());
        let given = grant(books, &mut book, sku, needed)?;
        if given > 0 {
            // A policy that has no bound today may be given one that counts this day.
            recent.add(given, books.now_ms());
            books.save_recent_grants(&book, sku, &recent)?;
            granted.push(book.gateway);
        }
        if expected + given >= policy.low_water {
            books.stop_waiting(sku, id)?;
        } else if given < needed {
            // The pool is empty, and this gateway stays first in the order.
            break;
        }
        // Otherwise it has had what it may have within a day, and waits without stopping others.
    }
    Ok(granted)
}

fn is_in_force<B: Books>(books: &mut B, book: &Book) -> Result<bool, B::Error> {
    let newest = books.books(&book.gateway)?.pop();
    Ok(book.is_open() && newest.is_some_and(|newest| newest.id == book.id))
}

/// Grants the needed units, as far as the pool has them; returns how many.
fn grant<B: Books>(
    books: &mut B,
    book: &mut Book,
    sku: &Sku,
    needed: i64,
) -> Result<i64, B::Error> {
    let pool = books.pool(sku)?;
    let free = pool.available().saturating_sub(books.wanted(sku)?);
    let given = needed.min(free);
    let Some(quantity) = u64::try_from(given).ok().and_then(Quantity::of_sum) else {
        return Ok(0);
    };
    let request_id = hub_request_id("replenish", book);
    let cause = Cause { actor: Actor::parse(POLICY).ok(), reason: None };
    let occasion = Occasion {
        kind: MovementKind::Grant,
        gateway: Some(&book.gateway),
        order_id: None,
        request_id: &request_id,
        cause: &cause,
    };
    if booking::book(books, &[occasion.movement(sku, given, &None)])?.is_err() {
        return Ok(0);
    }
    let line = Line::new(sku.clone(), quantity);
    issue(books, book, &request_id, Direction::Grant, &[line], &cause)?;
    Ok(given)
}

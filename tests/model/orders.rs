//! What must hold of orders.

use super::entry::{Entry, Number, Quantity};
use super::gateway::Gateway;
use super::hub::Books;
use super::order::{Issued, Order};
use super::scenario::Scenario;
use super::world::World;

/// An order is applied at most once, in the order of the numbers, and as it was issued.
pub(crate) fn have_one_effect(_: &Scenario, world: &World) -> bool {
    world.sides().all(|(at, books)| {
        let numbers: Vec<_> = at.ledger.iter().filter_map(|entry| entry.number()).collect();
        numbers.is_sorted_by(|before, after| before < after)
            && at.ledger.iter().all(|&entry| is_as_issued(entry, books))
    })
}

fn is_as_issued(entry: Entry, books: &Books) -> bool {
    let order = |number: Number| Some(books.orders.get(number.checked_sub(1)?)?.order);
    match entry {
        Entry::Restock(_) | Entry::Deduct(_) | Entry::Told(_) => true,
        Entry::Grant { number, quantity } => order(number) == Some(Order::Grant(quantity)),
        Entry::Recall { number, quantity } => {
            matches!(order(number), Some(Order::Recall(asked)) if quantity <= asked)
        }
    }
}

/// The returned units of a recall are those that the gateway gave up and the hub has booked, and no
/// more than was asked.
pub(crate) fn return_what_was_given(_: &Scenario, world: &World) -> bool {
    world.sides().all(|(at, books)| {
        (1..).zip(&books.orders).all(|(number, issued)| {
            let told = total(&books.entries, number, Entry::recalled);
            issued.returned == told
                && told <= total(at.durable(), number, Entry::recalled)
                && told <= asked(*issued)
        })
    })
}

/// The entries of an order that counts as done have arrived, and there will be no more.
pub(crate) fn are_done_for_good(_: &Scenario, world: &World) -> bool {
    world.sides().all(|(at, books)| {
        let mut done = (1..=books.closed).zip(&books.orders);
        books.closed <= books.orders.len()
            && done.all(|(number, issued)| is_final(number, *issued, at, books))
    })
}

fn is_final(number: Number, issued: Issued, at: &Gateway, books: &Books) -> bool {
    let (known, done) = (&books.entries, &at.ledger);
    match issued.order {
        Order::Grant(quantity) => total(known, number, Entry::granted) == quantity,
        Order::Recall(_) => issued.returned == total(done, number, Entry::recalled),
    }
}

/// Entries of orders arrive in the order of the numbers: the position never goes back.
pub(crate) fn have_landed_in_order(_: &Scenario, world: &World) -> bool {
    world.hub.books.iter().all(|books| {
        let highest = books.entries.iter().filter_map(|entry| entry.number()).max();
        books.landed == highest.unwrap_or(0)
    })
}

fn asked(issued: Issued) -> Quantity {
    match issued.order {
        Order::Grant(_) => 0,
        Order::Recall(asked) => asked,
    }
}

/// The sum of a quantity over the entries of one order.
fn total(entries: &[Entry], number: Number, of: fn(Entry) -> Quantity) -> Quantity {
    entries.iter().filter(|entry| entry.number() == Some(number)).map(|&entry| of(entry)).sum()
}

//! The hub's own problems, as its answers name them.

use crate::hub::core::{CannotBringBack, Elsewhere, NoSuchEpoch, Rejection, SkuDecimals};
use crate::hub::db::BooksError;
use crate::limits::STOCK_MAX;
use crate::problem::{Central, Code, Problem};
use crate::protocol::topic::GatewayId;
use crate::stock::{Amount, Refusal, RequestId};

pub(in crate::hub) fn unknown_gateway(gateway: &GatewayId) -> Problem {
    Problem::new(Code::NotFound, format!("no gateway {gateway} has ever sent"))
}

pub(in crate::hub) fn no_such_database(gateway: &GatewayId, error: &NoSuchEpoch) -> Problem {
    match error.known.as_slice() {
        [] => unknown_gateway(gateway),
        known => Problem::new(
            Code::NotFound,
            format!("{gateway} has no such database; it has {known:?}"),
        ),
    }
}

pub(in crate::hub) fn cannot_bring_back(gateway: &GatewayId, why: &CannotBringBack) -> Problem {
    let message = match why {
        CannotBringBack::NoSuchEpoch(error) => return no_such_database(gateway, error),
        CannotBringBack::NotRetired => {
            "the database is not retired, so it may come back and sell what it holds; retire it first".into()
        }
        CannotBringBack::Closed(reason) => {
            format!("the other database gets no transfers: {reason}")
        }
    };
    Problem::new(Code::GatewayClosed, message)
}

pub(super) fn rejected(
    request_id: &RequestId,
    rejection: Rejection,
    decimals: &SkuDecimals,
) -> Problem {
    match rejection {
        Rejection::Conflict(operation) => Problem::new(
            Code::IdempotencyConflict,
            format!(
                "request id {request_id} belongs to an earlier {operation} with another body; take a new request id"
            ),
        ),
        Rejection::TooLarge(sku) => {
            let most = Amount::new(STOCK_MAX, decimals.of(&sku));
            Problem::bad_request(format!("SKU {sku}: the stock would exceed {most}"))
        }
        Rejection::NoRoom(gateway, sku) => {
            let most = Amount::new(STOCK_MAX, decimals.of(&sku));
            Problem::bad_request(format!(
                "SKU {sku}: {gateway} would have more than {most} with what is in transit to it; grant less"
            ))
        }
        Rejection::Undecided(undecided) => undecided.into(),
        Rejection::TooManyOpen => {
            let message =
                "too many sales wait for units from elsewhere; retry, nothing was applied";
            Problem::new(Code::Overloaded, message)
        }
        Rejection::UnknownGateway(gateway) => unknown_gateway(&gateway),
        Rejection::Fenced(gateway, why) => {
            Problem::new(Code::GatewayClosed, format!("{gateway} gets no transfers: {why}"))
        }
    }
}

/// A refusal by the hub. What is unknown has another remedy here than at a gateway.
pub(super) fn refused(refusal: &Refusal, replayed: bool, decimals: &SkuDecimals) -> Problem {
    let problem = Problem::refused(refusal, replayed, |sku| decimals.of(sku));
    let message = if let Refusal::UnknownSku { sku } = refusal {
        format!("SKU {sku} is not in the books; receive it first")
    } else if let Refusal::UnknownRequest { of } = refusal {
        format!(
            "no applied sale, commit or receipt has the request id {of}; look it up in GET /api/ledger"
        )
    } else {
        return problem;
    };
    Problem { message, ..problem }
}

/// Says what gateways have of the SKU that a sale from anywhere could not have.
pub(super) fn with_elsewhere(
    problem: Problem,
    refusal: &Refusal,
    elsewhere: Option<Elsewhere>,
    decimals: &SkuDecimals,
) -> Problem {
    let (Some(sku), Some(Elsewhere { online, offline })) = (refusal.sku(), elsewhere) else {
        return problem;
    };
    let amount = |units| Some(Amount::new(units, decimals.of(sku)));
    let central = Central {
        elsewhere_online: amount(online),
        elsewhere_offline: amount(offline),
        ..Central::default()
    };
    Problem { central: Some(Box::new(central)), ..problem }
}

pub(super) fn unreadable(error: &BooksError) -> Problem {
    if error.is_of_text() {
        return Problem::bad_request("the request has a NUL character, which no name has");
    }
    Problem::new(Code::StorageUnavailable, format!("the books cannot be read: {error}"))
}

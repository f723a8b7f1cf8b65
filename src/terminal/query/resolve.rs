//! Which SKU a scanned code stands for.

use crate::barcode::{self, Reading};
use crate::clock::{rfc3339, wall_ms};
use crate::engine::state::CommittedState;
use crate::problem::{Code, Problem};
use crate::stock::{Item, Sku};
use crate::store::LedgerReader;
use crate::terminal::response::ResolvedCode;

/// Looks a code up in the catalogue, by the GTIN that it is or contains and as it is written, and
/// then among the SKUs.
///
/// # Errors
/// `unknown_sku` if nothing matches; `bad_request` if nothing matches and the code is malformed.
pub(super) async fn resolve(
    state: &CommittedState,
    reader: &LedgerReader,
    code: String,
) -> Result<ResolvedCode, Problem> {
    let read = barcode::read(&code, current_year());
    let names = names(&code, read.as_ref().ok());
    let listed = reader.sku_of_barcode(names.clone()).await.map_err(unreadable)?;
    if let Some(sku) = listed.as_ref().filter(|sku| state.stock().is_lost(sku.as_str())) {
        return Err(Problem::stock_lost(sku));
    }
    match (find_known(state, listed, &names), read) {
        // A code that is known is valid, whatever its check digit says.
        (Some((sku, item)), read) => {
            let reading = read.unwrap_or_else(|_| Reading::text());
            Ok(ResolvedCode { code, reading, sku, item })
        }
        (None, Err(error)) => Err(Problem::bad_request(format!("code: {error}"))),
        (None, Ok(reading)) => Err(unknown(&code, &reading)),
    }
}

/// The names under which the catalogue or the stock may know a code, the best one first.
fn names(code: &str, reading: Option<&Reading>) -> Vec<String> {
    let gtin = reading.and_then(|reading| reading.gtin);
    let mut names = gtin.map(barcode::Gtin::spellings).unwrap_or_default();
    for literal in [barcode::content(code), code] {
        if !names.iter().any(|name| name == literal) {
            names.push(literal.to_owned());
        }
    }
    names
}

/// The first SKU with stock, of the one that the catalogue lists and those with one of the names.
fn find_known(
    state: &CommittedState,
    listed: Option<Sku>,
    names: &[String],
) -> Option<(Sku, Item)> {
    let same = names.iter().filter_map(|name| Sku::parse(name).ok());
    let known = |sku: Sku| {
        let item = state.stock().item(sku.as_str())?;
        Some((sku, item))
    };
    listed.into_iter().chain(same).find_map(known)
}

fn unreadable(error: impl std::fmt::Display) -> Problem {
    let message = format!("the catalogue cannot be read: {error}; send it again later");
    Problem::new(Code::StorageUnavailable, message)
}

fn unknown(code: &str, reading: &Reading) -> Problem {
    let what = match reading.gtin {
        Some(gtin) => format!("GTIN {gtin}"),
        None => format!("code {code:?}"),
    };
    let message = format!(
        "{what} is not a barcode in the catalogue and not a SKU here; add it to the catalogue at the hub, or type the SKU"
    );
    Problem::new(Code::UnknownSku, message)
}

/// The year by which two-digit years in codes are read. A wall clock that is before the year of
/// this source is wrong, so that year counts then.
fn current_year() -> u16 {
    const SOURCE_YEAR: u16 = 2026;
    let year = rfc3339(wall_ms()).get(..4).and_then(|year| year.parse().ok());
    year.unwrap_or(SOURCE_YEAR).max(SOURCE_YEAR)
}

//! Which SKU a scanned code stands for, by the catalogue.

use serde::Serialize;

use super::answer::ItemJson;
use crate::barcode::{self, Reading};
use crate::clock::{rfc3339, wall_ms};
use crate::engine::state::CommittedState;
use crate::net::json::json;
use crate::problem::{Code, Problem};
use crate::stock::{Item, Sku};
use crate::store::LedgerReader;

/// What a code stands for.
#[derive(Debug)]
pub(super) struct Resolved {
    code: String,
    pub(super) reading: Reading,
    pub(super) sku: Sku,
    pub(super) item: Item,
}

/// Looks a code up: as the GTIN it is or holds, as it stands in the catalogue, and as a SKU.
///
/// # Errors
/// `unknown_sku` if it stands for nothing; `bad_request` if it does because it is not sound.
pub(super) async fn resolve(
    state: &CommittedState,
    reader: &LedgerReader,
    code: String,
) -> Result<Resolved, Problem> {
    let read = barcode::read(&code, year());
    let names = names(&code, read.as_ref().ok());
    let listed = reader.sku_of_barcode(names.clone()).await.map_err(|error| {
        let message = format!("the catalogue cannot be read: {error}; send it again later");
        Problem::new(Code::StorageUnavailable, message)
    })?;
    let same = names.iter().filter_map(|name| Sku::parse(name).ok());
    let known = |sku: Sku| Some((state.stock().item(sku.as_str())?, sku));
    let found = listed.into_iter().chain(same).find_map(known);
    // A text that is known is what it is, whatever its last digit.
    match (found, read) {
        (Some((item, sku)), read) => {
            let reading = read.unwrap_or_else(|_| Reading::text());
            Ok(Resolved { code, reading, sku, item })
        }
        (None, Err(error)) => Err(Problem::bad_request(format!("code: {error}"))),
        (None, Ok(reading)) => Err(unknown(&code, &reading)),
    }
}

/// What the catalogue may call it, and a SKU may be called, best first.
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

fn unknown(code: &str, reading: &Reading) -> Problem {
    let what = match reading.gtin {
        Some(gtin) => format!("GTIN {gtin}"),
        None => format!("code {code:?}"),
    };
    let message = format!(
        "{what} is in no listing of the catalogue and is no SKU here; add it to the catalogue at the hub, or type the SKU"
    );
    Problem::new(Code::UnknownSku, message)
}

/// By the wall clock, unless it is known to be wrong: then a date is read as if it were the year
/// in which this was written.
fn year() -> u16 {
    const WRITTEN: u16 = 2026;
    let year = rfc3339(wall_ms()).get(..4).and_then(|year| year.parse().ok());
    year.unwrap_or(WRITTEN).max(WRITTEN)
}

impl Resolved {
    /// The contract's answer.
    pub(super) fn json(&self) -> String {
        #[derive(Serialize)]
        struct Answer<'a> {
            code: &'a str,
            format: &'static str,
            gtin: Option<String>,
            sku: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            quantity: Option<u64>,
            #[serde(skip_serializing_if = "Option::is_none")]
            batch: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            expiry: Option<String>,
            #[serde(skip_serializing_if = "Option::is_none")]
            serial: Option<&'a str>,
            item: ItemJson<'a>,
        }
        let Self { code, reading, sku, item } = self;
        json(&Answer {
            code,
            format: reading.format.as_str(),
            gtin: reading.gtin.map(|gtin| gtin.to_string()),
            sku: sku.as_str(),
            quantity: reading.quantity,
            batch: reading.batch.as_deref(),
            expiry: reading.expiry.map(|date| date.to_string()),
            serial: reading.serial.as_deref(),
            item: ItemJson::new(sku.as_str(), item),
        })
    }
}

//! Which SKU a scanned code stands for.

use crate::barcode::{self, CodeError, Gtin, InStoreForm, InStoreItem, Reading};
use crate::clock::{rfc3339, wall_ms};
use crate::engine::state::CommittedState;
use crate::problem::{Code, Problem};
use crate::stock::{Decimals, ListedItem, Sku};
use crate::store::LedgerReader;
use crate::terminal::response::ResolvedCode;

/// Looks a code up in the catalogue, by the GTIN that it is or contains and as it is written, and
/// then among the SKUs.
///
/// # Errors
/// `unknown_code` if nothing matches; `bad_code` if nothing matches and the code breaks the rules
/// of its form; `bad_request` if it can be no code.
pub(super) async fn resolve(
    state: &CommittedState,
    reader: &LedgerReader,
    in_store: &[InStoreForm],
    code: String,
) -> Result<ResolvedCode, Problem> {
    let resolver = Resolver { state, reader, in_store };
    let read = barcode::read(&code, current_year());
    let found = resolver.find(names(&code, read.as_ref().ok())).await?;
    match (found, read) {
        // A code that is known is valid, whatever its check digit says.
        (Some(found), read) => answer(code, read.unwrap_or_else(|_| Reading::text()), found),
        (None, Err(error)) => Err(invalid(&error)),
        (None, Ok(reading)) => match resolver.find(reading.names.clone()).await? {
            Some(found) => answer(code, reading, found),
            None => match resolver.find_in_store(&reading).await? {
                Some((reading, found)) => answer(code, reading, found),
                None => Err(resolver.unknown(&code, &reading).await?),
            },
        },
    }
}

fn answer(code: String, reading: Reading, found: Found) -> Result<ResolvedCode, Problem> {
    let Found { item, content } = found;
    let uncounted =
        || Problem::new(Code::BadCode, format!("code: {code:?} counts no units, or too many"));
    // A weight on the label is what the code stands for, where the SKU is counted in its unit.
    let measured = item.unit().and_then(|unit| reading.measured(unit, item.decimals().into()));
    let quantity = measured.or_else(|| reading.units(content)).filter(|units| *units > 0);
    let quantity = quantity.ok_or_else(uncounted)?;
    Ok(ResolvedCode { code, reading, content, quantity, item })
}

fn invalid(error: &CodeError) -> Problem {
    let code = if error.is_malformed() { Code::BadRequest } else { Code::BadCode };
    Problem::new(code, format!("code: {error}"))
}

/// The names under which the catalogue or the stock may know a code, the best one first.
fn names(code: &str, reading: Option<&Reading>) -> Vec<String> {
    let gtin = reading.and_then(|reading| reading.gtin);
    let mut names = gtin.map(Gtin::spellings).unwrap_or_default();
    for literal in [barcode::content(code), code] {
        if !names.iter().any(|name| name == literal) {
            names.push(literal.to_owned());
        }
    }
    names
}

/// What a code is looked up in.
struct Resolver<'a> {
    state: &'a CommittedState,
    reader: &'a LedgerReader,
    in_store: &'a [InStoreForm],
}

/// What a code stands for.
struct Found {
    item: ListedItem,
    /// How much of it one scanned thing holds, in the smallest unit.
    content: u64,
}

impl Found {
    /// Whether it is not counted in pieces.
    fn is_measured(&self) -> bool {
        self.item.unit().is_some() || self.item.decimals() != Decimals::default()
    }
}

/// The problem of a price on goods that are measured.
fn without_weight(gtin: Option<Gtin>, ListedItem { sku, .. }: &ListedItem) -> Problem {
    let gtin = gtin.map(|gtin| gtin.to_string());
    let message = format!(
        "the number has a price and no weight of SKU {sku}, which is not counted in pieces; type the SKU and the quantity"
    );
    Problem::unknown_code(gtin, message)
}

impl Resolver<'_> {
    /// The first SKU with stock, of the one that the catalogue lists under one of the names and
    /// those that have one of them.
    async fn find(&self, names: Vec<String>) -> Result<Option<Found>, Problem> {
        let listed = self.reader.find_barcode(names.clone()).await.map_err(unreadable)?;
        if let Some((sku, content)) = listed {
            if self.state.stock().is_lost(sku.as_str()) {
                return Err(Problem::stock_lost(&sku));
            }
            if let Some(item) = self.known(sku) {
                return Ok(Some(Found { item, content }));
            }
        }
        let same = names.iter().filter_map(|name| Sku::parse(name).ok());
        let shown = |sku: &Sku| !self.state.stock().is_hidden(sku.as_str());
        let known = { same }.filter(shown).find_map(|sku| self.known(sku));
        Ok(known.map(|item| Found { content: item.decimals().one(), item }))
    }

    fn known(&self, sku: Sku) -> Option<ListedItem> {
        let stock = self.state.stock();
        let item = stock.item(sku.as_str())?;
        Some(stock.listed(sku, item))
    }

    /// The item in an in-store number, with the weight or count that the number contains. From a
    /// price no quantity follows, so it is one piece.
    async fn find_in_store(&self, reading: &Reading) -> Result<Option<(Reading, Found)>, Problem> {
        let read =
            reading.gtin.and_then(|gtin| self.in_store.iter().find_map(|form| form.read(gtin)));
        let Some(InStoreItem { gtin, measure, count, has_price }) = read else { return Ok(None) };
        let found = self.find(gtin.spellings()).await?;
        if let Some(Found { item, .. }) =
            found.as_ref().filter(|found| has_price && found.is_measured())
        {
            return Err(without_weight(reading.gtin, item));
        }
        let (measures, count) = (measure.into_iter().collect(), count.or(reading.count));
        Ok(found.map(|found| (Reading { measures, count, ..reading.clone() }, found)))
    }

    /// Why nothing is listed under a sound code, with what is near to it.
    async fn unknown(&self, code: &str, reading: &Reading) -> Result<Problem, Problem> {
        let what = match reading.gtin {
            Some(gtin) => format!("GTIN {gtin}"),
            None => format!("code {code:?}"),
        };
        let near = self.near(code, reading).await?;
        let kind = || kind_of(reading, self.in_store.is_empty()).map(str::to_owned);
        let message = match near.or_else(kind) {
            Some(near) => format!("{what}: {near}"),
            None => format!(
                "{what} is not a barcode in the catalogue and not a SKU here; add it to the catalogue at the hub, or type the SKU"
            ),
        };
        Ok(Problem::unknown_code(reading.gtin.map(|gtin| gtin.to_string()), message))
    }

    async fn near(&self, code: &str, reading: &Reading) -> Result<Option<String>, Problem> {
        let unit = reading.gtin.and_then(Gtin::unit).map(Gtin::spellings).unwrap_or_default();
        if let Some(Found { item: ListedItem { sku, .. }, .. }) = self.find(unit).await? {
            let near = format!(
                "is a carton of {sku}, which is listed alone; add the carton and how many it holds to the catalogue at the hub"
            );
            return Ok(Some(near));
        }
        let text = barcode::content(code).trim();
        let cases = vec![text.to_owned(), text.to_uppercase(), text.to_lowercase()];
        let near = self.find(cases).await?;
        Ok(near.map(|Found { item: ListedItem { sku, .. }, .. }| {
            format!("is not known here; did you mean {sku}?")
        }))
    }
}

/// What a code is if it is no article.
fn kind_of(reading: &Reading, is_in_store_off: bool) -> Option<&'static str> {
    match reading.gtin {
        None if reading.is_logistic_unit => {
            Some("is a logistic unit, not an article; scan the barcode of what is in it")
        }
        Some(gtin) if gtin.is_in_store() && is_in_store_off => Some(
            "is a number for use within one company and not in the catalogue; if it contains a weight, a count or a price, that is not read, because barcodes.in_store is off",
        ),
        Some(gtin) if gtin.is_in_store() => Some(
            "is a number for use within one company; neither it nor the item in it, by the forms of barcodes.in_store, is in the catalogue",
        ),
        _ => None,
    }
}

pub(super) fn unreadable(error: impl std::fmt::Display) -> Problem {
    let message = format!("the catalogue cannot be read: {error}; send it again later");
    Problem::new(Code::StorageUnavailable, message)
}

/// The year by which two-digit years in codes are read. A wall clock that is before the year of
/// this source is wrong, so that year counts then.
fn current_year() -> u16 {
    const SOURCE_YEAR: u16 = 2026;
    let year = rfc3339(wall_ms()).get(..4).and_then(|year| year.parse().ok());
    year.unwrap_or(SOURCE_YEAR).max(SOURCE_YEAR)
}

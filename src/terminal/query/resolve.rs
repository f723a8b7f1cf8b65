//! Which SKU a scanned code stands for.

use super::unreadable;
use crate::barcode::{self, CodeError, Format, Gtin, InStoreItem, Measure, Reading};
use crate::clock::{rfc3339, wall_ms};
use crate::limits::STOCK_SCAN_MAX;
use crate::net::http::ConnectionPermit;
use crate::problem::{Code, Problem};
use crate::stock::{Decimals, Label, ListedItem, LookAlike, Sku};
use crate::terminal::context::TerminalContext;
use crate::terminal::response::ResolvedCode;

/// What a scanner sends after a code.
const SUFFIX: [char; 3] = ['\r', '\n', '\t'];

/// Looks a code up in the catalogue, by the GTIN that it is or contains and as it is written, and
/// then among the SKUs.
///
/// # Errors
/// `unknown_code` if nothing matches; `bad_code` if nothing matches and the code breaks the rules
/// of its form, or if no quantity follows from it; `bad_request` if it can be no code.
pub(super) async fn resolve(
    context: &TerminalContext,
    permit: &ConnectionPermit,
    mut code: String,
) -> Result<ResolvedCode, Problem> {
    code.truncate(code.trim_end_matches(SUFFIX).len());
    let resolver = Resolver { context, permit };
    let read = barcode::read(&code, current_year());
    let found = resolver.find(names(&code, read.as_ref().ok())).await?;
    match (found, read) {
        (Some(found), Err(error)) if resolver.is_phantom(&found.item) => Err(invalid(&error)),
        // A code that is known is valid, whatever its check digit says.
        (Some(found), Err(_)) => answer(code, Reading::text(), found),
        (Some(found), Ok(reading)) => match resolver.find_before(&found, &reading).await? {
            Some((reading, found)) => answer(code, reading, found),
            None => answer(code, resolver.weighed(reading, &found)?, found),
        },
        (None, Err(error)) => Err(invalid(&error)),
        (None, Ok(reading)) => match resolver.find_other_name(&reading).await? {
            Some((reading, found)) => answer(code, reading, found),
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
    let measured = reading.measured(item.unit().unwrap_or_default(), item.decimals().into());
    let measured = measured.map_err(|measure| inexact(measure, &item))?;
    if measured.is_some() && reading.count.is_some() {
        return Err(doubtful_quantity("both a measure and a count", &item));
    }
    if reading.is_piece {
        return Err(doubtful_quantity("one of several pieces", &item));
    }
    let is_weighed = is_weighed(&item, content);
    if let Some(gtin) =
        reading.gtin.filter(|gtin| measured.is_none() && is_weighed && gtin.varies())
    {
        return Err(unmeasured(gtin, &item));
    }
    let quantity = measured.or_else(|| reading.units(content)).filter(|units| *units > 0);
    let quantity = quantity.ok_or_else(uncounted)?;
    Ok(ResolvedCode { code, reading, content, quantity, item })
}

/// Whether the content of an item that is weighed or measured is not that of one thing.
fn is_weighed(item: &ListedItem, content: u64) -> bool {
    content == item.decimals().one() && barcode::is_measure(item.unit().unwrap_or_default())
}

/// The problem of a code from which no one quantity follows.
fn doubtful_quantity(what: &str, ListedItem { sku, .. }: &ListedItem) -> Problem {
    let message = format!("code: it names {what} of SKU {sku}; type the SKU and the quantity");
    Problem::new(Code::BadCode, message)
}

/// The problem of a measure that is no quantity of a SKU.
fn inexact(measure: Measure, item: &ListedItem) -> Problem {
    let (sku, unit) = (&item.sku, item.unit().unwrap_or("no unit"));
    let decimals = u8::from(item.decimals());
    let message = format!(
        "code: {measure} is no quantity of SKU {sku}, which is counted in {unit} with {decimals} decimals; type the SKU and the quantity"
    );
    Problem::new(Code::BadCode, message)
}

/// The problem of goods whose measure varies, on a code without it.
fn unmeasured(gtin: Gtin, ListedItem { sku, .. }: &ListedItem) -> Problem {
    let message = format!(
        "code: GTIN {gtin} is of goods whose measure varies, and the code does not say how much of SKU {sku} they are; scan another barcode of the label or type the SKU and the quantity"
    );
    Problem::new(Code::BadCode, message)
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

/// What a code is looked up in, and for whom.
struct Resolver<'a> {
    context: &'a TerminalContext,
    permit: &'a ConnectionPermit,
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
fn without_weight(reading: &Reading, ListedItem { sku, .. }: &ListedItem) -> Problem {
    let message = format!(
        "the number has a price and no weight of SKU {sku}, which is not counted in pieces; type the SKU and the quantity"
    );
    unlisted(reading, message)
}

fn unlisted(reading: &Reading, message: String) -> Problem {
    let gtin = reading.gtin.map(|gtin| gtin.to_string());
    Problem::unknown_code(reading.format.as_str(), gtin, message)
}

impl Resolver<'_> {
    /// The first SKU with stock, of the one that the catalogue lists under one of the names and
    /// those that have one of them; one that the catalogue lists comes before the others.
    async fn find(&self, names: Vec<String>) -> Result<Option<Found>, Problem> {
        let TerminalContext { state, ledger, .. } = self.context;
        let read = ledger.find_barcode(names.clone()).await;
        let listed = read.map_err(|error| unreadable("catalogue", &error))?;
        if let Some((sku, content)) = listed {
            if state.stock().is_lost(sku.as_str()) {
                return Err(Problem::stock_lost(&sku));
            }
            if let Some(item) = self.known(sku) {
                return Ok(Some(Found { item, content }));
            }
        }
        let same = names.iter().filter_map(|name| Sku::parse(name).ok());
        let shown = |sku: &Sku| !state.stock().is_hidden(sku.as_str());
        let known = { same }.filter(shown).filter_map(|sku| self.known(sku));
        let known = known.min_by_key(|item| self.is_phantom(item));
        Ok(known.map(|item| Found { content: item.decimals().one(), item }))
    }

    fn known(&self, sku: Sku) -> Option<ListedItem> {
        let stock = self.context.state.stock();
        let item = stock.item(sku.as_str())?;
        Some(stock.listed(sku, item))
    }

    /// Whether the catalogue does not list a SKU: a misread or a typing error may have made it.
    /// Without a catalogue no SKU is listed.
    fn is_phantom(&self, item: &ListedItem) -> bool {
        let is_listed = item.label.as_ref().is_some_and(Label::is_listed);
        !is_listed && self.context.state.stock().catalogue().count() > 0
    }

    /// What the catalogue has under another name of a code, of which this SKU has the text: it comes
    /// before a SKU that it does not list.
    async fn find_before(
        &self,
        found: &Found,
        reading: &Reading,
    ) -> Result<Option<(Reading, Found)>, Problem> {
        if !self.is_phantom(&found.item) {
            return Ok(None);
        }
        let is_listed = |found: &Found| !self.is_phantom(&found.item);
        let in_store = self.find_in_store(reading).await?;
        if let Some((reading, found)) = in_store.filter(|(_, found)| is_listed(found)) {
            return Ok(Some((reading, found)));
        }
        match self.find(reading.names.clone()).await?.filter(is_listed) {
            Some(_) => self.find_other_name(reading).await,
            None => Ok(None),
        }
    }

    /// The item under the other names of a code. Digits that may be two GTINs must not stand for two
    /// items, of which the catalogue lists both or none; they are the one under which it is known.
    async fn find_other_name(
        &self,
        reading: &Reading,
    ) -> Result<Option<(Reading, Found)>, Problem> {
        let mut reading = reading.clone();
        let Some(found) = self.find(reading.names.clone()).await? else { return Ok(None) };
        if reading.format == Format::Text {
            let (mut gtin, mut known) = (None, Vec::new());
            for name in &reading.names {
                // The form with 14 digits is a GTIN's first.
                gtin = Gtin::read(name)
                    .ok()
                    .flatten()
                    .map(|(_, gtin)| gtin)
                    .filter(|_| name.len() == 14)
                    .or(gtin);
                let Some(Found { item: other, .. }) = self.find(vec![name.clone()]).await? else {
                    continue;
                };
                if other.sku == found.item.sku {
                    known.extend(gtin);
                } else if self.is_phantom(&other) <= self.is_phantom(&found.item) {
                    return Err(doubtful(&found.item.sku, &other.sku));
                }
            }
            known.dedup();
            if let [gtin] = known[..] {
                (reading.format, reading.gtin) = (Format::UpcE, Some(gtin));
            }
        }
        Ok(Some((reading, found)))
    }

    fn in_store_item(&self, reading: &Reading) -> Option<InStoreItem> {
        let gtin = reading.gtin?;
        self.context.in_store.iter().find_map(|form| form.read(gtin))
    }

    /// The reading of a code that is listed as it is, unless it is an in-store number that says that
    /// nothing was weighed or counted.
    fn weighed(&self, reading: Reading, found: &Found) -> Result<Reading, Problem> {
        let item = self.in_store_item(&reading).filter(InStoreItem::is_empty);
        match item.filter(|item| item.count.is_some() || found.is_measured()) {
            Some(_) => Err(empty(&found.item)),
            None => Ok(reading),
        }
    }

    /// The item in an in-store number, with the weight or count that the number contains. From a
    /// price no quantity follows, so it is one piece.
    async fn find_in_store(&self, reading: &Reading) -> Result<Option<(Reading, Found)>, Problem> {
        let Some(item) = self.in_store_item(reading) else { return Ok(None) };
        let InStoreItem { gtin, measure, count, has_price } = item;
        let Some(found) = self.find(gtin.spellings()).await? else { return Ok(None) };
        if has_price && found.is_measured() {
            return Err(without_weight(reading, &found.item));
        }
        if count.is_some() && is_weighed(&found.item, found.content) {
            return Err(doubtful_quantity("a count and no measure", &found.item));
        }
        if count.is_some() && reading.count.is_some_and(|other| Some(other) != count) {
            return Err(doubtful_quantity("two counts", &found.item));
        }
        let mut reading = Reading { count: count.or(reading.count), ..reading.clone() };
        let is_new = |measure: &Measure| !reading.measures.contains(measure);
        let measure = measure.filter(is_new);
        reading.measures.extend(measure);
        Ok(Some((reading, found)))
    }

    /// Why nothing is listed under a sound code, with what is near to it.
    async fn unknown(&self, code: &str, reading: &Reading) -> Result<Problem, Problem> {
        let what = match reading.gtin {
            Some(gtin) => format!("GTIN {gtin}"),
            None => format!("code {code:?}"),
        };
        let unit = reading.gtin.and_then(Gtin::unit).map(Gtin::spellings).unwrap_or_default();
        if let Some(Found { item: ListedItem { sku, .. }, .. }) = self.find(unit).await? {
            let message = format!(
                "{what}: is a carton of {sku}, which is listed alone; add the carton and how many it holds to the catalogue at the hub"
            );
            return Ok(unlisted(reading, message).near(&sku));
        }
        let within = barcode::gtins_within(code).chain(reading.likely).flat_map(Gtin::spellings);
        let twice = barcode::doubled(barcode::content(code)).map(str::to_owned);
        let within = within.chain(twice).collect();
        if let Some(Found { item: ListedItem { sku, .. }, .. }) = self.find(within).await? {
            let message = format!(
                "{what}: is not known here, but has the number of {sku} in it; did you mean {sku}?"
            );
            return Ok(unlisted(reading, message).near(&sku));
        }
        if let Some(sku) = self.near(barcode::content(code).trim()).await? {
            let message = format!("{what}: is not known here; did you mean {sku}?");
            return Ok(unlisted(reading, message).near(&sku));
        }
        let message = match kind_of(reading, self.context.in_store.is_empty()) {
            Some(kind) => format!("{what}: {kind}"),
            None => format!(
                "{what} is not a barcode in the catalogue and not a SKU here; add it to the catalogue at the hub, or type the SKU"
            ),
        };
        // With a number that it may be, it is no SKU to be.
        let gtin = reading.gtin.or(reading.likely);
        Ok(unlisted(&Reading { gtin, ..reading.clone() }, message))
    }

    /// The SKU of a barcode in another letter case, or one that looks like this text.
    async fn near(&self, text: &str) -> Result<Option<Sku>, Problem> {
        let cases = vec![text.to_owned(), text.to_uppercase(), text.to_lowercase()];
        match self.find(cases).await? {
            Some(found) => Ok(Some(found.item.sku)),
            None => Ok(self.look_alike(&LookAlike::of(text)).await),
        }
    }

    /// Goes through the SKUs in steps, because the writer waits for readers of the stock. A hint is
    /// not worth a wait: when the client has used up what it may make us look at, there is none.
    async fn look_alike(&self, text: &LookAlike) -> Option<Sku> {
        let mut last: Option<Sku> = None;
        while self.permit.may_walk() {
            // Lets others have their turn.
            self.permit.walk_ready().await;
            let (step, left) = {
                let stock = self.context.state.stock();
                let rest = stock.items_after("", last.as_ref().map(Sku::as_str));
                let left = rest.len();
                let step: Vec<Sku> =
                    rest.take(STOCK_SCAN_MAX).map(|(sku, _)| sku.clone()).collect();
                (step, left)
            };
            self.permit.spend_walk(step.len());
            if let Some(found) = step.iter().find(|sku| text.is(sku.as_str())) {
                return Some(found.clone());
            }
            if left <= STOCK_SCAN_MAX {
                return None;
            }
            last = step.into_iter().next_back();
        }
        None
    }
}

/// The problem of digits that stand for two SKUs.
fn doubtful(sku: &Sku, other: &Sku) -> Problem {
    let message = format!(
        "code: a UPC-E without all its digits, which may be SKU {sku} or {other}; let the scanner send its number system and check digit"
    );
    Problem::new(Code::BadCode, message)
}

/// The problem of an in-store number without a weight or count.
fn empty(ListedItem { sku, .. }: &ListedItem) -> Problem {
    let message = format!(
        "code: the number says that nothing of SKU {sku} was weighed or counted; type the SKU and the quantity"
    );
    Problem::new(Code::BadCode, message)
}

/// What a code is if it is no article.
fn kind_of(reading: &Reading, is_in_store_off: bool) -> Option<&'static str> {
    match reading.gtin {
        None if reading.is_logistic_unit => {
            Some("is a logistic unit, not an article; scan the barcode of what is in it")
        }
        None if reading.likely.is_some() => Some(
            "may be the number of an article in another form, and is not known here; add it to the catalogue at the hub, or type the SKU",
        ),
        Some(gtin) if gtin.is_in_store() && is_in_store_off => Some(
            "is a number for use within one company and not in the catalogue; if it contains a weight, a count or a price, that is not read, because barcodes.in_store is off",
        ),
        Some(gtin) if gtin.is_in_store() => Some(
            "is a number for use within one company; neither it nor the item in it, by the forms of barcodes.in_store, is in the catalogue",
        ),
        _ => None,
    }
}

/// The year by which two-digit years in codes are read. A wall clock that is before the year of
/// this source is wrong, so that year counts then.
fn current_year() -> u16 {
    const SOURCE_YEAR: u16 = 2026;
    let year = rfc3339(wall_ms()).get(..4).and_then(|year| year.parse().ok());
    year.unwrap_or(SOURCE_YEAR).max(SOURCE_YEAR)
}

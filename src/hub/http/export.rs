//! The entries of a period as CSV or as lines of JSON, sent while they are read.

use hyper::body::Bytes;
use tokio::sync::mpsc;

use super::events::filter;
use super::moment::{from, until};
use crate::clock::rfc3339;
use crate::hub::api::HubApi;
use crate::hub::reader::{ExportPlace, FeedEvent, FeedFilter, Period, Removed, export_page};
use crate::limits::RESPONSE_PARTS_MAX;
use crate::net::access::Sites;
use crate::net::http::{self, HttpResponse, Incomplete, filled};
use crate::net::json::json;
use crate::problem::Problem;
use crate::stock::Amount;

const COLUMNS: &str = "cursor,event_id,kind,site,gateway,sku,change,reserved_change,\
    in_transit_change,order_id,request_id,actor,reason,lot,serial,expires,peer,at,booked_at\n";

/// Some events, and the place after them; `None` at the end.
type Page = (Vec<FeedEvent>, Option<ExportPlace>);
type Parts = mpsc::Sender<Result<Bytes, Incomplete>>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Csv,
    JsonLines,
}

/// What to export.
struct Export {
    period: Period,
    filter: FeedFilter,
    format: Format,
}

impl HubApi {
    pub(super) async fn export(
        &self,
        query: Option<&str>,
        sites: &Sites,
    ) -> Result<HttpResponse, Problem> {
        let filter = filter(query, sites)?;
        let period = Period {
            from_ms: from(query, "from")?.unwrap_or(0),
            to_ms: until(query, "to")?.unwrap_or(i64::MAX),
        };
        let (format, content_type) = match filled(query, "format").as_deref() {
            None | Some("csv") => (Format::Csv, "text/csv; charset=utf-8"),
            Some("jsonl") => (Format::JsonLines, "application/jsonl"),
            Some(_) => return Err(Problem::bad_request("format: must be csv or jsonl")),
        };
        let permit = self.follower()?;
        // A client sees what it has been answered before.
        self.feed_end().await?;
        let export = Export { period, filter, format };
        // What is not kept is said before the answer begins.
        let first = self.export_page(&export, ExportPlace::default()).await?;
        let (parts, receiver) = mpsc::channel(RESPONSE_PARTS_MAX);
        let api = self.clone();
        tokio::spawn(async move {
            let _permit = permit;
            api.send_export(export, first, &parts).await;
        });
        Ok(http::in_parts(content_type, receiver))
    }

    async fn export_page(&self, export: &Export, from: ExportPlace) -> Result<Page, Problem> {
        let (filter, period) = (export.filter.clone(), export.period);
        let read = self.read(move |db| export_page(db, from, period, &filter)).await?;
        read.map_err(|Removed { first, since_ms }| {
            let since = rfc3339(since_ms);
            let message = format!(
                "entries that were booked before {since} are not kept; begin with from={since}"
            );
            Problem::gone(first, message)
        })
    }

    /// Sends an export until its end, or until entries that it has not sent yet are removed.
    async fn send_export(&self, export: Export, first: Page, parts: &Parts) {
        let is_csv = export.format == Format::Csv;
        let mut text = if is_csv { COLUMNS.to_owned() } else { String::new() };
        let (mut events, mut place) = first;
        loop {
            events.iter().for_each(|event| write(&mut text, event, export.format));
            let part = std::mem::take(&mut text);
            if !part.is_empty() && parts.send(Ok(part.into())).await.is_err() {
                return;
            }
            let Some(from) = place else { return };
            let Ok(page) = self.export_page(&export, from).await else {
                let _ = parts.send(Err(Incomplete)).await;
                return;
            };
            (events, place) = page;
        }
    }
}

fn write(text: &mut String, event: &FeedEvent, format: Format) {
    match format {
        Format::JsonLines => *text += &json(event),
        Format::Csv => {
            let cells = cells(event);
            let cells: Vec<String> = cells.iter().map(|cell| quoted(cell)).collect();
            *text += &cells.join(",");
        }
    }
    text.push('\n');
}

fn cells(event: &FeedEvent) -> [String; 19] {
    let or_empty = |text: &Option<String>| text.clone().unwrap_or_default();
    let amount = |amount: &Option<Amount>| amount.map(|it| it.to_string()).unwrap_or_default();
    [
        event.cursor.to_string(),
        event.event_id.to_string(),
        event.kind.to_owned(),
        or_empty(&event.site),
        or_empty(&event.gateway),
        event.sku.to_string(),
        event.change.to_string(),
        amount(&event.reserved_change),
        amount(&event.in_transit_change),
        or_empty(&event.order_id),
        event.request_id.clone(),
        or_empty(&event.actor),
        or_empty(&event.reason),
        or_empty(&event.lot),
        or_empty(&event.serial),
        or_empty(&event.expires),
        or_empty(&event.peer),
        event.at.clone(),
        event.booked_at.clone(),
    ]
}

fn quoted(cell: &str) -> String {
    match cell.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", cell.replace('"', "\"\"")),
        false => cell.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_with_separators_are_quoted() {
        assert_eq!(quoted("a b"), "a b");
        assert_eq!(quoted("a,\"b\""), "\"a,\"\"b\"\"\"");
    }
}

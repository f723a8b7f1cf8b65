//! Inspecting a running gateway: `stock`, `ledger`, `status`.

use serde_json::{Value, json};

use super::client::GatewayArguments;
use super::{STOCKGATE, figures, say};

/// Which SKUs to list.
pub(super) struct Filter {
    pub(super) prefix: Option<String>,
    pub(super) search: Option<String>,
}

pub(super) async fn stock(
    gateway: GatewayArguments,
    skus: Vec<String>,
    Filter { prefix, search }: Filter,
    as_json: bool,
) -> anyhow::Result<()> {
    let mut client = gateway.connect().await?;
    let mut has_head = as_json;
    let mut print = |item: &Value| {
        if !std::mem::replace(&mut has_head, true) {
            say(format!(
                "{:<24} {:>12} {:>12} {:>12}  {}",
                "SKU", "available", "on hand", "reserved", "name"
            ));
        }
        if as_json { say(figures::to_json(item)) } else { say(item_row(item)) }
    };
    let mut wrong = None;
    for sku in &skus {
        match client.ask(json!({"op": "get", "sku": sku})).await? {
            Ok(item) => print(&item),
            Err(error) if ["unknown_sku", "bad_request"].contains(&code(&error)) => {
                // The last one ends the command.
                if let Some(earlier) = wrong.replace(client.refusal(&error)) {
                    STOCKGATE.report(&earlier);
                }
            }
            Err(error) => return Err(client.refusal(&error)),
        }
    }
    let mut after = Value::Null;
    while skus.is_empty() {
        let mut request = json!({"op": "list", "limit": 1000, "prefix": prefix, "q": search});
        if !after.is_null() {
            request["after"] = after;
        }
        let mut page = client.call(request).await?;
        page["items"].as_array().into_iter().flatten().for_each(&mut print);
        after = page["next"].take();
        if after.is_null() {
            break;
        }
    }
    wrong.map_or(Ok(()), Err)
}

fn code(error: &Value) -> &str {
    error["code"].as_str().unwrap_or_default()
}

pub(super) async fn ledger(
    gateway: GatewayArguments,
    mut after: u64,
    follow: bool,
    as_json: bool,
) -> anyhow::Result<()> {
    let mut client = gateway.connect().await?;
    if follow {
        client.call(json!({"op": "subscribe", "all": true})).await?;
    }
    loop {
        let page = client.call(json!({"op": "ledger", "after": after, "limit": 1000})).await?;
        for entry in page["entries"].as_array().into_iter().flatten() {
            after = entry["seq"].as_u64().unwrap_or(after);
            if as_json { say(figures::to_json(entry)) } else { say(entry_row(entry)) }
        }
        if page["next"].is_null() {
            if !follow {
                return Ok(());
            }
            while client.event().await?["seq"].as_u64().unwrap_or(0) <= after {}
        }
    }
}

pub(super) async fn status(gateway: GatewayArguments, as_json: bool) -> anyhow::Result<()> {
    let status = gateway.connect().await?.call(json!({"op": "status"})).await?;
    if as_json {
        say(&status);
        return Ok(());
    }
    let text = |key: &str| status[key].as_str().unwrap_or_default();
    say(format!("gateway   {}/{} version {}", text("site"), text("gateway"), text("version")));
    say(format!("database  epoch {}, ledger at {}", text("epoch"), status["ledger_seq"]));
    say(format!("stock     {} SKUs, {} open reservations", status["skus"], status["reservations"]));
    say(format!("storage   {}", status["problem"].as_str().unwrap_or("accepts mutations")));
    say(format!("sync      {}", sync_row(&status["sync"])));
    Ok(())
}

pub(super) fn item_row(item: &Value) -> String {
    let sku = item["sku"].as_str().unwrap_or_default();
    let figure = |field: &str| figures::text(item, field);
    let (available, on_hand, reserved) =
        (figure("available"), figure("on_hand"), figure("reserved"));
    let row = format!("{sku:<24} {available:>12} {on_hand:>12} {reserved:>12}  {}", named(item));
    row.trim_end().to_owned()
}

/// The name of an item, with its unit.
pub(super) fn named(item: &Value) -> String {
    let name = item["name"].as_str().unwrap_or_default();
    match item["unit"].as_str() {
        Some(unit) => format!("{name} [{unit}]").trim_start().to_owned(),
        None => name.to_owned(),
    }
}

fn entry_row(entry: &Value) -> String {
    let text = |key: &str| entry[key].as_str().unwrap_or("-");
    let number = |key: &str| entry[key].as_i64().unwrap_or_default();
    let known = |key: &str, word: &str| {
        entry[key].as_str().map(|text| format!(" {word} {text}")).unwrap_or_default()
    };
    let said = [("actor", "by"), ("reason", "for"), ("lot", "lot"), ("serial", "serial")];
    let said = said.into_iter().chain([("expires", "expires")]);
    let said: String = said.map(|(key, word)| known(key, word)).collect();
    format!(
        "{:>10} {} {:<8} {:<24} {:>8} {:>8} {} {}{said}",
        number("seq"),
        text("at"),
        text("kind"),
        text("sku"),
        figures::signed(entry, "change"),
        figures::signed(entry, "reserved_change"),
        text("order_id"),
        text("request_id"),
    )
}

/// The sync state in figures.
fn sync_row(sync: &Value) -> String {
    let (acked, pending) = (&sync["acked_seq"], &sync["pending"]);
    let state = sync["state"].as_str().unwrap_or("?");
    let reason = sync["reason"].as_str().map(|why| format!(" ({why})")).unwrap_or_default();
    format!("{state}{reason}: confirmed up to {acked}, {pending} waiting{}", waited(sync))
}

/// The sync state as a sentence.
pub(super) fn sync_words(sync: &Value) -> String {
    let reason = sync["reason"].as_str().unwrap_or("no reason is known");
    match (sync["state"].as_str(), sync["pending"].as_u64().unwrap_or(0)) {
        (Some("online"), n) if sync["reason"].is_string() => {
            format!("online: {n} entries on their way{}; {reason}", waited(sync))
        }
        (Some("online"), 0) => "online: the hub has everything".into(),
        (Some("online"), n) => format!("online: {n} entries on their way{}", waited(sync)),
        (Some("offline"), n) => {
            let waited = waited(sync);
            format!("offline: {reason}; {n} entries wait{waited}; deductions go on")
        }
        (Some(_) | None, _) => "no hub is configured: this gateway works by itself".into(),
    }
}

/// How long the oldest entry has been waiting, if one waits.
fn waited(sync: &Value) -> String {
    match sync["oldest_pending_s"].as_u64() {
        Some(seconds @ 1..) => format!(", the oldest for {}", span(seconds)),
        Some(0) | None => String::new(),
    }
}

/// A duration in one unit, rounded down.
pub(super) fn span(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sync_state_is_described_in_words() {
        let words = |state: &str, reason: &str, pending: u64, oldest_s: u64| {
            let (pending, oldest_pending_s) = (pending, oldest_s);
            let reason = (!reason.is_empty()).then_some(reason);
            sync_words(&json!({
                "state": state, "reason": reason, "pending": pending,
                "oldest_pending_s": oldest_pending_s,
            }))
        };
        assert_eq!(words("online", "", 0, 0), "online: the hub has everything");
        assert_eq!(words("online", "", 3, 0), "online: 3 entries on their way");
        assert_eq!(
            words("offline", "the broker cannot be reached", 340, 750),
            "offline: the broker cannot be reached; 340 entries wait, the oldest for 12 min; deductions go on"
        );
        assert!(words("disabled", "", 0, 0).starts_with("no hub"));
    }

    #[test]
    fn durations_are_shown_in_one_unit() {
        assert_eq!([59, 60, 7_200, 400_000].map(span), ["59 s", "1 min", "2 h", "4 days"]);
    }
}

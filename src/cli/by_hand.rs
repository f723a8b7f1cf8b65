//! Mutations by hand: `deduct`, `restock`, `count`, and `merge` and `hide` for phantom SKUs.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use serde_json::{Value, json};
use tokio::time::timeout;
use uuid::Uuid;

use super::client::{Client, GatewayArguments};
use super::program::Program;
use super::{figures, tell};
use crate::stock::{Decimal, is_invisible};

/// How long to wait for the decision.
const DECISION_MAX: Duration = Duration::from_secs(15);

/// No number has more digits that a person types as a SKU.
const DIGITS_MAX: usize = 14;

/// Codes of requests that were not decided and may be sent again.
const AGAIN: [&str; 3] = ["storage_unavailable", "overloaded", "throttled"];

#[derive(Debug, clap::Args)]
pub(super) struct ByHandArguments {
    /// The SKU
    sku: String,
    /// How much, such as 6 or 1.25
    quantity: String,
    /// Take the SKU as it is written, also if it looks like a code or like another SKU
    #[arg(long)]
    exact: bool,
    #[command(flatten)]
    sending: SendingArguments,
}

#[derive(Debug, clap::Args)]
pub(super) struct MergeArguments {
    /// The SKU that should not be there; nothing is left of it
    from: String,
    /// The SKU that was meant, which gets its units
    into: String,
    #[command(flatten)]
    sending: SendingArguments,
}

#[derive(Debug, clap::Args)]
pub(super) struct HideArguments {
    /// The SKU, without stock and not in the catalogue
    sku: String,
    #[command(flatten)]
    sending: SendingArguments,
}

#[derive(Debug, clap::Args)]
struct SendingArguments {
    /// Why, for the ledger
    #[arg(long)]
    reason: Option<String>,
    /// The id of the request, to repeat it; a new one by default
    #[arg(long, value_name = "ID")]
    request_id: Option<String>,
    #[command(flatten)]
    gateway: GatewayArguments,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// A mutation of one line.
#[derive(Clone, Copy, Debug)]
pub(super) enum ByHand {
    Deduct,
    Restock,
    Count,
}

impl ByHand {
    fn op(self) -> &'static str {
        match self {
            Self::Deduct => "deduct",
            Self::Restock => "restock",
            Self::Count => "count",
        }
    }

    /// The field of the quantity.
    fn field(self) -> &'static str {
        match self {
            Self::Deduct | Self::Restock => "quantity",
            Self::Count => "counted",
        }
    }
}

/// Runs one mutation. The exit code is 0 if it was applied, 2 for wrong usage, and 1 if it was refused
/// or is not known to be applied.
pub(super) fn run(program: &Program, action: ByHand, arguments: ByHandArguments) -> ExitCode {
    let ByHandArguments { sku, quantity, exact, sending } = arguments;
    if let Err(error) = Decimal::parse(&quantity) {
        return program.usage(&format!("the quantity {error}, is {quantity:?}"));
    }
    let mut request = json!({"op": action.op(), "sku": sku});
    request[action.field()] = quantity.into();
    run_request(program, request, Some(sku).filter(|_| !exact), sending)
}

/// As [`run`], for the units of a SKU that should not be there.
pub(super) fn merge(program: &Program, arguments: MergeArguments) -> ExitCode {
    let MergeArguments { from, into, sending } = arguments;
    run_request(program, json!({"op": "merge", "from": from, "into": into}), None, sending)
}

/// As [`run`], for a SKU that should be in no list.
pub(super) fn hide(program: &Program, arguments: HideArguments) -> ExitCode {
    run_request(program, json!({"op": "hide", "sku": arguments.sku}), None, arguments.sending)
}

/// Runs a request, after the check of a SKU that was typed.
fn run_request(
    program: &Program,
    request: Value,
    typed: Option<String>,
    arguments: SendingArguments,
) -> ExitCode {
    let request_id = arguments.request_id.clone().unwrap_or_else(|| Uuid::new_v4().to_string());
    let told = format!("request id {request_id}");
    // Before it is sent, so that it can be repeated whatever happens then.
    if arguments.json {
        crate::process::logs::report(program.0, &told)
    } else if !tell(told) {
        return ExitCode::FAILURE;
    }
    program.with_runtime("warn", send(request, typed, arguments, request_id))
}

async fn send(
    mut request: Value,
    typed: Option<String>,
    arguments: SendingArguments,
    request_id: String,
) -> anyhow::Result<()> {
    let SendingArguments { reason, gateway, json: as_json, .. } = arguments;
    let again = format!("repeat it with --request-id {request_id}, which applies it once");
    let mut client = gateway.connect().await.context("nothing was sent")?;
    if let Some(sku) = typed {
        let resolve = json!({"op": "resolve", "code": sku});
        let resolved = answer(&mut client, resolve, "nothing was sent", &again).await?;
        check_typed(&sku, resolved, &again)?;
    }
    request["request_id"] = request_id.as_str().into();
    if let Some(reason) = reason {
        request["reason"] = reason.into();
    }
    let unsure = "it is not known whether it was applied";
    match answer(&mut client, request, unsure, &again).await? {
        Ok(result) => {
            // It is applied, whether that can be printed or not.
            tell(if as_json { figures::to_json(&result) } else { applied(&result) });
            Ok(())
        }
        Err(error) => Err(refused(&client, &error, &again)),
    }
}

/// The answer to a request. Without one, `meaning` says what that means for the mutation.
async fn answer(
    client: &mut Client,
    request: Value,
    meaning: &str,
    again: &str,
) -> anyhow::Result<Result<Value, Value>> {
    let why = match timeout(DECISION_MAX, client.ask(request)).await {
        Ok(Ok(answer)) => return Ok(answer),
        Ok(Err(why)) => format!("{why:#}"),
        Err(_) => format!("no answer within {} s", DECISION_MAX.as_secs()),
    };
    bail!("{meaning} ({why}); {again}")
}

/// What a refusal says. One that was decided is a refusal for good.
fn refused(client: &Client, error: &Value, again: &str) -> anyhow::Error {
    let why = client.refusal(error);
    if is_again(error) {
        return anyhow!("{why}; {again}");
    }
    let replayed = if error["replayed"] == true { ", as before" } else { "" };
    anyhow!("{why}{replayed}")
}

fn is_again(error: &Value) -> bool {
    error["code"].as_str().is_some_and(|code| AGAIN.contains(&code))
}

/// Refuses a text that is no SKU, but a code or a misread, or near to a SKU: booked as it is, it
/// would be a SKU of its own.
fn check_typed(sku: &str, resolved: Result<Value, Value>, again: &str) -> anyhow::Result<()> {
    let exact = "nothing was sent; --exact takes the SKU as it is written";
    if let Some(invisible) = sku.chars().find(|char| is_invisible(*char)) {
        bail!("the SKU has a character that nobody sees ({}); {exact}", invisible.escape_unicode());
    }
    let error = match resolved {
        Ok(found) if found["sku"] == sku => return Ok(()),
        Ok(found) => {
            let meant = found["sku"].as_str().unwrap_or("?");
            bail!("{sku} is a code of SKU {meant}; did you mean {meant}? {exact}")
        }
        Err(error) => error,
    };
    let message = error["message"].as_str().unwrap_or("?");
    let is_long = sku.len() > DIGITS_MAX && sku.bytes().all(|byte| byte.is_ascii_digit());
    let is_code = || error["format"] != "text" || error["gtin"].is_string() || is_long;
    match error["code"].as_str() {
        Some("bad_code") => bail!("{message}; {exact}"),
        Some("unknown_code") if error["sku"].is_string() || is_code() => {
            bail!("{message}; {exact}")
        }
        _ if is_again(&error) => bail!("{message}; nothing was sent; {again}"),
        // What else is wrong, the mutation is refused for.
        _ => Ok(()),
    }
}

/// The result in words.
fn applied(result: &Value) -> String {
    let replayed = if result["replayed"] == true { ", decided before" } else { "" };
    let of_line = |line: &Value| {
        let figure = |field: &str| figures::text(line, field);
        format!(
            "{}: {} on hand, {} reserved, {} available (entry {}{replayed})",
            line["sku"].as_str().unwrap_or("?"),
            figure("on_hand"),
            figure("reserved"),
            figure("available"),
            line["version"],
        )
    };
    let lines = result["lines"].as_array().into_iter().flatten();
    lines.map(of_line).collect::<Vec<_>>().join("\n")
}

//! Mutations by hand: `deduct`, `restock`, `count`, and `merge` and `hide` for phantom SKUs.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Value, json};
use tokio::time::timeout;
use uuid::Uuid;

use super::client::GatewayArguments;
use super::program::{NotDecided, Program};
use super::{figures, tell};
use crate::stock::Decimal;

/// How long to wait for the decision.
const DECISION_MAX: Duration = Duration::from_secs(15);

/// Codes of requests that were not decided and may be sent again.
const AGAIN: [&str; 3] = ["storage_unavailable", "overloaded", "throttled"];

#[derive(Debug, clap::Args)]
pub(super) struct ByHandArguments {
    /// The SKU
    sku: String,
    /// How much, such as 6 or 1.25
    quantity: String,
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

/// Runs one mutation. The exit code is 0 if it was applied, 1 if it was refused, 2 for wrong usage,
/// and 3 if it is not known whether it was applied.
pub(super) fn run(program: &Program, action: ByHand, arguments: ByHandArguments) -> ExitCode {
    let ByHandArguments { sku, quantity, sending } = arguments;
    if let Err(error) = Decimal::parse(&quantity) {
        return program.usage(&format!("the quantity {error}, is {quantity:?}"));
    }
    let mut request = json!({"op": action.op(), "sku": sku});
    request[action.field()] = quantity.into();
    run_request(program, request, sending)
}

/// As [`run`], for the units of a SKU that should not be there.
pub(super) fn merge(program: &Program, arguments: MergeArguments) -> ExitCode {
    let MergeArguments { from, into, sending } = arguments;
    run_request(program, json!({"op": "merge", "from": from, "into": into}), sending)
}

/// As [`run`], for a SKU that should be in no list.
pub(super) fn hide(program: &Program, arguments: HideArguments) -> ExitCode {
    run_request(program, json!({"op": "hide", "sku": arguments.sku}), arguments.sending)
}

fn run_request(program: &Program, request: Value, arguments: SendingArguments) -> ExitCode {
    let request_id = arguments.request_id.clone().unwrap_or_else(|| Uuid::new_v4().to_string());
    let told = format!("request id {request_id}");
    // Before it is sent, so that it can be repeated whatever happens then.
    if arguments.json {
        crate::process::logs::report(program.0, &told)
    } else if !tell(told) {
        return ExitCode::FAILURE;
    }
    program.with_runtime("warn", send(request, arguments, request_id))
}

async fn send(
    mut request: Value,
    arguments: SendingArguments,
    request_id: String,
) -> anyhow::Result<()> {
    let SendingArguments { reason, gateway, json: as_json, .. } = arguments;
    let mut client = gateway.connect().await.context("nothing was sent")?;
    request["request_id"] = request_id.as_str().into();
    if let Some(reason) = reason {
        request["reason"] = reason.into();
    }
    let again = format!("repeat it with --request-id {request_id}, which applies it once");
    let answer = match timeout(DECISION_MAX, client.ask(request)).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(why)) => {
            return Err(NotDecided(format!(
                "it is not known whether it was applied ({why:#}); {again}"
            ))
            .into());
        }
        Err(_) => {
            let seconds = DECISION_MAX.as_secs();
            let why = format!(
                "no answer within {seconds} s, so it is not known whether it was applied; {again}"
            );
            return Err(NotDecided(why).into());
        }
    };
    let error = match answer {
        Ok(result) => {
            // It is applied, whether that can be printed or not.
            tell(if as_json { figures::to_json(&result) } else { applied(&result) });
            return Ok(());
        }
        Err(error) => error,
    };
    let text = |key: &str| error[key].as_str().unwrap_or("?");
    let (message, code) = (text("message"), text("code"));
    match AGAIN.contains(&code) {
        true => Err(NotDecided(format!("{message} ({code}); {again}")).into()),
        false => {
            let replayed = if error["replayed"] == true { ", as before" } else { "" };
            anyhow::bail!("{message} ({code}{replayed})")
        }
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

//! `replay`: sends order lines from a file to a running gateway.
//!
//! Every row is one request, whose id is made from its order, its SKU and its number among the rows
//! of both (`groups`). A second run of the same rows, in any order, sends the same requests and
//! changes nothing. When the connection breaks, the requests without an answer are sent again in the
//! same order, with the same ids.

mod arguments;
mod doubts;
mod groups;
mod pace;
mod plan;
mod progress;
mod rejects;
mod requests;
mod run;
mod seed;
mod summary;

use anyhow::{bail, ensure};
use serde_json::Value;

pub(crate) use self::arguments::ReplayArguments;
use self::pace::Pace;
use self::plan::Plan;
use self::rejects::{Reject, Rejects, RowText, UNREADABLE, printable};
use self::run::{Run, Sent};
use self::seed::Needs;
pub(crate) use self::summary::Summary;
use super::orders::{Movement, Row};
use super::tell;

pub(crate) async fn run(arguments: ReplayArguments) -> anyhow::Result<()> {
    let (as_json, file) = (arguments.json, arguments.file.display().to_string());
    let summary = replay(arguments, |_| {}).await?;
    let told = if as_json { crate::net::json::json(&summary) } else { summary.text() };
    ensure!(tell(told), "{file} is replayed, and the summary is lost");
    match summary.rejected {
        0 => Ok(()),
        rejected => bail!("{file}: {rejected} rows changed nothing, because they are wrong"),
    }
}

/// Replays a file; `answered` is called with every answer. Each row that is wrong is told on stderr.
pub(crate) async fn replay(
    arguments: ReplayArguments,
    answered: impl FnMut(&Value),
) -> anyhow::Result<Summary> {
    let mut plan = Plan::make(&arguments).await?;
    let rejects = Rejects::open(arguments.rejects.as_deref(), &arguments.file)?;
    plan.compare_skus(&arguments).await?;
    let file = arguments.file.display().to_string();
    plan.warnings.iter_mut().for_each(|warning| *warning = printable(warning));
    plan.warnings.iter().for_each(|warning| crate::process::logs::report(&file, warning));
    if arguments.dry_run {
        return dry_run(&arguments, &plan, rejects);
    }
    let mut run = Run::start(&arguments, rejects, plan.rows, answered).await?;
    if arguments.seed_stock {
        seed(&mut run, &arguments, &mut plan).await?;
    }
    run.begin_rows();
    let mut pace = Pace::new(arguments.speed);
    for row in arguments.rows()? {
        let row = row?;
        let Some(movement) = read(&row, &plan, &mut run.summary, &mut run.rejects)? else {
            continue;
        };
        if let Some(wait) = pace.wait(row.at_ms.clone().ok().flatten()) {
            run.finish().await?;
            tokio::time::sleep(wait).await;
        }
        run.ask_row(Sent { text: RowText::of(&row), movement: movement.clone() }).await?;
    }
    run.finish().await?;
    run.reject_left_over()?;
    Ok(Summary { warnings: plan.warnings, ..run.summarize()? })
}

fn dry_run(
    arguments: &ReplayArguments,
    plan: &Plan,
    mut rejects: Rejects,
) -> anyhow::Result<Summary> {
    let warnings = plan.warnings.clone();
    let mut summary = Summary { dry_run: true, warnings, ..Summary::default() };
    for row in arguments.rows()? {
        read(&row?, plan, &mut summary, &mut rejects)?;
    }
    rejects.flush()?;
    Ok(Summary { rejected: rejects.wrong, rejects: rejects.listed, ..summary })
}

/// What a row asks for; `None` if it asks for nothing or cannot be used.
fn read<'a>(
    row: &'a Row,
    plan: &Plan,
    summary: &mut Summary,
    rejects: &mut Rejects,
) -> anyhow::Result<Option<&'a Movement>> {
    summary.rows += 1;
    rejects.warn(row);
    match plan.check(row) {
        Ok(movement) if movement.quantity.is_zero() => summary.skipped += 1,
        Ok(movement) => {
            let way = if movement.quantity.is_positive() {
                &mut summary.deductions
            } else {
                &mut summary.returns
            };
            *way += 1;
            return Ok(Some(movement));
        }
        Err(reason) => {
            summary.unreadable += 1;
            rejects.add(Reject { row: RowText::of(row), code: UNREADABLE.into(), reason })?;
        }
    }
    Ok(None)
}

/// Restocks each SKU with what the file needs.
async fn seed<F: FnMut(&Value)>(
    run: &mut Run<'_, F>,
    arguments: &ReplayArguments,
    plan: &mut Plan,
) -> anyhow::Result<()> {
    let needs = Needs::of(arguments, plan)?;
    plan.ask_for(needs.large(), &mut run.client).await?;
    let met = needs.met(&mut run.client).await?;
    for request in needs.requests(&met, plan) {
        run.ask(request, None).await?;
    }
    run.finish().await?;
    // The same opening stock was seeded by a run that was interrupted, before some of its rows.
    run.summary.refused.remove("idempotency_conflict");
    match run.summary.refused.first_key_value() {
        None => Ok(()),
        Some((code, count)) => {
            bail!(
                "the opening stock was refused: {count} requests with {code}; nothing was replayed"
            )
        }
    }
}

//! `restore`: replaces a database that is lost or damaged, or accepts one that was put back.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;

use super::{doctor, say};
use crate::clock::wall_ms;
use crate::store::{DATABASE_FILE, RestoreSource, Restored, accept, move_database_aside, restore};

/// The source of the new database.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct RestoreArgs {
    /// Restore this backup
    #[arg(long)]
    from: Option<PathBuf>,
    /// Restore what can still be read of the damaged database in the data directory
    #[arg(long)]
    from_damaged: bool,
    /// Restore nothing: the next start creates an empty database
    #[arg(long)]
    empty: bool,
    /// The database in the data directory as it is, if nothing was decided after it
    #[arg(long)]
    accept: bool,
}

pub(super) fn run(data_dir: &Path, source: &RestoreArgs) -> anyhow::Result<()> {
    if source.empty {
        let kept = move_database_aside(data_dir, wall_ms())?;
        tell_kept(kept.as_deref());
        say(
            "the next start makes an empty database; retire the old one at the hub, and bring back its stock there",
        );
        return Ok(());
    }
    if source.accept {
        let (origin, seq) = accept(data_dir).context("nothing was changed")?;
        say(format!(
            "the database in {} goes on as it is: gateway {}/{}, epoch {}, with entries up to {seq}",
            data_dir.display(),
            origin.site,
            origin.gateway,
            origin.epoch
        ));
        return Ok(());
    }
    let restored = match &source.from {
        Some(file) => {
            check(file)?;
            restore(data_dir, RestoreSource::Backup(file), wall_ms())
        }
        None => restore(data_dir, RestoreSource::Damaged, wall_ms()),
    };
    tell(&restored.context("nothing was restored")?);
    Ok(())
}

/// Checks that a backup is whole.
fn check(file: &Path) -> anyhow::Result<()> {
    match doctor::faults(file) {
        None => Ok(()),
        Some(faults) => bail!(
            "{} cannot be restored: {faults}; nothing was changed, use another backup",
            file.display()
        ),
    }
}

fn tell_kept(kept: Option<&Path>) {
    match kept {
        Some(kept) if !kept.join(DATABASE_FILE).exists() => say(format!(
            "the database was gone; the log that it has left is kept in {}",
            kept.display()
        )),
        Some(kept) => say(format!("the old database is kept in {}", kept.display())),
        None => say("there was no database"),
    }
}

fn tell(restored: &Restored) {
    let Restored { origin, replaced, remembered, last_seq, missing, known_seq, .. } = restored;
    tell_kept(restored.kept.as_deref());
    say(format!(
        "a new database is in its place: gateway {}/{}, epoch {}; {remembered} decided requests are remembered, nothing is in stock",
        origin.site, origin.gateway, origin.epoch
    ));
    if *missing > 0 {
        say(format!(
            "{missing} entries up to {last_seq} could not be read; their requests are forgotten"
        ));
    }
    if known_seq > last_seq {
        say(format!(
            "the old database had come to entry {known_seq} at least: {} entries after {last_seq} are not in the copy, and their requests are forgotten. If the acked_seq in the hub's answer is below {known_seq}, count the stock before it is sold from: which SKUs they moved is not known",
            known_seq - last_seq
        ));
    }
    say(format!(
        "its stock comes from the hub, once the old database is retired there and its stock brought back: POST /api/gateways/{0}/{1}/retire with {{\"epoch\":\"{2}\"}}, then /api/gateways/{0}/{1}/bring-back with {{\"from\":\"{2}\",\"to\":\"the new epoch\"}}",
        replaced.site, replaced.gateway, replaced.epoch
    ));
    if !restored.unconfirmed.is_empty() {
        say(format!(
            "the copy has entries {} to {last_seq}, which the hub may not have: if its answer says an acked_seq below {last_seq}, count these SKUs before they are sold from",
            restored.confirmed_seq + 1
        ));
        for (sku, change) in restored.unconfirmed.iter().filter(|(_, change)| **change != 0) {
            say(format!("  {sku} {change:+}"));
        }
    }
}

//! `export` and `verify`: the books for auditors. docs/EXPORT.md describes the format.

use std::io;
use std::path::PathBuf;

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use uuid::Uuid;

use crate::cli::audit::{
    ExportLines, ExportedEntry, ExportedMovement, KnownArguments, check_range, to_stdout,
    verify_file, verify_lines,
};
use crate::cli::{say, tell};
use crate::config::BookStore;
use crate::hub::upkeep::{AuditedEntry, AuditedLedger, BooksAudit};
use crate::net::json::json;
use crate::protocol::topic::GatewayId;
use crate::stock::{Chain, Seq};

/// What to export.
#[derive(Debug, Args)]
pub(super) struct ExportArguments {
    /// The hub's configuration; without it, the built-in defaults
    #[arg(long)]
    pub(super) config: Option<PathBuf>,
    /// The site of a gateway; without it, the hub's own ledger is exported
    #[arg(long, requires = "gateway")]
    site: Option<String>,
    /// The gateway
    #[arg(long, requires = "site")]
    gateway: Option<String>,
    /// The database of the gateway; without it, the one in force
    #[arg(long, requires = "gateway")]
    epoch: Option<Uuid>,
    /// The first entry
    #[arg(long)]
    from: Option<Seq>,
    /// The last entry
    #[arg(long)]
    to: Option<Seq>,
}

/// What to verify.
#[derive(Debug, Args)]
pub(super) struct VerifyArguments {
    /// An export; without it, the books are verified, with what gateways have signed
    file: Option<PathBuf>,
    /// The hub's configuration; without it, the built-in defaults
    #[arg(long)]
    pub(super) config: Option<PathBuf>,
    #[command(flatten)]
    known: KnownArguments,
}

/// Prints a ledger in the books.
pub(super) fn export(store: &BookStore, arguments: &ExportArguments) -> anyhow::Result<()> {
    let mut audit = BooksAudit::open(store)?;
    let ledger = chosen(&mut audit, arguments)?;
    let (from, to) = (arguments.from, arguments.to);
    check_range((from, to), (ledger.start().0 + 1, ledger.end.0))?;
    let range = (from.unwrap_or(1), to.unwrap_or(Seq::MAX));
    to_stdout(|line| write(&mut audit, &ledger, range, line))
}

fn chosen(audit: &mut BooksAudit, arguments: &ExportArguments) -> anyhow::Result<AuditedLedger> {
    let ExportArguments { site, gateway, epoch, .. } = arguments;
    let Some((site, gateway)) = site.clone().zip(gateway.clone()) else { return Ok(audit.own()?) };
    let id = GatewayId { site, gateway };
    let mut ledgers = audit.ledgers(Some(&id))?;
    ledgers.retain(|ledger| epoch.is_none_or(|epoch| ledger.origin.epoch == epoch));
    ledgers.pop().with_context(|| format!("the books have no such database of {id}"))
}

fn write(
    audit: &mut BooksAudit,
    ledger: &AuditedLedger,
    (from, to): (Seq, Seq),
    line: &mut dyn FnMut(String) -> io::Result<()>,
) -> anyhow::Result<()> {
    let (origin, start, signed) = (ledger.origin.clone(), ledger.start(), ledger.signed.clone());
    let mut lines = ExportLines::new(origin, start.0, (signed, to), line);
    let mut has_head = false;
    audit.visit(ledger, |entry, before, chain| {
        if entry.seq() < from {
            return true;
        }
        if !std::mem::replace(&mut has_head, true) {
            lines.head(before);
        }
        if entry.seq() <= to {
            lines.entry(entry.seq(), line_of(ledger, entry, chain));
        }
        lines.written.is_ok() && entry.seq() < to
    })?;
    if !has_head {
        lines.head(start);
    }
    Ok(lines.finish()?)
}

fn line_of(ledger: &AuditedLedger, entry: &AuditedEntry, chain: Chain) -> String {
    match entry {
        AuditedEntry::OfGateway(entry) => json(&ExportedEntry::new(&ledger.origin, entry, chain)),
        AuditedEntry::OfBooks(entered) => {
            json(&ExportedMovement::new(&ledger.origin, entered, chain))
        }
    }
}

/// Verifies an export.
pub(super) fn verify_export(file: &std::path::Path, known: &KnownArguments) -> anyhow::Result<()> {
    let mut verifier = known.verifier()?;
    verify_file(&mut verifier, file)?;
    say(verifier.end()?);
    Ok(())
}

/// Verifies the books: the hub's own ledger, and those of gateways.
pub(super) fn verify_books(store: &BookStore, known: &KnownArguments) -> anyhow::Result<()> {
    let mut audit = BooksAudit::open(store)?;
    let own = audit.own()?;
    verify_ledger(&mut audit, &own, known).context("the hub's own ledger")?;
    for ledger in audit.ledgers(None)? {
        let name = name_of(&ledger);
        verify_ledger(&mut audit, &ledger, &KnownArguments::default()).context(name)?;
    }
    Ok(())
}

fn name_of(ledger: &AuditedLedger) -> String {
    let origin = &ledger.origin;
    match ledger.origin.site.as_str() {
        "" => "the hub's own ledger".into(),
        site => format!("{site}/{} (epoch {})", origin.gateway, origin.epoch),
    }
}

fn verify_ledger(
    audit: &mut BooksAudit,
    ledger: &AuditedLedger,
    known: &KnownArguments,
) -> anyhow::Result<()> {
    let mut verifier = known.verifier()?;
    verify_lines(&mut verifier, |line| write(audit, ledger, (1, Seq::MAX), line))?;
    let verdict = match ledger.is_own() {
        true => verifier.end(),
        false if ledger.has_key => verifier.end_in_books(),
        false => verifier.verdict(),
    }?;
    let (end, chain) = ledger.end;
    ensure!(verdict.last >= end, "entry {} is wrong: it is missing", verdict.last + 1);
    if verifier.chain() != chain {
        let first = verdict.signed.unwrap_or(0) + 1;
        bail!(
            "entry {first} is wrong: it, or a later one up to {end}, is not what was booked; only their end says so, and not which"
        );
    }
    // The others are verified even if nobody reads this.
    ensure!(tell(format!("{}: {verdict}", name_of(ledger))), "the verdict cannot be printed");
    Ok(())
}

impl VerifyArguments {
    pub(super) fn parts(&self) -> (Option<&std::path::Path>, &KnownArguments) {
        (self.file.as_deref(), &self.known)
    }
}

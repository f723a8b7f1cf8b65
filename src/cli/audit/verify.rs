//! `verify`: checks the chain and the signatures of a ledger, in a database or an export.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;

use super::export;
use super::format::CheckpointLine;
use super::verifier::{Verifier, Wrong};
use crate::cli::program::Usage;
use crate::hex;
use crate::stock::Seq;
use crate::store::{
    first_damaged_signed, open_with_high_water_mark, read_identity, read_ledger_range,
};

#[derive(Debug, Args)]
pub(in crate::cli) struct VerifyArguments {
    /// An export
    #[arg(required_unless_present = "data_dir", conflicts_with = "data_dir")]
    file: Option<PathBuf>,
    /// The data directory of a gateway, instead of an export
    #[arg(long)]
    data_dir: Option<PathBuf>,
    #[command(flatten)]
    known: KnownArguments,
}

/// What is known from elsewhere.
#[derive(Debug, Default, Args)]
pub(in crate::cli) struct KnownArguments {
    /// The public key, in hexadecimal digits; without it that of the export is believed
    #[arg(long)]
    key: Option<String>,
    /// A file with the line of a later checkpoint: entries up to it must be there
    #[arg(long)]
    checkpoint: Option<PathBuf>,
}

impl KnownArguments {
    pub(in crate::cli) fn verifier(&self) -> anyhow::Result<Verifier> {
        let wrong = || Usage("--key: 64 hexadecimal digits are wanted".into());
        let digits = |key: &String| hex::decode(key).ok_or_else(wrong);
        let read = |path: &PathBuf| {
            let text = std::fs::read_to_string(path);
            let text = text.with_context(|| format!("{}", path.display()))?;
            let line: CheckpointLine = serde_json::from_str(&text).context("--checkpoint")?;
            line.signed().context("--checkpoint: it is not one")
        };
        let key = self.key.as_ref().map(digits).transpose()?;
        Ok(Verifier::new(key, self.checkpoint.as_ref().map(read).transpose()?))
    }
}

pub(in crate::cli) fn run(arguments: &VerifyArguments) -> anyhow::Result<()> {
    let mut verifier = arguments.known.verifier()?;
    if let Some(data_dir) = &arguments.data_dir {
        verify_database(&mut verifier, data_dir)?;
    }
    if let Some(file) = &arguments.file {
        verify_file(&mut verifier, file)?;
    }
    crate::cli::say(verifier.end()?);
    Ok(())
}

/// Verifies a database: its ledger, and that it holds all that what lies beside the ledger knows of.
fn verify_database(verifier: &mut Verifier, data_dir: &Path) -> anyhow::Result<()> {
    let (db, mark) = open_with_high_water_mark(data_dir)?;
    let (origin, _) = read_identity(&db)?.context("the database belongs to no gateway")?;
    let (_, reached) = read_ledger_range(&db)?;
    verify_lines(verifier, |line| export::write(&db, (1, Seq::MAX), line))?;
    verifier.check_reached(mark.seq_of(origin.epoch).unwrap_or(0).max(reached))?;
    verifier.check_signed(mark.signed_seq_of(origin.epoch))?;
    let damaged = |seq| Err(Wrong::at(seq, "its row of the table signed is damaged").into());
    first_damaged_signed(&db)?.map_or(Ok(()), damaged)
}

/// Verifies an export.
pub(in crate::cli) fn verify_file(verifier: &mut Verifier, file: &Path) -> anyhow::Result<()> {
    let opened = File::open(file).with_context(|| format!("{}", file.display()))?;
    for line in BufReader::new(opened).lines() {
        match line {
            Err(error) if error.kind() != io::ErrorKind::InvalidData => {
                return Err(error).with_context(|| format!("{}", file.display()));
            }
            line => verifier.line(&line.map_err(|_| verifier.wrong_next())?)?,
        }
    }
    Ok(())
}

/// Verifies lines while they are written.
pub(in crate::cli) fn verify_lines(
    verifier: &mut Verifier,
    write: impl FnOnce(&mut dyn FnMut(String) -> io::Result<()>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut wrong = None;
    let written = write(&mut |line| {
        wrong = wrong.take().or_else(|| verifier.line(&line).err());
        Ok(())
    });
    wrong.map_or(Ok(()), Err)?;
    written.with_context(|| format!("entry {} is wrong", verifier.last() + 1))
}

//! `verify`: checks the chain and the signatures of a ledger, in a database or an export.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use serde_json::Value;

use super::export;
use super::format::{CheckpointLine, HeadJson, chain_of_entry};
use crate::cli::program::Usage;
use crate::hex;
use crate::stock::{Chain, Origin, Seq, SignedPosition};
use crate::store::open_read_only;

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
        let db = open_read_only(data_dir)?;
        verify_lines(&mut verifier, |line| export::write(&db, None, None, line))?;
    }
    if let Some(file) = &arguments.file {
        verify_file(&mut verifier, file)?;
    }
    crate::cli::say(verifier.end()?);
    Ok(())
}

/// Verifies an export.
pub(in crate::cli) fn verify_file(verifier: &mut Verifier, file: &Path) -> anyhow::Result<()> {
    let opened = File::open(file).with_context(|| format!("{}", file.display()))?;
    for line in BufReader::new(opened).lines() {
        verifier.line(&line.map_err(|_| verifier.wrong_next())?)?;
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
    written.with_context(|| format!("entry {} is wrong", verifier.last + 1))
}

/// The first entry that is wrong, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("entry {seq} is wrong: {why}")]
pub(in crate::cli) struct Wrong {
    pub(super) seq: Seq,
    why: String,
}

/// How far a ledger is sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) struct Verdict {
    pub(in crate::cli) last: Seq,
    /// The last signed entry, if any is.
    pub(in crate::cli) signed: Option<Seq>,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sound up to entry {}; ", self.last)?;
        match self.signed {
            Some(seq) => write!(f, "signed up to entry {seq}"),
            None => f.write_str("not signed"),
        }
    }
}

/// Verifies an export line by line.
#[derive(Clone)]
pub(in crate::cli) struct Verifier {
    key: Option<[u8; 32]>,
    later: Option<SignedPosition>,
    head: Option<Origin>,
    chain: Chain,
    /// The export begins after this entry.
    after: Seq,
    last: Seq,
    signed: Option<Seq>,
}

impl Verifier {
    pub(super) fn new(key: Option<[u8; 32]>, later: Option<SignedPosition>) -> Self {
        Self { key, later, head: None, chain: Chain::default(), after: 0, last: 0, signed: None }
    }

    /// The chain at the end.
    #[cfg(feature = "hub")]
    pub(in crate::cli) fn chain(&self) -> Chain {
        self.chain
    }

    /// Takes the next line.
    pub(super) fn line(&mut self, line: &str) -> Result<(), Wrong> {
        let value: Value = serde_json::from_str(line).map_err(|_| self.wrong_next())?;
        let Some(origin) = self.head.clone() else { return self.head_line(&value) };
        if value.get("checkpoint").is_some() {
            let line = serde_json::from_value::<CheckpointLine>(value).ok();
            let signed = line.and_then(|line| line.signed()).ok_or_else(|| self.wrong_next())?;
            return self.checkpoint(&origin, &signed);
        }
        self.entry(&origin, &value)
    }

    fn head_line(&mut self, value: &Value) -> Result<(), Wrong> {
        let head: HeadJson =
            serde_json::from_value(value.clone()).map_err(|_| self.wrong(1, "there is no head"))?;
        let key = head.public_key.as_deref().and_then(hex::decode);
        self.key = self.key.or(key);
        self.head = head.origin();
        self.chain = head.chain().ok_or_else(|| self.wrong(1, "the head is damaged"))?;
        (self.after, self.last) = (head.after, head.after);
        if self.head.is_none() {
            return Err(self.wrong(1, "the head is damaged"));
        }
        match self.later {
            Some(later) if later.seq < self.after => {
                let why = format!("the checkpoint at {} is before the export begins", later.seq);
                Err(self.wrong(self.after + 1, &why))
            }
            Some(later) if later.seq == self.after => self.compare(&later),
            _ => Ok(()),
        }
    }

    fn entry(&mut self, origin: &Origin, value: &Value) -> Result<(), Wrong> {
        let seq = self.last + 1;
        let altered = || self.wrong(seq, "it is not what was entered");
        if value.get("seq").and_then(Value::as_u64) != Some(seq) {
            return Err(self.wrong(seq, "it is missing, or not in its place"));
        }
        let end = (self.last, self.chain);
        let chain = match origin.site.is_empty() {
            #[cfg(feature = "hub")]
            true => super::movements::chain_of_movement(origin, end, value),
            #[cfg(not(feature = "hub"))]
            true => return Err(self.wrong(seq, "it is of a hub: use stockgate-hub verify")),
            false => chain_of_entry(origin, end, value),
        };
        let chain = chain.ok_or_else(altered)?;
        (self.chain, self.last) = (chain, seq);
        if let Some(later) = self.later.filter(|later| later.seq == seq) {
            self.compare(&later)?;
        }
        Ok(())
    }

    fn checkpoint(&mut self, origin: &Origin, signed: &SignedPosition) -> Result<(), Wrong> {
        self.check_signature(origin, signed)?;
        if signed.seq > self.last {
            let why = format!("it is missing: the device has signed up to {}", signed.seq);
            return Err(self.wrong(self.last + 1, &why));
        }
        if signed.seq < self.last {
            return Err(self.wrong(self.last + 1, "a checkpoint is not in its place"));
        }
        self.compare(signed)?;
        self.signed = Some(self.last);
        Ok(())
    }

    fn compare(&self, signed: &SignedPosition) -> Result<(), Wrong> {
        let same = self.chain.agrees(Chain::Sha256(signed.chain), self.last);
        let why = format!("it, or one up to {}, is not what was signed", signed.seq);
        if same { Ok(()) } else { Err(self.wrong(self.first_unsigned(), &why)) }
    }

    fn check_signature(&self, origin: &Origin, signed: &SignedPosition) -> Result<(), Wrong> {
        let is_signed = self.key.is_some_and(|key| signed.is_signed_by(&key, origin));
        let why = format!("the checkpoint at {} is not signed by this device", signed.seq);
        if is_signed { Ok(()) } else { Err(self.wrong(self.first_unsigned(), &why)) }
    }

    /// Checks the end against the later checkpoint.
    pub(in crate::cli) fn end(&self) -> Result<Verdict, Wrong> {
        if self.head.is_none() {
            return Err(self.wrong(1, "there is nothing to verify"));
        }
        let (last, signed) = (self.last, self.signed);
        if let (Some(later), Some(origin)) = (&self.later, &self.head) {
            self.check_signature(origin, later)?;
            if later.seq > last {
                let why = format!("it is missing: a later checkpoint is at {}", later.seq);
                return Err(self.wrong(last + 1, &why));
            }
            return Ok(Verdict { last, signed: signed.max(Some(later.seq)) });
        }
        Ok(Verdict { last, signed })
    }

    fn first_unsigned(&self) -> Seq {
        self.signed.unwrap_or(self.after) + 1
    }

    fn wrong_next(&self) -> Wrong {
        self.wrong(self.last + 1, "the line cannot be read")
    }

    fn wrong(&self, seq: Seq, why: &str) -> Wrong {
        Wrong { seq, why: why.into() }
    }
}

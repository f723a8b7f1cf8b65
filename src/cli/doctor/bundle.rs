//! The support bundle: what helps somebody elsewhere to understand a problem, without secrets.
//!
//! The last ledger entries are included without order ids and request ids, which come from other
//! systems and may identify people. All content passes through [`Mask`].

use std::fs::{self, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Context as _;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;

use super::{DoctorArguments, Visit, machine, tar};
use crate::cli::{VERSION, tell};
use crate::clock::{rfc3339, wall_ms};
use crate::config;
use crate::sizes::Bytes;
use crate::store::{StoreError, open_read_only, read_last_seq, read_ledger};

/// The number of ledger entries included.
const ENTRIES: u64 = 200;
/// The lines and bytes of the log included.
const LOG_LINES: &str = "2000";
const LOG_BYTES: u64 = 512 * 1024;
const FOLDER: &str = "stockgate-support";

pub(super) fn write(file: &Path, visit: &Visit, arguments: &DoctorArguments) -> anyhow::Result<()> {
    let shown = file.display();
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
    let mut made =
        made.with_context(|| format!("{shown} cannot be made; name a file that does not exist"))?;
    let secrets = arguments.config.as_deref().and_then(config::secrets);
    let are_known = secrets.is_some();
    let parts = parts(visit, arguments, are_known);
    let packed = pack(&parts, &Mask::of(secrets.unwrap_or_default()))?;
    made.write_all(&packed)
        .and_then(|()| made.sync_all())
        .with_context(|| format!("{shown} cannot be written"))?;
    if arguments.json {
        return Ok(());
    }
    let size = Bytes(packed.len() as u64);
    tell(format!("{shown}: {size}, without secrets, order ids and request ids"));
    Ok(())
}

/// The files of the bundle. The log may contain any text, so it is included only if all secrets are
/// known and can be masked.
fn parts(
    visit: &Visit,
    arguments: &DoctorArguments,
    are_known: bool,
) -> Vec<(&'static str, String)> {
    let data_dir = visit.data_dir.as_deref().context("no data directory");
    let status = visit.status.as_ref().ok().map(|status| format!("{status:#}\n"));
    let metrics = visit.metrics.clone().map_err(anyhow::Error::msg);
    let secrets = are_known.then_some(()).context("name --config, so that secrets can be hidden");
    let files = data_dir.as_ref().map(|dir| machine::listing(dir)).unwrap_or_default();
    vec![
        ("about.txt", about()),
        ("doctor.txt", visit.report.text() + "\n"),
        ("doctor.json", visit.report.json()),
        ("configuration.txt", config::listing(arguments.config.as_deref())),
        (
            "status.json",
            told(status.context("no --config, or the gateway does not run, or speaks TLS")),
        ),
        ("metrics.txt", told(metrics)),
        ("ledger.jsonl", told(data_dir.and_then(|dir| Ok(ledger(dir)?)))),
        ("files.txt", files),
        ("log.txt", told(secrets.and_then(|()| log(arguments.log.as_deref())))),
    ]
}

fn told(text: anyhow::Result<String>) -> String {
    text.unwrap_or_else(|error| format!("not available: {error:#}\n"))
}

fn about() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let memory: String =
        read("/proc/meminfo").lines().take(3).map(|line| format!("{line}\n")).collect();
    format!(
        "stockgate {VERSION}\nmade at {} by the clock of the machine\n\n{}\n{}\nup for (s) {}\n{memory}",
        rfc3339(wall_ms()),
        read("/proc/version"),
        read("/etc/os-release"),
        read("/proc/uptime"),
    )
}

fn ledger(data_dir: &Path) -> Result<String, StoreError> {
    let db = open_read_only(data_dir)?;
    let after = read_last_seq(&db)?.saturating_sub(ENTRIES);
    let posted = read_ledger(&db, after, usize::try_from(ENTRIES).expect("a small number"))?;
    let lines = posted.iter().map(|posted| {
        let entry = &posted.entry;
        let (kind, at) = (entry.kind.as_str(), rfc3339(entry.at_ms));
        let (change, reserved_change) = (entry.change, entry.reserved_change);
        let line = json!({
            "seq": entry.seq, "kind": kind, "sku": entry.sku.as_str(), "change": change,
            "reserved_change": reserved_change, "at": at,
        });
        format!("{line}\n")
    });
    Ok(lines.collect())
}

/// The end of a log file, or of the unit's journal.
fn log(file: Option<&Path>) -> anyhow::Result<String> {
    let Some(file) = file else { return journal() };
    let mut file = fs::File::open(file).with_context(|| file.display().to_string())?;
    let bytes = file.metadata()?.len();
    file.seek(SeekFrom::Start(bytes.saturating_sub(LOG_BYTES)))?;
    let mut end = Vec::new();
    file.take(LOG_BYTES).read_to_end(&mut end)?;
    Ok(String::from_utf8_lossy(&end).into_owned())
}

fn journal() -> anyhow::Result<String> {
    let arguments =
        ["--unit", "stockgate", "--lines", LOG_LINES, "--no-pager", "--output", "short-iso"];
    let output = Command::new("journalctl").args(arguments).stdin(Stdio::null()).output();
    let output = output.context("journalctl; name a file with --log")?;
    anyhow::ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn pack(parts: &[(&str, String)], mask: &Mask) -> anyhow::Result<Vec<u8>> {
    let now_s = u64::try_from(wall_ms() / 1_000).unwrap_or(0);
    let mut archive = Vec::new();
    for (name, text) in parts {
        tar::append(&mut archive, &format!("{FOLDER}/{name}"), mask.hide(text).as_bytes(), now_s);
    }
    tar::finish(&mut archive);
    let mut packer = GzEncoder::new(Vec::new(), Compression::default());
    packer.write_all(&archive)?;
    Ok(packer.finish()?)
}

/// Masks the known secrets in a text.
struct Mask(Vec<String>);

impl Mask {
    fn of(mut secrets: Vec<String>) -> Self {
        // In JSON and in logs quotation marks are escaped.
        let quoted: Vec<String> = secrets.iter().map(|secret| format!("{secret:?}")).collect();
        let inner = |quoted: &String| quoted[1..quoted.len() - 1].to_owned();
        secrets.extend(quoted.iter().map(inner));
        secrets.retain(|secret| !secret.is_empty());
        // One secret may be a prefix of another.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        Self(secrets)
    }

    fn hide(&self, text: &str) -> String {
        let hidden = |text: String, secret: &String| text.replace(secret.as_str(), config::HIDDEN);
        self.0.iter().fold(text.to_owned(), hidden)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_that_is_a_prefix_of_another_is_hidden_like_the_other() {
        let mask = Mask::of(["sesame", "sesame-2"].map(String::from).into());
        let hidden = config::HIDDEN;
        assert_eq!(mask.hide("a sesame-2 b sesame c"), format!("a {hidden} b {hidden} c"));
    }
}

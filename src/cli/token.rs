//! `token`, of both programs: makes a secret for a token of the configuration.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::Context as _;
use ring::rand::{SecureRandom as _, SystemRandom};

/// Random bytes in a token: too many to be guessed, whatever the rate.
const BYTES: usize = 32;

/// Prints a new token, or writes it to a new file that only its owner may read.
pub(super) fn run(file: Option<&Path>) -> anyhow::Result<()> {
    let token = new_token()?;
    match file {
        None => super::say(token),
        Some(file) => {
            write_new(file, &token).with_context(|| format!("{}", file.display()))?;
        }
    }
    Ok(())
}

/// Hexadecimal digits, which need no quoting anywhere.
fn new_token() -> anyhow::Result<String> {
    let mut bytes = [0; BYTES];
    let filled = SystemRandom::new().fill(&mut bytes);
    filled.map_err(|_| anyhow::anyhow!("the system gives no random numbers"))?;
    Ok(crate::hex::encode(&bytes))
}

fn write_new(path: &Path, token: &str) -> std::io::Result<()> {
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(path)?;
    writeln!(file, "{token}")?;
    file.sync_all()
}

//! `backup`: a consistent copy while the gateway runs.

use std::fs::File;
use std::path::Path;

use anyhow::{Context as _, ensure};

use super::say;
use crate::store::open_read_only;

pub(super) fn run(data_dir: &Path, to: &Path) -> anyhow::Result<()> {
    let shown = to.display();
    ensure!(
        !to.exists(),
        "{shown} exists; name a file that does not, so that nothing is overwritten"
    );
    let db = open_read_only(data_dir)?;
    let path = to.to_str().with_context(|| format!("{shown} is not UTF-8"))?;
    if let Err(error) = db.execute("VACUUM INTO ?1", [path]) {
        // A part of a copy is none, and would stand in the way of the next one.
        let _ = std::fs::remove_file(to);
        return Err(error).with_context(|| format!("{shown} cannot be written"));
    }
    File::open(to)?.sync_all().with_context(|| format!("{shown} cannot be synced"))?;
    let directory = to.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(directory.unwrap_or(Path::new(".")))?.sync_all()?;
    let bytes = to.metadata()?.len();
    say(format!("{shown}: {bytes} bytes"));
    Ok(())
}

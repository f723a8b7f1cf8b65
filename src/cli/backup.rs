//! `backup`: makes a consistent copy while the gateway, or the hub, runs.

use std::fs::{self, File};
use std::path::Path;

use anyhow::{Context as _, ensure};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

use super::say;
use crate::store::open_read_only;

/// Backs up a gateway's database.
pub(super) fn run(data_dir: &Path, to: &Path) -> anyhow::Result<()> {
    to_new_file(to, |unfinished| copy(data_dir, unfinished))
}

/// Writes a new file, which gets its name once it is whole and on disk.
pub(super) fn to_new_file(
    to: &Path,
    copy: impl FnOnce(&Path) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let shown = to.display();
    ensure_free(to)?;
    // A partial copy must not look like a backup: the copy gets its name when it is complete and
    // on disk.
    let unfinished = to.with_added_extension("unfinished");
    let claimed = claim(&unfinished)?;
    if let Err(error) = copy(&unfinished).and_then(|()| name(&unfinished, to)) {
        let _ = fs::remove_file(&unfinished);
        return Err(error);
    }
    drop(claimed);
    let directory = to.parent().filter(|parent| !parent.as_os_str().is_empty());
    let directory = File::open(directory.unwrap_or(Path::new(".")));
    directory.and_then(|it| it.sync_all()).with_context(|| format!("{shown} cannot be synced"))?;
    say(format!("{shown}: {} bytes", to.metadata()?.len()));
    Ok(())
}

fn ensure_free(to: &Path) -> anyhow::Result<()> {
    let shown = to.display();
    ensure!(
        !to.exists(),
        "{shown} exists; name a file that does not, so that nothing is overwritten"
    );
    Ok(())
}

/// Creates an empty file for the copy, replacing what a power cut may have left there.
fn claim(unfinished: &Path) -> anyhow::Result<File> {
    let shown = unfinished.display();
    let cannot = || format!("{shown} cannot be written");
    let file = File::options().create(true).truncate(false).write(true).open(unfinished);
    let file = file.with_context(cannot)?;
    file.try_lock().with_context(|| format!("{shown} is being written by another backup"))?;
    file.set_len(0).with_context(cannot)?;
    Ok(file)
}

fn copy(data_dir: &Path, to: &Path) -> anyhow::Result<()> {
    let shown = to.display();
    let path = to.to_str().with_context(|| format!("{shown} is not UTF-8"))?;
    let db = open_read_only(data_dir)?;
    db.execute("VACUUM INTO ?1", [path]).with_context(|| format!("{shown} cannot be written"))?;
    File::open(to)?.sync_all().with_context(|| format!("{shown} cannot be synced"))
}

/// Renames the finished copy, without replacing another file.
fn name(unfinished: &Path, to: &Path) -> anyhow::Result<()> {
    let named = match renameat_with(CWD, unfinished, CWD, to, RenameFlags::NOREPLACE) {
        // Not every filesystem can check and rename in one step.
        Err(Errno::INVAL | Errno::NOSYS) => {
            ensure_free(to)?;
            fs::rename(unfinished, to)
        }
        named => named.map_err(Into::into),
    };
    named.with_context(|| format!("{} cannot be named so", to.display()))
}

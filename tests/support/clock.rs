//! Where libfaketime is, which shows a program another time.

use std::fs;

/// The path of the library, for `LD_PRELOAD`. The `faketime` command is not used: it fails where
/// an earlier process with its id was killed and left a semaphore behind, and ids come again.
pub fn library() -> String {
    remove_remains();
    let places = fs::read_dir("/usr/lib").expect("Debian keeps libraries there").flatten();
    let mut files = places.map(|place| place.path().join("faketime/libfaketime.so.1"));
    let file = files.find(|file| file.exists());
    let file = file.expect("libfaketime is missing: install Debian's package faketime");
    file.to_str().expect("its name is plain").to_owned()
}

/// Removes what processes left behind that ended without their destructors.
fn remove_remains() {
    for file in fs::read_dir("/dev/shm").into_iter().flatten().flatten() {
        let name = file.file_name().to_string_lossy().into_owned();
        let Some((_, pid)) =
            name.split_once("faketime_s").and_then(|(_, rest)| rest.split_once('_'))
        else {
            continue;
        };
        if !fs::exists(format!("/proc/{pid}")).unwrap_or(true) {
            let _ = fs::remove_file(file.path());
        }
    }
}

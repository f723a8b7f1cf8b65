//! Puts version, commit and target into the program, and compresses the files of its pages.

use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::{env, fs, io};

use flate2::Compression;
use flate2::write::GzEncoder;

/// Makes std's timed waits end on time where time has 64 bits and a machine word has 32.
const FUTEX: &str = "src/futex_time64.c";
/// The pages of the gateway, of the hub and of the demo.
const PAGES: [&str; 3] = ["src/terminal/page", "src/hub/http/page", "src/cli/demo/page"];

fn main() {
    compress_pages().expect("the files of the pages can be read");
    let commit = env::var("STOCKGATE_COMMIT").ok().or_else(commit).unwrap_or("unknown".into());
    let target = env::var("TARGET").unwrap_or("unknown".into());
    let version = env::var("CARGO_PKG_VERSION").unwrap_or_default();
    println!("cargo::rustc-env=STOCKGATE_VERSION={version} ({commit}, {target})");
    println!("cargo::rerun-if-env-changed=STOCKGATE_COMMIT");
    println!("cargo::rerun-if-changed=build.rs");
    if env::var_os("RUST_LIBC_UNSTABLE_MUSL_V1_2_3").is_some() {
        cc::Build::new().file(FUTEX).opt_level(2).flag("-marm").compile("futex_time64");
    }
    println!("cargo::rerun-if-env-changed=RUST_LIBC_UNSTABLE_MUSL_V1_2_3");
    println!("cargo::rerun-if-changed={FUTEX}");
    // A source tree without a repository has no such file, and would be rebuilt each time.
    for file in [".git/HEAD", ".git/logs/HEAD"].into_iter().filter(|file| Path::new(file).exists())
    {
        println!("cargo::rerun-if-changed={file}");
    }
}

/// Compresses the files of the pages, each into a file of its name. Comments and indentation are for
/// those who read the source, which runs as it is.
fn compress_pages() -> io::Result<()> {
    let made = env::var_os("OUT_DIR").ok_or(io::ErrorKind::NotFound)?;
    for page in PAGES {
        println!("cargo::rerun-if-changed={page}");
        for entry in fs::read_dir(page)? {
            let file = entry?.path();
            println!("cargo::rerun-if-changed={}", file.display());
            let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
            gzip.write_all(without_comments(&fs::read_to_string(&file)?).as_bytes())?;
            let name = file.file_name().unwrap_or_default();
            fs::write(Path::new(&made).join(name).with_added_extension("gz"), gzip.finish()?)?;
        }
    }
    Ok(())
}

/// A text without indentation, and without comments that have lines of their own.
fn without_comments(text: &str) -> String {
    let mut is_comment = false;
    let is_kept = |line: &&str| {
        let (begins, ends) = (line.starts_with("/*"), line.ends_with("*/"));
        let was_comment = is_comment;
        is_comment = (is_comment || begins) && !ends;
        !(was_comment || begins || line.starts_with("// ") || line.is_empty())
    };
    text.lines().map(str::trim).filter(is_kept).flat_map(|line| [line, "\n"]).collect()
}

/// The commit that is checked out, if there is a repository.
fn commit() -> Option<String> {
    let output = Command::new("git").args(["rev-parse", "--short=12", "HEAD"]).output().ok()?;
    let commit = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| commit.trim().to_owned())
}

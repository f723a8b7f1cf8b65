//! Puts version, commit and target into the program, and compresses what is built into it: the
//! files of the pages, the manual pages and the completions.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io};

/// Makes std's timed waits end on time where time has 64 bits and a machine word has 32.
const FUTEX: &str = "src/futex_time64.c";
/// The pages of the gateway, of the hub and of the demo.
const PAGES: [&str; 3] = ["src/terminal/page", "src/hub/http/page", "src/cli/demo/page"];

/// The programs, and where their manual pages and completions are.
const PROGRAMS: [&str; 2] = ["stockgate", "stockgate-hub"];
const MANUAL: [&str; 2] = ["docs/man", "docs/completions"];

fn main() {
    compress_pages().expect("the files of the pages can be read");
    compress_manuals().expect("docs/man and docs/completions can be read");
    let commit = env::var("STOCKGATE_COMMIT").ok().or_else(commit).unwrap_or("unknown".into());
    let target = env::var("TARGET").unwrap_or("unknown".into());
    let version = env::var("CARGO_PKG_VERSION").unwrap_or_default();
    println!("cargo::rustc-env=STOCKGATE_VERSION={version} ({commit}, {target})");
    // For scripts/chain-cost. Such a program says so in its version.
    if commit == "unchained" {
        println!("cargo::rustc-cfg=stockgate_unchained");
    }
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

/// Compresses the files of the pages, each into a file of its name. Comments, indentation, blanks and
/// long names are for those who read the source, which runs as it is.
fn compress_pages() -> io::Result<()> {
    for page in PAGES {
        for file in files_in(page)? {
            let name = file.file_name().unwrap_or_default();
            let kind = file.extension().unwrap_or_default().to_string_lossy();
            let mut text = without_blanks(&without_comments(&fs::read_to_string(&file)?), &kind);
            if kind == "js" {
                text = with_short_names(&text);
            }
            compress(Path::new(name), text.as_bytes())?;
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

/// A script, style or JSON without the blanks beside signs and the ends of lines after them, which
/// mean nothing there, and without comments within lines. What is in quotes stays as it is.
fn without_blanks(text: &str, kind: &str) -> String {
    let (before, after) = match kind {
        "js" => ("{}()[];,=<>?:&|!*+-%", "{}()[];,=<>?:&|!*+-%"),
        // A selector may begin with a colon.
        "css" => ("{};,", "{};,:"),
        "json" => ("", ":,"),
        _ => return text.into(),
    };
    let mut kept = String::new();
    // The braces and the templates that are open.
    let mut open = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let is_template = open.last() == Some(&'`');
        let (token, more) = rest.split_at(token_length(rest, &kept, &mut open));
        let follows = kept.ends_with(|last| after.contains(last));
        let precedes = more.starts_with(|next| before.contains(next));
        // Two signs would be another one.
        let are_signs =
            ['+', '-'].into_iter().any(|sign| kept.ends_with(sign) && more.starts_with(sign));
        let is_blank = token == " " && (follows || precedes) && !are_signs;
        // The end of a line may end a statement after any other sign.
        let is_end = token == "\n" && kept.ends_with(['{', '(', '[', ',', ';']);
        if is_template || !(is_blank || is_end || token.starts_with("/*")) {
            kept += token;
        }
        rest = more;
    }
    kept
}

/// A script with short names for what only it can name: the private members of its classes, and its
/// constants in capitals.
fn with_short_names(text: &str) -> String {
    let constants = constants_of(text);
    let mut members = Vec::new();
    let mut kept = String::new();
    let mut open = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let is_code = open.last() != Some(&'`') && !kept.ends_with(is_of_name);
        // A second # begins another name.
        let ends = |(at, each): (usize, char)| !is_of_name(each) || (each == '#' && at > 0);
        let end = rest.char_indices().find(|&each| ends(each)).map_or(rest.len(), |(at, _)| at);
        let name = &rest[..if is_code { end } else { 0 }];
        if name.starts_with('#') && name.len() > 1 {
            let at = members.iter().position(|each| *each == name).unwrap_or(members.len());
            members.resize(members.len().max(at + 1), name);
            kept += &format!("#{}", short_name(at));
            rest = &rest[end..];
        } else if let Some(at) = constants.iter().position(|each| *each == name) {
            kept += &format!("${}", short_name(at));
            rest = &rest[end..];
        } else {
            let length = name.len().max(token_length(rest, &kept, &mut open));
            kept += &rest[..length];
            rest = &rest[length..];
        }
    }
    kept
}

fn is_of_name(character: char) -> bool {
    character.is_ascii_alphanumeric() || "_$#".contains(character)
}

/// The constants in capitals that a script exports to no other one, and that it uses as nothing else.
fn constants_of(text: &str) -> Vec<&str> {
    let is_capital = |each: char| each.is_ascii_uppercase() || each.is_ascii_digit() || each == '_';
    let mut found = Vec::new();
    for (at, declared) in text.match_indices("const ") {
        let rest = &text[at + declared.len()..];
        let (name, rest) = rest.split_at(rest.find(|each| !is_capital(each)).unwrap_or(0));
        let is_own = rest.starts_with('=') && !text[..at].ends_with("export ");
        let is_other = |(before, after)| text.contains(&format!("{before}{name}{after}"));
        let others = [("{", ":"), (",", ":"), ("{", ","), ("{", "}"), (".", "")];
        if name.len() > 2 && is_own && !others.into_iter().any(is_other) {
            found.push(name);
        }
    }
    found
}

/// `a` to `z`, then names of two letters.
fn short_name(at: usize) -> String {
    let letter = |at: usize| char::from(b'a' + u8::try_from(at % 26).unwrap_or_default());
    if at < 26 { letter(at).into() } else { format!("{}{}", letter(at / 26 - 1), letter(at)) }
}

/// How long the token is with which a text begins: a text in quotes, a pattern, a comment or one
/// character.
fn token_length(text: &str, before: &str, open: &mut Vec<char>) -> usize {
    let first = text.chars().next().unwrap_or_default();
    let begins_value = |last: char| "(,=:[!&|?{};>\n".contains(last);
    match first {
        '\\' => 1 + text[1..].chars().next().map_or(0, char::len_utf8),
        '$' if open.last() == Some(&'`') && text.starts_with("${") => {
            open.push('{');
            2
        }
        '`' if open.last() == Some(&'`') => {
            open.pop();
            1
        }
        _ if open.last() == Some(&'`') => first.len_utf8(),
        '{' | '`' => {
            open.push(first);
            1
        }
        '}' => {
            open.pop();
            1
        }
        '/' if text.starts_with("/*") => text.find("*/").map_or(text.len(), |end| end + 2),
        '/' if before.trim_end_matches(' ').ends_with(begins_value) => quoted_length(text, '/'),
        '"' | '\'' => quoted_length(text, first),
        _ => first.len_utf8(),
    }
}

/// How long a text in quotes is, or a pattern, in which a set may have the quote.
fn quoted_length(text: &str, quote: char) -> usize {
    let (mut is_escaped, mut is_set) = (false, false);
    let end = text.char_indices().skip(1).find(|&(_, each)| {
        let was_escaped = is_escaped;
        is_escaped = each == '\\' && !was_escaped;
        if !was_escaped && quote == '/' {
            is_set = each == '[' || (is_set && each != ']');
        }
        each == quote && !was_escaped && !is_set
    });
    end.map_or(text.len(), |(at, _)| at + 1)
}

/// Compresses manual pages and completions, those of a program into one file. Each has its name as
/// the first line, and ends with a zero.
fn compress_manuals() -> io::Result<()> {
    let mut texts = PROGRAMS.map(|_| String::new());
    for file in MANUAL.into_iter().map(files_in).collect::<io::Result<Vec<_>>>()?.concat() {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let of_hub = name.trim_start_matches('_').starts_with(PROGRAMS[1]);
        texts[usize::from(of_hub)] += &format!("{name}\n{}\0", fs::read_to_string(&file)?);
    }
    let compressed = PROGRAMS
        .iter()
        .zip(texts)
        .map(|(program, text)| compress(Path::new(&format!("{program}.manual")), text.as_bytes()));
    compressed.collect()
}

/// The files in a directory, in order.
fn files_in(directory: &str) -> io::Result<Vec<PathBuf>> {
    println!("cargo::rerun-if-changed={directory}");
    let entries = fs::read_dir(directory)?;
    let mut files = entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    files.sort();
    for file in &files {
        println!("cargo::rerun-if-changed={}", file.display());
    }
    Ok(files)
}

/// Writes a compressed file, with `.gz` after its name.
fn compress(name: &Path, bytes: &[u8]) -> io::Result<()> {
    let made = env::var_os("OUT_DIR").ok_or(io::ErrorKind::NotFound)?;
    let file = fs::File::create(Path::new(&made).join(name).with_added_extension("gz"))?;
    zopfli::compress(zopfli::Options::default(), zopfli::Format::Gzip, bytes, file)
}

/// The commit that is checked out, if there is a repository.
fn commit() -> Option<String> {
    let output = Command::new("git").args(["rev-parse", "--short=12", "HEAD"]).output().ok()?;
    let commit = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| commit.trim().to_owned())
}

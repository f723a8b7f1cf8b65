//! docs/man and docs/completions are what the command lines say. With `STOCKGATE_WRITE_MANUAL=1`
//! the test writes them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{env, fs};

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::manual::{completions, pages, shipped};

#[test]
fn manual_pages_and_completions_are_those_of_the_command_lines() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let made = [super::Arguments::command(), super::hub::Arguments::command()]
        .into_iter()
        .flat_map(documents)
        .collect::<BTreeMap<_, _>>();

    if env::var_os("STOCKGATE_WRITE_MANUAL").is_some() {
        write(&directory, &made);
    }

    let there = files(&directory);
    assert_eq!(there.keys().collect::<Vec<_>>(), made.keys().collect::<Vec<_>>(), "{HOW}");
    for (name, text) in &made {
        assert!(there[name] == *text, "{} is out of date; {HOW}", name.display());
    }
}

const HOW: &str =
    "STOCKGATE_WRITE_MANUAL=1 cargo test --lib manual writes docs/man and docs/completions";
const FOLDERS: [&str; 2] = ["man", "completions"];

fn documents(program: clap::Command) -> BTreeMap<PathBuf, String> {
    let program = shipped(program);
    let name = program.get_name();
    let shells = [
        (Shell::Bash, format!("{name}.bash")),
        (Shell::Zsh, format!("_{name}")),
        (Shell::Fish, format!("{name}.fish")),
    ];
    let completions = shells
        .map(|(shell, file)| (Path::new("completions").join(file), completions(&program, shell)));
    let pages = pages(&program).into_iter();
    pages.map(|(name, text)| (Path::new("man").join(name), text)).chain(completions).collect()
}

fn write(documents: &Path, made: &BTreeMap<PathBuf, String>) {
    for folder in FOLDERS {
        let _ = fs::remove_dir_all(documents.join(folder));
        fs::create_dir(documents.join(folder)).unwrap();
    }
    for (name, text) in made {
        fs::write(documents.join(name), text).unwrap();
    }
}

fn files(documents: &Path) -> BTreeMap<PathBuf, String> {
    let names = FOLDERS.into_iter().flat_map(|folder| {
        let there = fs::read_dir(documents.join(folder)).into_iter().flatten();
        there.map(move |entry| Path::new(folder).join(entry.unwrap().file_name()))
    });
    names.map(|name| (name.clone(), fs::read_to_string(documents.join(name)).unwrap())).collect()
}

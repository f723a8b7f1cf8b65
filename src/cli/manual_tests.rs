//! docs/man and docs/completions are what the command lines say. The programs print them. With `STOCKGATE_WRITE_MANUAL=1`
//! the test writes them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{env, fs};

use clap::{Command, CommandFactory as _};
use clap_complete::{Shell, generate};
use clap_mangen::Man;

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

fn documents(program: Command) -> BTreeMap<PathBuf, String> {
    let program = shipped(program);
    let name = program.get_name();
    let shells = [
        (Shell::Bash, format!("{name}.bash")),
        (Shell::Elvish, format!("{name}.elv")),
        (Shell::Fish, format!("{name}.fish")),
        (Shell::PowerShell, format!("_{name}.ps1")),
        (Shell::Zsh, format!("_{name}")),
    ];
    let completions = shells
        .map(|(shell, file)| (Path::new("completions").join(file), completions(&program, shell)));
    let pages = pages(&program).into_iter();
    pages.map(|(name, text)| (Path::new("man").join(name), text)).chain(completions).collect()
}

/// A program as it ships: without the demo, and with its version alone.
fn shipped(program: Command) -> Command {
    let name = leaked(program.get_name().to_owned());
    let about = program.get_about().cloned().unwrap_or_default();
    let commands = program.get_subcommands().filter(|command| command.get_name() != "demo");
    let mut shipped = Command::new(name)
        .about(about)
        .version(env!("CARGO_PKG_VERSION"))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .disable_help_subcommand(true)
        .subcommands(commands.cloned());
    shipped.build();
    shipped
}

/// Clap's names live as long as the program.
fn leaked(name: String) -> &'static str {
    Box::leak(name.into_boxed_str())
}

/// The pages of a program and of its commands, each with the name of its file.
fn pages(program: &Command) -> Vec<(String, String)> {
    let of_commands = program.get_subcommands().map(|command| {
        let name = leaked(format!("{}-{}", program.get_name(), command.get_name()));
        command.clone().name(name).version(env!("CARGO_PKG_VERSION"))
    });
    of_commands.chain([program.clone()]).map(page).collect()
}

fn page(command: Command) -> (String, String) {
    let name = format!("{}.1", command.get_name());
    let mut text = Vec::new();
    Man::new(command).render(&mut text).unwrap();
    (name, with_examples(&String::from_utf8(text).unwrap()))
}

/// The examples under a heading of their own, with their lines as they are.
fn with_examples(page: &str) -> String {
    match page.split_once(".SH EXTRA\nExamples:\n") {
        Some((before, after)) => {
            let after = after.replace(".SH VERSION", ".fi\n.SH VERSION");
            format!("{before}.SH EXAMPLES\n.nf\n{after}")
        }
        None => page.to_owned(),
    }
}

/// The completions of a program for a shell.
fn completions(program: &Command, shell: Shell) -> String {
    let mut text = Vec::new();
    generate(shell, &mut program.clone(), program.get_name().to_owned(), &mut text);
    String::from_utf8(text).unwrap()
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

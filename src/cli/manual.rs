//! The manual pages and completions of a program, made from its command line.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Command;
use clap_complete::{Shell, generate};
use clap_mangen::Man;

use super::say_text;

/// What to print.
#[derive(Debug, clap::Args)]
pub(super) struct ManArguments {
    /// The command whose page to print; by default the program's own
    command: Option<String>,
    /// Write all pages into this directory instead of printing one
    #[arg(long, conflicts_with = "command")]
    to: Option<PathBuf>,
}

/// Prints the completions for a shell.
pub(super) fn print_completions(program: Command, shell: Shell) {
    say_text(&completions(&shipped(program), shell));
}

/// Prints a page, or writes all.
pub(super) fn print_pages(program: Command, arguments: &ManArguments) -> anyhow::Result<()> {
    let program = shipped(program);
    let mut pages = pages(&program);
    if let Some(directory) = &arguments.to {
        return write(directory, &pages);
    }
    let wanted = match &arguments.command {
        Some(command) => format!("{}-{command}.1", program.get_name()),
        None => format!("{}.1", program.get_name()),
    };
    let place = pages.iter().position(|(name, _)| *name == wanted);
    let place = place.with_context(|| {
        let command = arguments.command.as_deref().unwrap_or_default();
        format!("there is no command {command:?}; --help lists them")
    })?;
    say_text(&pages.swap_remove(place).1);
    Ok(())
}

fn write(directory: &Path, pages: &[(String, String)]) -> anyhow::Result<()> {
    for (name, text) in pages {
        let file = directory.join(name);
        std::fs::write(&file, text)
            .with_context(|| format!("{} cannot be written", file.display()))?;
    }
    Ok(())
}

/// A program as it ships: without the demo, and with its version alone.
pub(super) fn shipped(program: Command) -> Command {
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
pub(super) fn pages(program: &Command) -> Vec<(String, String)> {
    let of_commands = program.get_subcommands().map(|command| {
        let name = leaked(format!("{}-{}", program.get_name(), command.get_name()));
        command.clone().name(name).version(env!("CARGO_PKG_VERSION"))
    });
    of_commands.chain([program.clone()]).map(page).collect()
}

fn page(command: Command) -> (String, String) {
    let name = format!("{}.1", command.get_name());
    let mut text = Vec::new();
    Man::new(command).render(&mut text).expect("memory can be written");
    (name, with_examples(&String::from_utf8_lossy(&text)))
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
pub(super) fn completions(program: &Command, shell: Shell) -> String {
    let mut text = Vec::new();
    generate(shell, &mut program.clone(), program.get_name().to_owned(), &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

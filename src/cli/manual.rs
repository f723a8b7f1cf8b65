//! The manual pages and completions of a program: those of docs/man and docs/completions, which the
//! build script has packed. A test makes these from the command lines.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::ValueEnum;
use flate2::read::GzDecoder;

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

/// A shell with completions.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Shell {
    Bash,
    Elvish,
    Fish,
    Powershell,
    Zsh,
}

impl Shell {
    /// The name of the file with a program's completions.
    fn file(self, program: &str) -> String {
        match self {
            Self::Bash => format!("{program}.bash"),
            Self::Elvish => format!("{program}.elv"),
            Self::Fish => format!("{program}.fish"),
            Self::Powershell => format!("_{program}.ps1"),
            Self::Zsh => format!("_{program}"),
        }
    }
}

/// The pages and completions of a program.
pub(super) struct Manual {
    program: &'static str,
    /// Every file: its name, the end of the line, its text, and a zero.
    files: String,
}

impl Manual {
    pub(super) fn of_gateway() -> Self {
        Self::unpacked(
            "stockgate",
            include_bytes!(concat!(env!("OUT_DIR"), "/stockgate.manual.gz")),
        )
    }

    #[cfg(feature = "hub")]
    pub(super) fn of_hub() -> Self {
        let packed = include_bytes!(concat!(env!("OUT_DIR"), "/stockgate-hub.manual.gz"));
        Self::unpacked("stockgate-hub", packed)
    }

    fn unpacked(program: &'static str, packed: &[u8]) -> Self {
        let mut files = String::new();
        GzDecoder::new(packed).read_to_string(&mut files).expect("the build packed texts");
        Self { program, files }
    }

    /// Prints the completions for a shell.
    pub(super) fn print_completions(&self, shell: Shell) -> anyhow::Result<()> {
        let name = shell.file(self.program);
        say_text(self.file(&name).with_context(|| format!("there are no completions {name}"))?);
        Ok(())
    }

    /// Prints a page, or writes all.
    pub(super) fn print_pages(&self, arguments: &ManArguments) -> anyhow::Result<()> {
        if let Some(directory) = &arguments.to {
            return self.write_pages(directory);
        }
        let wanted = match &arguments.command {
            Some(command) => format!("{}-{command}.1", self.program),
            None => format!("{}.1", self.program),
        };
        let page = self.file(&wanted).with_context(|| {
            let command = arguments.command.as_deref().unwrap_or_default();
            format!("there is no command {command:?}; --help lists them")
        })?;
        say_text(page);
        Ok(())
    }

    fn write_pages(&self, directory: &Path) -> anyhow::Result<()> {
        for (name, text) in self.files().filter(|(name, _)| name.ends_with(".1")) {
            let file = directory.join(name);
            std::fs::write(&file, text)
                .with_context(|| format!("{} cannot be written", file.display()))?;
        }
        Ok(())
    }

    fn file(&self, name: &str) -> Option<&str> {
        self.files().find(|file| file.0 == name).map(|file| file.1)
    }

    /// Names and texts.
    fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.split_terminator('\0').filter_map(|file| file.split_once('\n'))
    }
}

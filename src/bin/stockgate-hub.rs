//! The hub and its command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    stockgate::cli::hub::main()
}

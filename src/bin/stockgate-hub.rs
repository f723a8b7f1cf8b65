//! The hub and its command line.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// One thread allocates what another frees, for each request: musl's allocator, which has one lock, halves
/// the rate of sales.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    stockgate::cli::hub::main()
}

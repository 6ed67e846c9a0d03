//! The binary: arguments → configuration → logger → run.

use std::process::ExitCode;

use lockstep::{cli, config::Environment};

/// Most of what a request takes is freed by another thread, and more than glibc's keeps at hand (docs/decisions/0022).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::run(std::env::args_os(), &Environment::of_process())
}

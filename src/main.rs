//! The binary: arguments → configuration → logger → run.

use std::process::ExitCode;

use lockstep::{cli, config::Environment};

fn main() -> ExitCode {
    cli::run(std::env::args_os(), &Environment::of_process())
}

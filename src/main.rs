//! The binary: arguments → configuration → logger → run.

use std::process::ExitCode;

use lockstep::{cli, config::Environment};

/// A request takes pieces that are larger than what glibc keeps at hand for a thread (docs/decisions/0022).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Where the kernel gives huge pages unasked, each thread's first block would take 2 MB. Refused, it runs all the same.
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::disable_transparent_huge_pages(true);
    cli::run(std::env::args_os(), &Environment::of_process())
}

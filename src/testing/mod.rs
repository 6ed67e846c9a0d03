//! Owns the test kit for programs that use this library: a queue of its own, a clock that stands still, and questions to
//! both. Must not know: any concrete job type, or how jobs are run.
#![doc = ""]
#![doc = include_str!("../../docs/TESTING-YOUR-JOBS.md")]

mod folder;
mod queue;

pub use queue::{TestError, TestJob, TestQueue};

//! Owns running jobs: claim → run → settle, the contract of a processor, backoff, and who runs what.
//! Must not know: any concrete job type, HTTP, or SQL.
//!
//! ```text
//! Runner::start ─┬─ control      one task that owns all state: claims, starts runs, stops
//!                │    ├─ leases  heartbeats; a lost lease stops its run
//!                │    ├─ run     one run on the processors' runtime: deadline, panic, stop, reports
//!                │    └─ settle  outcomes to the store, in batches, until it has answered
//!                └─ maintenance  promotes due jobs, ticks schedules, takes back lost jobs, statistics
//! ```

mod backoff;
mod control;
mod due;
mod enqueue;
mod held;
mod leases;
mod maintenance;
mod mask;
mod options;
mod outcome;
mod payload;
mod processor;
mod registry;
mod remote;
mod reports;
mod run;
mod runner;
pub mod schedule;
mod settle;
mod ticks;
mod upcasters;
mod wait;

pub use backoff::delay;
pub use enqueue::new_job;
pub use mask::{MASKED, mask};
pub use options::{EnqueueOptions, MAX_AFTER, MAX_METADATA_BYTES, MAX_TAG_CHARS, MAX_TAGS};
pub use outcome::MAX_ERROR_CHARS;
pub use processor::{JobContext, JobError, JobType, Processor};
pub use registry::{MAX_RESULT_BYTES, Registry};
pub use remote::{RunReport, settlement_of};
pub use reports::{MAX_CHECKPOINT_BYTES, MAX_LINE_CHARS, MAX_LOG_LINES};
pub use runner::{Runner, RunnerConfig, RunnerHandle};
pub use upcasters::{Refusal, Upcast, UpcasterError, Upcasters};

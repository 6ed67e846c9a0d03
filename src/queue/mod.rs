//! Owns running jobs: claim → run → settle, the contract of a processor, backoff, and who runs what.
//! Must not know: any concrete job type, HTTP, or SQL.

mod processor;

pub use processor::{JobContext, JobError, JobType, Processor};

//! Owns running jobs: claim → run → settle, the contract of a processor, backoff, and who runs what.
//! Must not know: any concrete job type, HTTP, or SQL.

mod enqueue;
mod mask;
mod payload;
mod processor;
mod registry;

pub use enqueue::{EnqueueOptions, new_job};
pub use mask::{MASKED, mask};
pub use processor::{JobContext, JobError, JobType, Processor};
pub use registry::{MAX_RESULT_BYTES, Registry};

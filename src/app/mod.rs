//! Owns starting and stopping: the one way to run a server, a worker, or both; used by main and by the tests.
//! Must not know: SQL, what a job does, or how HTTP is spoken.
//!
//! ```text
//! store (migrates) → runner → reconciler → api → ready
//! stop: not ready → take no more jobs, drain → close connections → reconciler → store
//! ```

mod error;
mod running;
mod signals;
mod start;

pub use error::StartError;
pub use running::Running;
pub use signals::{Signals, survive_file_size_limit};
pub use start::{Role, start, start_at};

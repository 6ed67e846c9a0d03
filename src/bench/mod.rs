//! Owns measuring: what the store does per second, beside the limit of its engine, on small and on large tables.
//! Must not know: SQL, the command line, or how figures are shown.
//!
//! ```text
//! plan → folder (space?) → for each table size: fill, copy → ours, limit
//!      → for each workload, each run, each table: ours (plain, and with each feature), then the limit → figures → report
//! ```
//! Ours and the limit take turns run by run, and so do the table sizes: a ratio is of one time, whatever else the
//! machine does meanwhile. A report is whole, or there is none.

mod child;
mod error;
mod feature;
mod figures;
mod folder;
mod http;
mod limit;
mod load;
mod machine;
mod measure;
mod memory;
mod ours;
mod pickup;
mod plan;
mod table;
mod tasks;
mod worker;
mod workload;

pub use child::run as run_child;
pub use error::BenchError;
pub use feature::Feature;
pub use figures::{Figure, HttpLine, Latency, Line, MemoryLine, PickupLine, Ratio, Report};
pub use folder::Folder;
pub use machine::Machine;
pub use measure::run;
pub use plan::{Plan, Settings};
pub use workload::Workload;

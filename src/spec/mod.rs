//! Owns questions about OpenAPI documents: what changed between two, and whether it breaks callers.
//! Must not know: how a document is generated from or served.
//!
//! Own rules judge first, because they know the directions (request, response) and what generated clients refuse.
//! The `drift` crate is asked as well; what it finds where the rules saw nothing is added in its own words.

mod blessed;
mod bounds;
mod change;
mod diff;
mod drifted;
mod findings;
// The build script compiles these too: both must make the same fingerprint of the same schema.
#[path = "../codegen/fingerprint.rs"]
mod fingerprint;
mod job_types;
mod operation;
mod read;
#[path = "../codegen/reference.rs"]
mod reference;
mod schema;

pub use blessed::blessed;
pub use change::{Change, Class, SpecDiff, Verdict, verdict};
pub use diff::diff;
pub use fingerprint::fingerprint;
pub use job_types::{DeclaredJob, job_types};
pub use read::{ReadError, parse, read};

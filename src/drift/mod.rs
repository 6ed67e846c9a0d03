//! Owns the question which stored jobs a contract could not read: their payloads against the schemas that it declares,
//! through the upcasters. Must not know: HTTP, the command line, or SQL.

mod examine;
mod reader;
mod report;

pub use reader::{Reader, ReaderError};
pub use report::{Drift, MOST_EXAMPLES, TypeDrift};

//! Owns why nothing was measured.
//! Must not know: exit codes.

use std::error::Error;

use crate::store::StoreError;

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// Not as it was asked for, here. A whole sentence.
    #[error("{0}")]
    CannotRun(String),
    #[error("the bench broke off: the database failed")]
    Store(#[from] StoreError),
    /// Something beside the database failed.
    #[error("the bench broke off: {0}")]
    Broke(&'static str, #[source] Box<dyn Error + Send + Sync>),
    /// What was measured is not what was meant to be: the figures would be worthless.
    #[error("the bench broke off: {0}")]
    Wrong(String),
}

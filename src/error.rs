//! Owns the service's error: what can go wrong between a handler and the store, in the domain's words.
//! Must not know: HTTP status codes (api/error.rs) or exit codes (cli).

use crate::{model::Fault, store::StoreError};

/// Why the service did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The input breaks the contract; every fault that was found.
    #[error("the input breaks the contract")]
    Invalid(Vec<Fault>),
    /// The store refused or could not be reached.
    #[error("the store refused")]
    Store(#[from] StoreError),
}

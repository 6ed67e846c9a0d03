//! Owns every status code that an error of the domain becomes. The only place.
//! Must not know: operations.

use std::error::Error as StdError;

use super::reply::{Failure, invalid};
use crate::{
    contract::{types::ErrorCode, wire::WireError},
    error::Error,
    store::StoreError,
};

const INTERNAL: &str = "the server failed; its log has it under the request_id";

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Invalid(faults) => invalid(faults),
            Error::Store(error) => error.into(),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::NotFound => not_found(),
            StoreError::EmailTaken => Self::new(
                409,
                ErrorCode::EmailTaken,
                "another user has this e-mail address",
            ),
            StoreError::VersionMismatch => Self::new(
                412,
                ErrorCode::PreconditionFailed,
                "it has changed since: fetch it again",
            ),
            StoreError::JobEnded => Self::new(409, ErrorCode::JobEnded, "the job has ended"),
            StoreError::JobNotRetryable => Self::new(
                409,
                ErrorCode::JobNotRetryable,
                "only a failed or cancelled job can be retried",
            ),
            StoreError::JobProcessing => Self::new(
                409,
                ErrorCode::JobProcessing,
                "a worker has the job: cancel it first",
            ),
            StoreError::Unavailable { .. } => Self::new(
                503,
                ErrorCode::Unavailable,
                "the database is unavailable: try again",
            )
            .header("retry-after", "1")
            .because(chain(&error)),
            StoreError::Unusable { .. } | StoreError::Internal(_) => {
                Self::new(500, ErrorCode::Internal, INTERNAL).because(chain(&error))
            }
        }
    }
}

/// A stored row does not fit the contract.
impl From<WireError> for Failure {
    fn from(error: WireError) -> Self {
        Self::new(500, ErrorCode::Internal, INTERNAL).because(chain(&error))
    }
}

pub(super) fn not_found() -> Failure {
    Failure::new(404, ErrorCode::NotFound, "there is no such thing")
}

/// An error and its causes, each once.
pub(super) fn chain(error: &dyn StdError) -> String {
    let mut chain = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        chain.push_str(": ");
        chain.push_str(&error.to_string());
        cause = error.source();
    }
    chain
}

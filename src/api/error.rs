//! Owns every status code that a failure becomes. The only place.
//! Must not know: operations.

use std::{error::Error as StdError, time::Duration};

use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};

use super::reply::Failure;
use crate::{
    contract::{types::ErrorCode, wire::WireError},
    error::Error,
    model::Fault,
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
            StoreError::DuplicateJob { id } => {
                let message = match id {
                    0 => "a job that is deleted since has the same unique key".to_owned(),
                    id => format!("job {id} has the same unique key"),
                };
                Self::new(409, ErrorCode::DuplicateJob, message)
            }
            StoreError::QueueFull { .. } => {
                Self::new(429, ErrorCode::QueueFull, error.to_string()).header(RETRY_AFTER, "5")
            }
            StoreError::Refused { field, message } => {
                invalid(vec![Fault::new(format!("/body/{field}"), message.clone())])
            }
            StoreError::ItemRefused { index, reason } => item(*index, reason),
            StoreError::NameTaken => Self::new(409, ErrorCode::NameTaken, "the name is taken"),
            StoreError::IdempotencyKeyReused => Self::new(
                422,
                ErrorCode::IdempotencyKeyReused,
                "the Idempotency-Key belongs to another request: take a new one",
            ),
            StoreError::StaleLease => Self::new(
                412,
                ErrorCode::StaleLease,
                "the lease is not the job's any more: nothing was changed",
            ),
            StoreError::Unavailable { .. } => Self::new(
                503,
                ErrorCode::Unavailable,
                "the database is unavailable: try again",
            )
            .header(RETRY_AFTER, "1")
            .because(chain(&error)),
            StoreError::Unusable { .. } | StoreError::Internal(_) => {
                Self::new(500, ErrorCode::Internal, INTERNAL).because(chain(&error))
            }
        }
    }
}

/// One of many was refused, and all or none was asked for.
pub(super) fn item(index: usize, reason: &StoreError) -> Failure {
    item_of("/body/items", index, reason)
}

/// The same in the list that stands at `list`.
pub(super) fn item_of(list: &str, index: usize, reason: &StoreError) -> Failure {
    match reason {
        StoreError::Refused { field, message } => invalid(vec![Fault::new(
            format!("{list}/{index}/{field}"),
            message.clone(),
        )]),
        StoreError::DuplicateJob { .. } => {
            let faults = vec![Fault::new(format!("{list}/{index}"), reason.to_string())];
            let message = format!("item {index}: {reason}");
            Failure {
                faults,
                ..Failure::new(409, ErrorCode::DuplicateJob, message)
            }
        }
        StoreError::QueueFull { .. } => {
            let message = format!("item {index}: {reason}");
            Failure::new(429, ErrorCode::QueueFull, message).header(RETRY_AFTER, "5")
        }
        reason => Failure::new(500, ErrorCode::Internal, INTERNAL).because(chain(reason)),
    }
}

/// A stored row does not fit the contract.
impl From<WireError> for Failure {
    fn from(error: WireError) -> Self {
        Self::new(500, ErrorCode::Internal, INTERNAL).because(chain(&error))
    }
}

/// The request breaks the contract: the first fault stands for all.
pub(super) fn invalid(faults: Vec<Fault>) -> Failure {
    let message = match faults.as_slice() {
        [] => "the request breaks the contract".to_owned(),
        [only] => only.message.clone(),
        [first, rest @ ..] => format!("{} (and {} more, see errors)", first.message, rest.len()),
    };
    Failure {
        faults,
        ..Failure::new(400, ErrorCode::InvalidRequest, message)
    }
}

pub(super) fn unauthorized(message: &str) -> Failure {
    Failure::new(401, ErrorCode::Unauthorized, message).header(WWW_AUTHENTICATE, "Bearer")
}

/// `limit` in bytes.
pub(super) fn too_large(limit: usize) -> Failure {
    let message = format!("the body must be at most {limit} bytes long");
    Failure::new(413, ErrorCode::ContentTooLarge, message)
}

pub(super) fn encoded() -> Failure {
    let message = "Content-Encoding must be identity: send the body as it is";
    Failure::new(415, ErrorCode::UnsupportedMediaType, message)
}

/// `wait` is told in whole seconds, rounded up: that is what Retry-After can say.
pub(super) fn too_often(wait: Duration) -> Failure {
    let seconds = wait.as_millis().div_ceil(1000).max(1).to_string();
    let message = "too many requests: come back later";
    Failure::new(429, ErrorCode::RateLimited, message).header(RETRY_AFTER, seconds)
}

pub(super) fn in_progress() -> Failure {
    let message = "a request with this Idempotency-Key is being done: try again";
    Failure::new(409, ErrorCode::RequestInProgress, message).header(RETRY_AFTER, "1")
}

/// A stored answer cannot be read.
pub(super) fn unreadable() -> Failure {
    Failure::new(500, ErrorCode::Internal, INTERNAL)
        .because("a stored answer has no status".to_owned())
}

pub(super) fn panicked(text: &str) -> Failure {
    Failure::new(500, ErrorCode::Internal, INTERNAL).because(format!("it panicked: {text}"))
}

pub(super) fn stopping() -> Failure {
    Failure::new(503, ErrorCode::Unavailable, "the server is stopping").header(RETRY_AFTER, "5")
}

/// The health operation has a body of its own.
pub(super) fn unhealthy(what: &'static str, error: &StoreError) -> Failure {
    let body = serde_json::json!({ "status": "unhealthy", "error": what });
    Failure {
        body: Some(Box::new(body)),
        ..Failure::new(503, ErrorCode::Unavailable, what)
    }
    .header(RETRY_AFTER, "1")
    .because(chain(error))
}

pub(super) fn not_found() -> Failure {
    Failure::new(404, ErrorCode::NotFound, "there is no such thing")
}

/// An error and its causes, each once.
fn chain(error: &dyn StdError) -> String {
    let mut chain = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        chain.push_str(": ");
        chain.push_str(&error.to_string());
        cause = error.source();
    }
    chain
}

//! Owns why a command failed, in words and as an exit code.
//! Must not know: how commands work.

use std::{error::Error as StdError, fmt::Write as _, io};

use crate::{
    config::ConfigError,
    contract::{types, wire::WireError},
    model::Fault,
    store::StoreError,
};

/// Why a command failed. The exit codes are those of `sysexits.h` where that has one.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The command cannot be carried out as it was given.
    #[error("{0}")]
    Usage(String),
    #[error("the configuration cannot be used")]
    Config(#[from] ConfigError),
    /// What was asked for ran, and the answer is no.
    #[error("{0}")]
    No(String),
    #[error("not found: {0}")]
    NotFound(String),
    #[error("{0}")]
    Unauthorized(String),
    #[error("{0}")]
    Conflict(String),
    /// What was waited for has not come in time.
    #[error("{0}")]
    NotYet(String),
    #[error("{0}")]
    Unreachable(String),
    /// Worth another try.
    #[error("{0}")]
    Temporary(String),
    /// What the command stands on, such as the database file, cannot be used.
    #[error("{0}")]
    Unusable(String),
    #[error("{0}")]
    Io(String, #[source] io::Error),
    #[error("cannot write the output")]
    Output(#[source] io::Error),
    #[error("{0}")]
    Internal(
        &'static str,
        #[source] Box<dyn StdError + Send + Sync + 'static>,
    ),
}

impl Failure {
    /// What the process ends with.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::No(_) | Self::Internal(..) => 1,
            // What it stands on was named by the configuration.
            Self::Usage(_) | Self::Config(_) | Self::Unusable(_) => 2,
            Self::NotFound(_) => 3,
            Self::Unauthorized(_) => 4,
            Self::Conflict(_) => 5,
            Self::NotYet(_) => 6,
            Self::Unreachable(_) => 69,
            // Whoever read our output has seen enough, as with `| head`.
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => 0,
            Self::Io(..) | Self::Output(_) => 74,
            Self::Temporary(_) => 75,
        }
    }

    /// The whole sentence, causes included.
    pub fn text(&self) -> String {
        with_causes(self)
    }

    /// The input breaks the contract in these places.
    pub fn invalid(faults: &[Fault]) -> Self {
        let line = |fault: &Fault| format!("\n  {}: {}", fault.pointer, fault.message);
        let lines: String = faults.iter().map(line).collect();
        Self::Usage(format!("the input breaks the contract{lines}"))
    }

    /// What the store refused to do with `what`, such as `job 7`.
    pub fn of_store(error: StoreError, what: &str) -> Self {
        match error {
            StoreError::NotFound => Self::NotFound(what.to_owned()),
            StoreError::EmailTaken
            | StoreError::VersionMismatch
            | StoreError::JobEnded
            | StoreError::JobNotRetryable
            | StoreError::JobProcessing
            | StoreError::DuplicateJob { .. }
            | StoreError::NameTaken
            | StoreError::IdempotencyKeyReused
            | StoreError::StaleLease => Self::Conflict(format!("{what}: {error}")),
            StoreError::Refused { message, .. } => Self::Usage(message),
            StoreError::ItemRefused { index, reason } => {
                let message = format!("item {index}: {reason}");
                match *reason {
                    StoreError::DuplicateJob { .. } => Self::Conflict(message),
                    StoreError::QueueFull { .. } => Self::Temporary(message),
                    _ => Self::Usage(message),
                }
            }
            StoreError::QueueFull { .. } | StoreError::Unavailable { .. } => {
                Self::Temporary(with_causes(&error))
            }
            StoreError::Unusable { .. } => Self::Unusable(with_causes(&error)),
            error @ StoreError::Internal(_) => {
                Self::Internal("the database failed", Box::new(error))
            }
        }
    }

    /// What the server refused to do with `what`, such as `job 7`.
    pub fn of_server(error: lockstep_client::Error<types::Error>, what: &str) -> Self {
        use lockstep_client::Error;
        let Some(status) = error.status() else {
            return match error {
                Error::InvalidRequest(reason) => Self::Usage(reason),
                Error::CommunicationError(error) => Self::Unreachable(format!(
                    "the server cannot be reached: {}",
                    with_causes(&error)
                )),
                other => Self::Unreachable(format!(
                    "the answer is not that of a Lockstep server: {other}"
                )),
            };
        };
        let message = match error {
            Error::ErrorResponse(answer) => answered(&answer.into_inner()),
            _ => format!("the server answered {status}"),
        };
        match status.as_u16() {
            400 | 413 | 415 | 422 => Self::Usage(message),
            401 | 403 => Self::Unauthorized(message),
            404 => Self::NotFound(what.to_owned()),
            409 | 412 => Self::Conflict(format!("{what}: {message}")),
            429 | 503 => Self::Temporary(message),
            _ => Self::No(message),
        }
    }
}

impl From<WireError> for Failure {
    fn from(error: WireError) -> Self {
        Self::Internal("a stored row cannot be shown", Box::new(error))
    }
}

pub(super) fn with_causes(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        // Writing to a string cannot fail.
        let _ = write!(text, ": {error}");
        cause = error.source();
    }
    text
}

fn answered(error: &types::Error) -> String {
    let line = |fault: &types::Fault| format!("\n  {}: {}", *fault.pointer, *fault.message);
    let lines: String = error.errors.iter().map(line).collect();
    format!("{}{lines}", *error.message)
}

//! Owns what can go wrong in the store, in the domain's words.
//! Must not know: HTTP, or which engine it was.

/// The cause below a store's error.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no such row.
    #[error("no such row")]
    NotFound,
    /// Another user has the address, without regard to case.
    #[error("another user has the e-mail address")]
    EmailTaken,
    /// The row has another version than the caller expected.
    #[error("the row has changed since")]
    VersionMismatch,
    /// The job has ended.
    #[error("the job has ended")]
    JobEnded,
    /// Only failed and cancelled jobs can be retried.
    #[error("only a failed or cancelled job can be retried")]
    JobNotRetryable,
    /// A worker has the job.
    #[error("a worker has the job")]
    JobProcessing,
    /// Another job has the unique key. 0: a job that is deleted since.
    #[error("job {id} has the same unique key")]
    DuplicateJob { id: i64 },
    /// The queue holds as many waiting jobs as it may.
    #[error("the queue {queue} is full: {depth} jobs wait, at most {limit} may")]
    QueueFull {
        queue: String,
        depth: i64,
        limit: u64,
    },
    /// A value that only the stored rows make wrong: `field` is its name in the request.
    #[error("{message}")]
    Refused {
        field: &'static str,
        message: String,
    },
    /// One of many was refused, and all or none was asked for.
    #[error("item {index}: {reason}")]
    ItemRefused { index: usize, reason: Box<Self> },
    /// The name is taken.
    #[error("the name is taken")]
    NameTaken,
    /// An earlier request with the same idempotency key was another one.
    #[error("the idempotency key belongs to another request")]
    IdempotencyKeyReused,
    /// The lease is not the job's any more.
    #[error("the lease is not the job's any more")]
    StaleLease,
    /// The database cannot do it now: locked, full, read-only, overloaded, stopping. Worth another try.
    #[error("the database is unavailable: {reason}")]
    Unavailable {
        reason: &'static str,
        #[source]
        source: Option<Cause>,
    },
    /// The database cannot be used as it is: not a database, corrupt, newer than this program, foreign.
    /// The text is a whole sentence with the fix.
    #[error("{message}")]
    Unusable {
        message: String,
        #[source]
        source: Option<Cause>,
    },
    /// A fault of this program, such as a statement that the database does not understand.
    #[error("a database statement failed")]
    Internal(#[source] Cause),
}

impl StoreError {
    /// Whether the same call may succeed later.
    pub const fn retryable(&self) -> bool {
        match self {
            Self::Unavailable { .. } => true,
            Self::NotFound
            | Self::EmailTaken
            | Self::VersionMismatch
            | Self::JobEnded
            | Self::JobNotRetryable
            | Self::JobProcessing
            | Self::DuplicateJob { .. }
            | Self::QueueFull { .. }
            | Self::Refused { .. }
            | Self::ItemRefused { .. }
            | Self::NameTaken
            | Self::IdempotencyKeyReused
            | Self::StaleLease
            | Self::Unusable { .. }
            | Self::Internal(_) => false,
        }
    }

    /// Whether the server is away, for as long as a restart perhaps.
    pub(super) fn is_away(&self) -> bool {
        matches!(self, Self::Unavailable { reason, .. } if [LOST, STARTING, NOBODY].contains(reason))
    }

    /// For a list that is part of a longer one, whose items stand at `places` there: the item is named by its place there.
    #[must_use]
    pub fn in_place(self, places: &[usize]) -> Self {
        match self {
            Self::ItemRefused { index, reason } => Self::ItemRefused {
                index: places.get(index).copied().unwrap_or(index),
                reason,
            },
            error => error,
        }
    }

    pub(super) const fn unavailable(reason: &'static str) -> Self {
        Self::Unavailable {
            reason,
            source: None,
        }
    }

    pub(super) fn unusable(message: impl Into<String>) -> Self {
        Self::Unusable {
            message: message.into(),
            source: None,
        }
    }

    pub(super) fn internal(message: impl Into<String>) -> Self {
        Self::Internal(message.into().into())
    }
}

/// What SQLite says when it cannot now, and what that means.
const UNAVAILABLE: [(&str, &str); 7] = [
    ("database is locked", "another process holds its lock"),
    ("database table is locked", "another process holds its lock"),
    ("database or disk is full", "the disk is full"),
    ("attempt to write a readonly database", READ_ONLY),
    ("disk I/O error", "the disk fails"),
    ("unable to open database file", "its file cannot be opened"),
    // A full or failing disk takes the whole transaction back, and the savepoints of all its units with it.
    ("no such savepoint", "its transaction was broken off"),
];

impl StoreError {
    /// SQLite's own words decide: Diesel keeps no result code.
    pub(super) fn classify(text: &str, source: Cause) -> Self {
        if let Some((_, reason)) = UNAVAILABLE
            .into_iter()
            .find(|(words, _)| text.contains(words))
        {
            return Self::Unavailable {
                reason,
                source: Some(source),
            };
        }
        if text.contains("malformed") || text.contains("not a database") {
            return Self::Unusable {
                message: "the database file is corrupt: restore it from a backup".to_owned(),
                source: Some(source),
            };
        }
        Self::Internal(source)
    }
}

/// Another transaction was in the way: the same may work at once.
pub(super) const CONFLICT: &str = "another transaction was in the way";
/// What cannot be written to is told by.
pub(super) const READ_ONLY: &str = "it is read-only";
/// What a broken connection is told by.
pub(super) const LOST: &str = "its connection was lost";
/// What a server says, or nobody does, while it is restarted.
pub(super) const STARTING: &str = "it is starting up or shutting down";
pub(super) const NOBODY: &str = "nothing listens at its address";

/// What PostgreSQL says, in the words of its messages in English: Diesel keeps the code of a few errors only.
const POSTGRES: [(&str, &str); 14] = [
    ("deadlock detected", CONFLICT),
    ("could not serialize access", CONFLICT),
    ("due to lock timeout", "another process holds a lock"),
    ("due to statement timeout", "a statement took too long"),
    ("canceling statement", "a statement was cancelled"),
    ("too many clients already", "it has no connection to spare"),
    (
        "remaining connection slots",
        "it has no connection to spare",
    ),
    ("terminating connection", LOST),
    ("the database system is", LOST),
    ("connection closed", LOST),
    ("communicating with the server", LOST),
    ("idle-in-transaction timeout", LOST),
    ("No space left on device", "the disk is full"),
    ("could not extend file", "the disk is full"),
];

impl From<diesel::result::Error> for StoreError {
    fn from(error: diesel::result::Error) -> Self {
        use diesel::result::{DatabaseErrorKind as Kind, Error};
        let reason = match &error {
            Error::NotFound => return Self::NotFound,
            Error::DatabaseError(Kind::SerializationFailure, _) => CONFLICT,
            Error::DatabaseError(Kind::ReadOnlyTransaction, _) => READ_ONLY,
            Error::DatabaseError(Kind::UnableToSendCommand | Kind::ClosedConnection, _) => LOST,
            Error::DatabaseError(Kind::Unknown, said) => {
                let said = said.message();
                if said.contains("unsupported Unicode escape sequence") {
                    return Self::Refused {
                        field: "payload",
                        message: "payload must not have U+0000 in it".to_owned(),
                    };
                }
                if said.contains("invalid input syntax for type json") {
                    return Self::Refused {
                        field: "payload",
                        message: "payload must be JSON".to_owned(),
                    };
                }
                let known = POSTGRES.into_iter().find(|(words, _)| said.contains(words));
                match known {
                    Some((_, reason)) => reason,
                    None => return Self::classify(&error.to_string(), Box::new(error)),
                }
            }
            _ => return Self::classify(&error.to_string(), Box::new(error)),
        };
        Self::Unavailable {
            reason,
            source: Some(Box::new(error)),
        }
    }
}

//! Owns how a try ended that did not commit, and what errors say of that.
//! Must not know: what was tried.

use super::fate::Mark;
use crate::store::{
    StoreError,
    error::{CONFLICT, LOST},
};

/// How a try ended that did not commit.
pub(super) enum Miss {
    /// A unit asked to be alone.
    Alone,
    /// A unit failed: to be tried with a savepoint for each.
    Unit,
    /// What stands with another thread could not be asked here.
    Guest,
    /// The server refused a statement or the transaction.
    Refused(StoreError),
    /// The connection was lost before the commit was asked for.
    Lost(StoreError),
    /// The connection was lost while the commit was asked for. What the transaction is known by, if it wrote anything.
    Unknown(StoreError, Option<Mark>),
    /// The same, and nobody could tell what became of it.
    Untold(StoreError),
}

impl Miss {
    /// Of units that were run together: where one of them is the reason, only that one is to hear of it.
    pub(super) fn together(self) -> Self {
        match self {
            Self::Refused(error) if !is(&error, CONFLICT) => Self::Unit,
            miss => miss,
        }
    }

    /// Whether the transaction is still to be taken back.
    pub(super) fn is_open(&self) -> bool {
        !matches!(self, Self::Lost(_) | Self::Unknown(..) | Self::Untold(_))
    }
}

pub(super) fn is(error: &StoreError, which: &str) -> bool {
    matches!(error, StoreError::Unavailable { reason, .. } if *reason == which)
}

pub(super) fn no_connection() -> Miss {
    Miss::Lost(StoreError::unavailable(LOST))
}

/// What an error of a statement of our own means.
pub(super) fn missed(error: diesel::result::Error) -> Miss {
    refused(StoreError::from(error))
}

pub(super) fn refused(error: StoreError) -> Miss {
    if is(&error, LOST) {
        Miss::Lost(error)
    } else {
        Miss::Refused(error)
    }
}

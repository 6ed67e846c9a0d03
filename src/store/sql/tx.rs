//! Owns what a unit of work works with, inside the write transaction.
//! Must not know: how units are collected and committed.

use std::time::Instant;

use chrono::{DateTime, Utc};

use super::{Conn, controls::Controls, ledger::Ledger};
use crate::store::StoreError;

/// Which of an engine's writing connections a unit goes to, where it has several. A matter of speed: units that touch the
/// same rows share one, so that they do not wait for each other's commits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Lane {
    /// Claims: due jobs. Beside the settlements, so that the next jobs are claimed while the last ones are settled.
    Claims,
    /// Settlements, heartbeats: the rows that this process has leases on.
    Runs,
    /// New jobs.
    New,
    /// Everything else.
    Rest,
}

/// What a unit works with. A unit may be run again, from the start, in another transaction.
pub(in crate::store) struct Tx<'a> {
    pub(in crate::store) conn: &'a mut Conn,
    /// One moment for the whole commit.
    pub(in crate::store) now: DateTime<Utc>,
    /// Not later than `now`, by a clock that nobody sets.
    pub(in crate::store) began: Instant,
    pub(in crate::store) ledger: &'a mut Ledger,
    /// What operators ordered.
    pub(in crate::store) controls: &'a mut Controls,
    /// Set when workers should look again: a job became due, waits for its time, or was asked to stop.
    pub(in crate::store) wake: &'a mut bool,
    /// How the transaction stands to others.
    pub(in crate::store) turn: &'a mut Turn,
    /// Whether the unit has a savepoint of its own. At first none has: when one fails, the transaction is begun again, and
    /// then each has. So what seldom fails costs no savepoint.
    pub(in crate::store) careful: bool,
}

/// Whether others decide at the same time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::store) enum Turn {
    /// Others may be at it, too.
    #[default]
    Shared,
    /// A unit asked to be alone: the transaction is to be begun again, alone.
    Asked,
    /// Nobody else decides until the commit.
    Alone,
}

impl Tx<'_> {
    /// To be called before a decision that rests on what is read, where another transaction could decide on the same
    /// grounds. An error ends the unit, which is then run again, alone: return it.
    pub(in crate::store) fn alone(&mut self) -> Result<(), StoreError> {
        if *self.turn == Turn::Alone {
            return Ok(());
        }
        *self.turn = Turn::Asked;
        Err(StoreError::unavailable("others decide at the same time"))
    }
}

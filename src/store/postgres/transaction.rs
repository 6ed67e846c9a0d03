//! Owns one try of a transaction: how it begins, and that its units are run, together or each with a savepoint.
//! Must not know: when it is tried again, or how it ends.

use std::time::Instant;

use diesel::connection::SimpleConnection;

use super::{
    miss::{Miss, missed, refused},
    settings::Settings,
    sql::{
        fresh::store_together,
        standing::Standing,
        tx::{Turn, Tx},
        unit::Unit,
    },
};
use crate::store::{
    StoreError,
    error::{CONFLICT, LOST},
};

/// Alone, it fails only where every statement after it fails, too.
pub(super) const BEGIN: &str = "BEGIN";
/// How long a unit waits for a lock, in ms, when one of its batch has waited in vain.
const ONE_OF_MANY: u32 = 1_000;

/// How a transaction is tried.
#[derive(Clone, Copy)]
pub(super) struct Way {
    pub(super) turn: Turn,
    /// With a savepoint for each unit.
    pub(super) careful: bool,
    /// What stands with another thread may be asked, too.
    pub(super) visits: bool,
    /// When a lock that is not had ends the try.
    pub(super) deadline: Instant,
}

/// What begins a transaction, in one message.
pub(super) fn begin(settings: &Settings, way: Way) -> String {
    let mut begin = String::from(BEGIN);
    if let Some(pooled) = settings.transaction_sql() {
        begin.push(';');
        begin.push_str(&pooled);
    }
    if way.careful {
        // One of many may have waited in vain: the others are not to wait as long, one after the other.
        let patience = settings.lock_timeout.min(ONE_OF_MANY);
        begin.push_str("; SET LOCAL lock_timeout = ");
        begin.push_str(&patience.to_string());
    }
    if way.turn == Turn::Alone {
        begin.push_str("; SELECT id FROM turns WHERE id = 1 FOR UPDATE");
    }
    begin
}

/// Runs the units in the transaction that has begun. Last, what stands: jobs that the others brought are its own in the same
/// commit. A thread that it does not stand with asks it only for new jobs, and does without it where it would be in the way.
pub(super) fn work(
    tx: &mut Tx<'_>,
    batch: &mut [Box<dyn Unit>],
    standing: &mut Standing,
    Way {
        visits, deadline, ..
    }: Way,
) -> Result<(), Miss> {
    let together =
        !tx.careful && store_together(tx, batch).map_err(|error| refused(error).together())?;
    for unit in batch {
        if !(together && unit.fresh().is_some()) {
            run(tx, unit.as_mut(), deadline)?;
        }
    }
    let came = *tx.wake || !tx.ledger.is_empty();
    if !standing.is_guest() {
        for unit in standing.asked(came) {
            run(tx, unit.as_mut(), deadline)?;
        }
    } else if visits && *tx.wake {
        for unit in standing.borrowed() {
            run(tx, unit.as_mut(), deadline).map_err(|miss| match miss {
                Miss::Lost(error) => Miss::Lost(error),
                _ => Miss::Guest,
            })?;
        }
    }
    Ok(())
}

fn run(tx: &mut Tx<'_>, unit: &mut dyn Unit, deadline: Instant) -> Result<(), Miss> {
    if tx.careful {
        tx.conn.batch_execute("SAVEPOINT unit").map_err(missed)?;
    }
    let (mark, woken) = (tx.ledger.mark(), *tx.wake);
    tx.ledger.idle = false;
    let done = unit.run(tx);
    if *tx.turn == Turn::Asked {
        return Err(Miss::Alone);
    }
    if done {
        if tx.careful {
            tx.conn.batch_execute("RELEASE unit").map_err(missed)?;
        }
        return Ok(());
    }
    match unit.failure() {
        Some(StoreError::Unavailable { reason, .. }) if [LOST, CONFLICT].contains(reason) => {
            Err(refused(StoreError::unavailable(reason)))
        }
        _ if !tx.careful => Err(Miss::Unit),
        // Each has waited as long as it may: what is in the way is in everybody's.
        Some(StoreError::Unavailable { reason, .. }) if Instant::now() >= deadline => {
            Err(Miss::Refused(StoreError::unavailable(reason)))
        }
        _ => {
            tx.ledger.rewind(mark);
            tx.controls.forget();
            *tx.wake = woken;
            tx.conn
                .batch_execute("ROLLBACK TO unit; RELEASE unit")
                .map_err(missed)
        }
    }
}

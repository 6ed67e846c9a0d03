//! Owns what this process knows of the runs that it gave leases for, so that the usual end of a run, a completed job that
//! means nothing to others, needs no look at its row: the statement that ends it holds the fence.
//! Must not know: how a claim chooses jobs. What is not known here is looked up (settle.rs).

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use super::{dialect, time::micros, tx::Tx};
use crate::{
    model::{JobStatus, LeaseToken, Settled, Settlement},
    store::StoreError,
};

/// Runs that are remembered at most. Those of workers elsewhere may never end here.
const MOST: usize = 100_000;

/// A run of a job without ties.
#[derive(Debug, Clone)]
pub(in crate::store) struct Run {
    pub(in crate::store) token: i64,
    pub(in crate::store) queue: Arc<str>,
    pub(in crate::store) job_type: Arc<str>,
    pub(in crate::store) worker: Arc<str>,
    pub(in crate::store) attempt: i32,
    /// In microseconds.
    pub(in crate::store) started_at: i64,
}

/// The known ones, by job.
#[derive(Default)]
pub(in crate::store) struct Runs(Mutex<HashMap<i64, Run>>);

/// A run that is completed.
#[derive(Debug)]
pub(in crate::store) struct Completed {
    pub(in crate::store) id: i64,
    pub(in crate::store) run: Run,
    pub(in crate::store) result: Option<String>,
}

impl Runs {
    pub(in crate::store) fn begun(&self, runs: Vec<(i64, Run)>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() + runs.len() > MOST {
            known.clear();
        }
        known.extend(runs);
    }

    /// Takes what is said of known runs, if all of them completed; otherwise they are looked up, all of them.
    pub(in crate::store) fn completed(
        &self,
        settlements: &[(i64, LeaseToken, Settlement)],
    ) -> Option<Vec<Completed>> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let runs: Vec<_> = settlements
            .iter()
            .map(|(id, token, _)| known.remove(id).filter(|run| run.token == token.0))
            .collect();
        let each = settlements.iter().zip(runs);
        each.map(|((id, _, settlement), run)| match settlement {
            Settlement::Complete { result } => Some(Completed {
                id: *id,
                run: run?,
                result: result.clone(),
            }),
            _ => None,
        })
        .collect()
    }
}

/// Completes them all, or none with `StaleLease`: one of them is not what was known of it any more.
pub(in crate::store) fn complete(
    tx: &mut Tx<'_>,
    runs: &[Completed],
) -> Result<Vec<Settled>, StoreError> {
    let now = micros(tx.now);
    let ended = dialect::complete(tx, now, runs)?;
    if ended != runs.len() {
        return Err(StoreError::StaleLease);
    }
    for Completed { id, run, .. } in runs {
        let kind = (&*run.queue, &*run.job_type);
        let (from, to) = (JobStatus::Processing, JobStatus::Completed);
        tx.ledger.moved(*id, kind, Some(from), Some(to));
    }
    Ok(vec![Settled::Accepted(JobStatus::Completed); runs.len()])
}

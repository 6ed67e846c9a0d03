//! Owns units of work on their way to a writing thread and, with their outcome, back.
//! Must not know: what the units do, or how they are committed.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use tokio::sync::{mpsc, oneshot};

use super::{enqueue::insert, together::insert_many, tx::Tx};
use crate::{
    model::{Enqueued, NewJob},
    store::StoreError,
};

/// Units in one commit at most: bounds the wait of the first one.
pub(in crate::store) const BATCH: usize = 512;
/// Units that may wait for a writer. Beyond it, callers wait up to [`QUEUE_DEADLINE`] and then get `Unavailable`.
pub(in crate::store) const QUEUE: usize = 8_192;
/// Fewer new jobs are stored one by one.
const TOGETHER: usize = 2;
const QUEUE_DEADLINE: Duration = Duration::from_secs(2);

const STOPPED: StoreError = StoreError::unavailable("it is stopping");

/// A unit of work. It may be run several times: only the last run counts.
pub(in crate::store) trait Unit: Send {
    /// Does the work; a panic in it is contained. False when it failed and its changes must be taken back.
    fn run(&mut self, tx: &mut Tx<'_>) -> bool;
    /// Why the last run failed, if it did.
    #[allow(dead_code, reason = "SQLite's writer has no use for it")]
    fn failure(&self) -> Option<&StoreError>;
    /// The job that it stores, if that is all that it does: many such are stored by one statement.
    fn new_job(&self) -> Option<&NewJob> {
        None
    }
    /// How much waiting outweighs one step of that job's priority.
    fn ageing(&self) -> Option<Duration> {
        None
    }
    /// What became of the job, where it was stored with others.
    fn stored(&mut self, _enqueued: Enqueued) {}
    /// Answers the caller, after the commit: `failure` says why the commit failed.
    fn answer(self: Box<Self>, failure: Option<&Failure>);
}

/// Why a whole commit failed, for each of its units.
pub(in crate::store) type Failure = dyn Fn() -> StoreError;

struct Work<F, T> {
    run: F,
    /// Of the last run.
    outcome: Option<Result<T, StoreError>>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<F, T> Unit for Work<F, T>
where
    F: Fn(&mut Tx<'_>) -> Result<T, StoreError> + Send,
    T: Send,
{
    fn run(&mut self, tx: &mut Tx<'_>) -> bool {
        // A unit leaves nothing half done: what it wrote is rolled back.
        let ran = catch_unwind(AssertUnwindSafe(|| (self.run)(tx)));
        let outcome = ran.unwrap_or_else(|panic| Err(panicked(panic.as_ref())));
        self.outcome.insert(outcome).is_ok()
    }

    fn failure(&self) -> Option<&StoreError> {
        self.outcome.as_ref()?.as_ref().err()
    }

    fn answer(self: Box<Self>, failure: Option<&Failure>) {
        let outcome = told(self.outcome, failure);
        // A caller that has gone away does not want to know.
        let _ = self.reply.send(outcome);
    }
}

/// A job to store that nobody else has a say in.
struct New {
    job: NewJob,
    ageing: Duration,
    outcome: Option<Result<Enqueued, StoreError>>,
    reply: oneshot::Sender<Result<Enqueued, StoreError>>,
}

impl Unit for New {
    fn run(&mut self, tx: &mut Tx<'_>) -> bool {
        let outcome = insert(tx, &self.job, self.ageing);
        self.outcome.insert(outcome).is_ok()
    }

    fn failure(&self) -> Option<&StoreError> {
        self.outcome.as_ref()?.as_ref().err()
    }

    fn new_job(&self) -> Option<&NewJob> {
        Some(&self.job)
    }

    fn ageing(&self) -> Option<Duration> {
        Some(self.ageing)
    }

    fn stored(&mut self, enqueued: Enqueued) {
        self.outcome = Some(Ok(enqueued));
    }

    fn answer(self: Box<Self>, failure: Option<&Failure>) {
        let outcome = told(self.outcome, failure);
        let _ = self.reply.send(outcome);
    }
}

/// Stores the new jobs of a batch by one statement. False when each is to be run for itself; after an error, in another
/// transaction.
pub(in crate::store) fn store_together(
    tx: &mut Tx<'_>,
    batch: &mut [Box<dyn Unit>],
) -> Result<bool, StoreError> {
    let jobs: Vec<&NewJob> = batch.iter().filter_map(|unit| unit.new_job()).collect();
    let ageing = batch.iter().find_map(|unit| unit.ageing());
    let (Some(ageing), true) = (ageing, jobs.len() >= TOGETHER) else {
        return Ok(false);
    };
    let Some(stored) = insert_many(tx, &jobs, ageing)? else {
        return Ok(false);
    };
    let units = batch.iter_mut().filter(|unit| unit.new_job().is_some());
    for (unit, enqueued) in units.zip(stored) {
        unit.stored(enqueued);
    }
    Ok(true)
}

/// What a caller hears: that the commit failed, unless its unit was refused for itself.
fn told<T>(
    outcome: Option<Result<T, StoreError>>,
    failure: Option<&Failure>,
) -> Result<T, StoreError> {
    match (outcome, failure) {
        (Some(Err(error)), _) => Err(error),
        (_, Some(failure)) => Err(failure()),
        (Some(done), None) => done,
        (None, None) => Err(STOPPED),
    }
}

fn panicked(panic: &(dyn Any + Send)) -> StoreError {
    let text = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_default();
    StoreError::internal(format!("a write panicked: {text}"))
}

/// The way to a writing thread. The thread's queue ends when the last of it is dropped.
#[derive(Clone)]
pub(in crate::store) struct Units(mpsc::Sender<Box<dyn Unit>>);

pub(in crate::store) type Waiting = mpsc::Receiver<Box<dyn Unit>>;

impl Units {
    pub(in crate::store) fn new() -> (Self, Waiting) {
        let (units, waiting) = mpsc::channel(QUEUE);
        (Self(units), waiting)
    }

    /// Runs `work` in one of the next commits and answers after it.
    pub(in crate::store) async fn write<F, T>(&self, work: F) -> Result<T, StoreError>
    where
        F: Fn(&mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
        T: Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let unit = Work {
            run: work,
            outcome: None,
            reply,
        };
        self.send(Box::new(unit)).await?;
        answer.await.unwrap_or(Err(STOPPED))
    }

    /// Stores a job that nobody else has a say in.
    pub(in crate::store) async fn enqueue(
        &self,
        job: NewJob,
        ageing: Duration,
    ) -> Result<Enqueued, StoreError> {
        let (reply, answer) = oneshot::channel();
        let unit = New {
            job,
            ageing,
            outcome: None,
            reply,
        };
        self.send(Box::new(unit)).await?;
        answer.await.unwrap_or(Err(STOPPED))
    }

    async fn send(&self, unit: Box<dyn Unit>) -> Result<(), StoreError> {
        // A queue with room needs no timer.
        let unit = match self.0.try_send(unit) {
            Ok(()) => return Ok(()),
            Err(mpsc::error::TrySendError::Closed(_)) => return Err(STOPPED),
            Err(mpsc::error::TrySendError::Full(unit)) => unit,
        };
        let sent = self.0.send_timeout(unit, QUEUE_DEADLINE).await;
        sent.map_err(|error| match error {
            mpsc::error::SendTimeoutError::Timeout(_) => {
                StoreError::unavailable("too many writes are waiting")
            }
            mpsc::error::SendTimeoutError::Closed(_) => STOPPED,
        })
    }

    /// Places that are free in the queue.
    #[cfg(test)]
    #[allow(dead_code, reason = "only SQLite's tests ask")]
    pub(in crate::store) fn capacity(&self) -> usize {
        self.0.capacity()
    }
}

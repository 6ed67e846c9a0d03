//! Owns units of work on their way to a writing thread and, with their outcome, back.
//! Must not know: what the units do, or how they are committed.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use slog::Logger;
use tokio::sync::{mpsc, oneshot};

use super::{
    fresh,
    standing::{Count, Nudge, Nudger},
    tx::Tx,
    waiting::Waiting,
};
use crate::{
    model::{Enqueued, NewJob, NewUser, UserCreatedJob},
    store::{StoreError, UserCreated},
};

/// Units in one commit at most: bounds the wait of the first one.
pub(in crate::store) const BATCH: usize = 512;
/// Units that may wait for a writer. Beyond it, callers wait up to [`QUEUE_DEADLINE`] and then get `Unavailable`.
pub(in crate::store) const QUEUE: usize = 8_192;
const QUEUE_DEADLINE: Duration = Duration::from_secs(2);

const STOPPED: StoreError = StoreError::unavailable("it is stopping");

/// A unit of work. It may be run several times: only the last run counts.
pub(in crate::store) trait Unit: Send {
    /// Does the work; a panic in it is contained. False when it failed and its changes must be taken back.
    fn run(&mut self, tx: &mut Tx<'_>) -> bool;
    /// Why the last run failed, if it did.
    #[allow(dead_code, reason = "SQLite's writer has no use for it")]
    fn failure(&self) -> Option<&StoreError>;
    /// What it stores, if that is all that it does, and how much waiting outweighs one step of a job's priority: what is new
    /// in a batch is stored together.
    fn fresh(&mut self) -> Option<(&mut fresh::Kind, Duration)> {
        None
    }
    /// Whether it is kept, and run again with later commits, until its outcome is enough.
    fn stands(&self) -> bool {
        false
    }
    /// Whether the last outcome is worth an answer.
    fn is_enough(&self) -> bool {
        true
    }
    /// What it says to all that stands, if that is what it is.
    fn nudge(&self) -> Option<Nudge> {
        None
    }
    /// Whether it is for [`super::standing`]: it stands, or is said to what does.
    fn is_standing(&self) -> bool {
        self.stands() || self.nudge().is_some()
    }
    /// Whether there is still somebody to answer.
    fn is_wanted(&self) -> bool {
        true
    }
    /// Answers the caller, after the commit: `failure` says why the commit failed.
    fn answer(self: Box<Self>, failure: Option<&Failure>);
}

/// Why a whole commit failed, for each of its units.
pub(in crate::store) type Failure = dyn Fn() -> StoreError;

struct Work<F, T> {
    run: F,
    /// For work that stands: whether an outcome is worth an answer.
    enough: Option<fn(&T) -> bool>,
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
        let outcome = contained(|| (self.run)(tx));
        self.outcome.insert(outcome).is_ok()
    }

    fn failure(&self) -> Option<&StoreError> {
        self.outcome.as_ref()?.as_ref().err()
    }

    fn stands(&self) -> bool {
        self.enough.is_some()
    }

    fn is_enough(&self) -> bool {
        match (&self.outcome, self.enough) {
            (None, _) => false,
            (Some(Ok(outcome)), Some(enough)) => enough(outcome),
            (Some(_), _) => true,
        }
    }

    fn is_wanted(&self) -> bool {
        !self.reply.is_closed()
    }

    fn answer(self: Box<Self>, failure: Option<&Failure>) {
        let outcome = told(self.outcome, failure);
        // A caller that has gone away does not want to know.
        let _ = self.reply.send(outcome);
    }
}

/// What a caller hears: that the commit failed, unless its unit was refused for itself.
pub(in crate::store) fn told<T>(
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

/// Keeps a panic from ending the writing thread. Work that panics leaves nothing half done: what it wrote is rolled back, as
/// after an error.
pub(in crate::store) fn contained<T>(
    work: impl FnOnce() -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let ran = catch_unwind(AssertUnwindSafe(work));
    ran.unwrap_or_else(|panic| Err(panicked(panic.as_ref())))
}

fn panicked(panic: &(dyn Any + Send)) -> StoreError {
    let text = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_default();
    StoreError::internal(format!("a write panicked: {text}"))
}

/// The way to a writing thread, or to several. The queue ends when the last of it is dropped.
#[derive(Clone)]
pub(in crate::store) struct Units {
    queue: mpsc::Sender<Box<dyn Unit>>,
    standing: Count,
}

impl Units {
    pub(in crate::store) fn new() -> (Self, Waiting) {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let standing = Count::default();
        (Self { queue, standing }, Waiting::new(waiting))
    }

    pub(in crate::store) fn nudger(&self) -> Nudger {
        Nudger {
            queue: self.queue.downgrade(),
            count: self.standing.clone(),
        }
    }

    /// Runs `work` in one of the next commits and answers after it.
    pub(in crate::store) async fn write<F, T>(&self, work: F) -> Result<T, StoreError>
    where
        F: Fn(&mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
        T: Send + 'static,
    {
        self.work(work, None).await
    }

    /// The same, but answers only when the outcome is `enough`, or it is let go. It is run again at the end of each commit of
    /// this thread that may have brought what it waits for, and so shares that commit; and whenever somebody nudges.
    pub(in crate::store) async fn stand<F, T>(
        &self,
        work: F,
        enough: fn(&T) -> bool,
    ) -> Result<T, StoreError>
    where
        F: Fn(&mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
        T: Send + 'static,
    {
        let _counted = self.standing.one_more();
        self.work(work, Some(enough)).await
    }

    async fn work<F, T>(&self, run: F, enough: Option<fn(&T) -> bool>) -> Result<T, StoreError>
    where
        F: Fn(&mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
        T: Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let unit = Work {
            run,
            enough,
            outcome: None,
            reply,
        };
        self.send(Box::new(unit)).await?;
        answer.await.unwrap_or(Err(STOPPED))
    }

    /// Says it to all that stands, when there is room for it.
    pub(in crate::store) async fn nudge(&self, nudge: Nudge) -> Result<(), StoreError> {
        self.send(Box::new(nudge)).await
    }

    /// Stores a plain job in one of the next commits and answers after it.
    pub(in crate::store) async fn enqueue(
        &self,
        job: NewJob,
        ageing: Duration,
    ) -> Result<Enqueued, StoreError> {
        let (unit, answer) = fresh::Store::job(job, ageing);
        self.send(Box::new(unit)).await?;
        answer.await.unwrap_or(Err(STOPPED))
    }

    /// Stores a user and its job in one of the next commits and answers after it.
    pub(in crate::store) async fn sign_up(
        &self,
        user: NewUser,
        job: UserCreatedJob,
        ageing: Duration,
        log: Logger,
    ) -> Result<UserCreated, StoreError> {
        let (unit, answer) = fresh::Store::user(user, job, ageing, log);
        self.send(Box::new(unit)).await?;
        answer.await.unwrap_or(Err(STOPPED))
    }

    async fn send(&self, unit: Box<dyn Unit>) -> Result<(), StoreError> {
        // A queue with room needs no timer.
        let unit = match self.queue.try_send(unit) {
            Ok(()) => return Ok(()),
            Err(mpsc::error::TrySendError::Closed(_)) => return Err(STOPPED),
            Err(mpsc::error::TrySendError::Full(unit)) => unit,
        };
        // In a box: all who write are smaller without it.
        let sent = Box::pin(self.queue.send_timeout(unit, QUEUE_DEADLINE)).await;
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
        self.queue.capacity()
    }
}

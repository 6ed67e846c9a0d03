//! Owns units of work on their way to a writing thread and, with their outcome, back.
//! Must not know: what the units do, or how they are committed.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use tokio::sync::{mpsc, oneshot};

use super::tx::Tx;
use crate::store::StoreError;

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
    /// Answers the caller, after the commit: `failure` says why the commit failed.
    fn answer(self: Box<Self>, failure: Option<&Failure>);
}

/// Why a whole commit failed, for each of its units.
pub(in crate::store) type Failure = dyn Fn() -> StoreError;

struct Work<F, T> {
    run: F,
    outcome: Result<T, StoreError>,
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
        self.outcome = ran.unwrap_or_else(|panic| Err(panicked(panic.as_ref())));
        self.outcome.is_ok()
    }

    fn failure(&self) -> Option<&StoreError> {
        self.outcome.as_ref().err()
    }

    fn answer(self: Box<Self>, failure: Option<&Failure>) {
        let outcome = match failure {
            Some(failure) if self.outcome.is_ok() => Err(failure()),
            _ => self.outcome,
        };
        // A caller that has gone away does not want to know.
        let _ = self.reply.send(outcome);
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
        let unit = Box::new(Work {
            run: work,
            outcome: Err(STOPPED),
            reply,
        });
        self.0
            .send_timeout(unit, QUEUE_DEADLINE)
            .await
            .map_err(|error| match error {
                mpsc::error::SendTimeoutError::Timeout(_) => {
                    StoreError::unavailable("too many writes are waiting")
                }
                mpsc::error::SendTimeoutError::Closed(_) => STOPPED,
            })?;
        answer.await.unwrap_or(Err(STOPPED))
    }

    /// Places that are free in the queue.
    #[cfg(test)]
    #[allow(dead_code, reason = "only SQLite's tests ask")]
    pub(in crate::store) fn capacity(&self) -> usize {
        self.0.capacity()
    }
}

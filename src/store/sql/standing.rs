//! Owns work that waits with the writer until there is something for it: it is run again at the end of each commit that may
//! have brought that, and so shares the commit.
//! Must not know: what it waits for.

use tokio::sync::oneshot;

use super::{
    tx::Tx,
    unit::{Failure, Unit, contained, told},
};
use crate::store::StoreError;

/// Work whose outcome may not be worth an answer yet.
pub(in crate::store) struct Standing<F, T> {
    run: F,
    /// Whether an outcome is worth an answer.
    #[allow(dead_code, reason = "PostgreSQL's writers keep nothing")]
    enough: fn(&T) -> bool,
    /// Of the last run.
    outcome: Option<Result<T, StoreError>>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<F, T> Standing<F, T> {
    pub(in crate::store) fn new(
        run: F,
        enough: fn(&T) -> bool,
    ) -> (Self, oneshot::Receiver<Result<T, StoreError>>) {
        let (reply, answer) = oneshot::channel();
        let unit = Self {
            run,
            enough,
            outcome: None,
            reply,
        };
        (unit, answer)
    }
}

impl<F, T> Unit for Standing<F, T>
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
        true
    }

    fn is_enough(&self) -> bool {
        match &self.outcome {
            None => false,
            Some(Ok(outcome)) => (self.enough)(outcome),
            Some(Err(_)) => true,
        }
    }

    fn is_wanted(&self) -> bool {
        !self.reply.is_closed()
    }

    fn answer(self: Box<Self>, failure: Option<&Failure>) {
        // A caller that has gone away does not want to know.
        let _ = self.reply.send(told(self.outcome, failure));
    }
}

/// Ends the wait of all that stands: it is run once more, and answered whatever comes of it.
pub(in crate::store) struct Nudge;

impl Unit for Nudge {
    fn run(&mut self, _tx: &mut Tx<'_>) -> bool {
        true
    }

    fn failure(&self) -> Option<&StoreError> {
        None
    }

    fn is_nudge(&self) -> bool {
        true
    }

    fn answer(self: Box<Self>, _failure: Option<&Failure>) {}
}

//! Owns group commit as the bench's limit: one thread, one transaction for all who came while the last one was written.
//! Must not know: our engine's writer.

use std::{thread, thread::JoinHandle};

use tokio::sync::{mpsc, oneshot};

use super::{limit::Plain, sql::unit};
use crate::store::StoreError;

const STOPPED: StoreError = StoreError::unavailable("the limit's writer has stopped");

/// What one call stores.
#[derive(Debug)]
pub enum Item {
    /// The limit's job.
    Job,
    /// A user, and its job.
    User {
        email: String,
        age: i32,
        name: String,
    },
}

#[derive(Debug)]
struct Call {
    item: Item,
    done: oneshot::Sender<i64>,
}

/// Group commit over a [`Plain`], for callers who each store one thing and wait.
#[derive(Debug)]
pub struct GroupCommit {
    calls: mpsc::Sender<Call>,
    thread: JoinHandle<Result<Plain, StoreError>>,
}

/// A caller's way to a [`GroupCommit`].
#[derive(Debug, Clone)]
pub struct Caller(mpsc::Sender<Call>);

impl GroupCommit {
    pub fn start(mut limit: Plain) -> Result<Self, StoreError> {
        let (calls, mut queue) = mpsc::channel::<Call>(unit::QUEUE);
        let thread = thread::Builder::new()
            .name("limit-writer".to_owned())
            .spawn(move || {
                let mut batch = Vec::new();
                while queue.blocking_recv_many(&mut batch, unit::BATCH) > 0 {
                    let ids = limit.store(batch.iter().map(|call| &call.item))?;
                    for (call, id) in batch.drain(..).zip(ids) {
                        // A caller that has gone away does not want to know.
                        let _ = call.done.send(id);
                    }
                }
                Ok(limit)
            })
            .map_err(|error| StoreError::Internal(Box::new(error)))?;
        Ok(Self { calls, thread })
    }

    pub fn caller(&self) -> Caller {
        Caller(self.calls.clone())
    }

    /// Waits for the thread, once all callers are gone. It blocks. An error is that of the transaction that failed.
    pub fn stop(self) -> Result<Plain, StoreError> {
        drop(self.calls);
        self.thread
            .join()
            .unwrap_or_else(|_| Err(StoreError::internal("the limit's thread panicked")))
    }
}

impl Caller {
    /// Stores it; answers its number when it is on disk.
    pub async fn store(&self, item: Item) -> Result<i64, StoreError> {
        let (done, answer) = oneshot::channel();
        let call = Call { item, done };
        self.0.send(call).await.map_err(|_| STOPPED)?;
        answer.await.map_err(|_| STOPPED)
    }
}

//! Owns the reading connections of an engine: a few, opened when they are first needed, lent with a deadline.
//! Must not know: what is read, or from which engine.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{sync::Semaphore, task, time::timeout};

use super::StoreError;

const DEADLINE: Duration = Duration::from_secs(3);

type Open<C> = dyn Fn() -> Result<C, StoreError> + Send + Sync;

/// Cheap to clone.
pub(super) struct Readers<C> {
    open: Arc<Open<C>>,
    free: Arc<Semaphore>,
    idle: Arc<Mutex<Vec<C>>>,
}

impl<C> Clone for Readers<C> {
    fn clone(&self) -> Self {
        Self {
            open: Arc::clone(&self.open),
            free: Arc::clone(&self.free),
            idle: Arc::clone(&self.idle),
        }
    }
}

impl<C: Send + 'static> Readers<C> {
    /// At most `connections` at the same time.
    pub(super) fn new(
        connections: usize,
        open: impl Fn() -> Result<C, StoreError> + Send + Sync + 'static,
    ) -> Self {
        Self {
            open: Arc::new(open),
            free: Arc::new(Semaphore::new(connections)),
            idle: Arc::default(),
        }
    }

    /// Runs `query` on a blocking thread with a connection of its own.
    pub(super) async fn read<F, T>(&self, query: F) -> Result<T, StoreError>
    where
        F: FnOnce(&mut C) -> Result<T, StoreError> + Send + 'static,
        T: Send + 'static,
    {
        let permit = timeout(DEADLINE, Arc::clone(&self.free).acquire_owned())
            .await
            .ok()
            .and_then(Result::ok)
            .ok_or(StoreError::unavailable("too many reads are waiting"))?;
        let readers = self.clone();
        let answer = task::spawn_blocking(move || {
            // The permit lives as long as the query, also when the caller has gone away.
            let _permit = permit;
            let idle = lock(&readers.idle).pop();
            let mut conn = idle.map_or_else(|| (readers.open)(), Ok)?;
            let answer = query(&mut conn);
            // One whose server is gone is of no use to the next.
            if !matches!(&answer, Err(error) if error.retryable()) {
                lock(&readers.idle).push(conn);
            }
            answer
        });
        answer
            .await
            .map_err(|error| StoreError::Internal(Box::new(error)))?
    }

    /// Runs a query that takes microseconds, on the calling thread if there is a connection to spare: a blocking thread
    /// costs more than it. For engines whose readers wait for nobody.
    pub(super) async fn read_here<F, T>(&self, query: F) -> Result<T, StoreError>
    where
        F: FnOnce(&mut C) -> Result<T, StoreError> + Send + 'static,
        T: Send + 'static,
    {
        let Ok(permit) = self.free.try_acquire() else {
            return self.read(query).await;
        };
        let idle = lock(&self.idle).pop();
        let Some(mut conn) = idle else {
            drop(permit);
            return self.read(query).await;
        };
        let answer = query(&mut conn);
        if !matches!(&answer, Err(error) if error.retryable()) {
            lock(&self.idle).push(conn);
        }
        drop(permit);
        answer
    }

    /// Closes those that nobody reads from.
    pub(super) fn close_idle(&self) {
        lock(&self.idle).clear();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

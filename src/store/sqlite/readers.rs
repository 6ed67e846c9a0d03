//! Owns the reading connections: a few, opened when they are first needed, lent with a deadline.
//! Must not know: what is read.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use diesel::sqlite::SqliteConnection;
use tokio::{sync::Semaphore, task, time::timeout};

use super::connection::open_reader;
use crate::store::StoreError;

const CONNECTIONS: usize = 4;
const DEADLINE: Duration = Duration::from_secs(3);

/// Cheap to clone.
#[derive(Clone)]
pub(super) struct Readers {
    path: Arc<PathBuf>,
    free: Arc<Semaphore>,
    idle: Arc<Mutex<Vec<SqliteConnection>>>,
}

impl Readers {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path: Arc::new(path),
            free: Arc::new(Semaphore::new(CONNECTIONS)),
            idle: Arc::default(),
        }
    }

    /// Runs `query` on a blocking thread with a connection of its own.
    pub(super) async fn read<F, T>(&self, query: F) -> Result<T, StoreError>
    where
        F: FnOnce(&mut SqliteConnection) -> Result<T, StoreError> + Send + 'static,
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
            let idle = readers
                .idle
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .pop();
            let mut conn = idle.map_or_else(|| open_reader(&readers.path), Ok)?;
            let answer = query(&mut conn);
            readers
                .idle
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(conn);
            answer
        });
        answer
            .await
            .map_err(|error| StoreError::Internal(Box::new(error)))?
    }
}

//! Owns the limit of whichever engine, by one name.
//! Must not know: statements.

use std::path::Path;

use tokio::task::block_in_place;

use super::{Connection, Plain};
use crate::{model::NewJob, store::StoreError};

/// The least that an engine must do. To be called on a runtime with several threads: SQLite's blocks.
#[derive(Debug)]
pub enum Limit {
    Sqlite(Box<Plain>),
    /// A connection for each task that enqueues; all else is done by the first.
    Postgres(Vec<Connection>),
}

/// A task that enqueues and has none yet.
const NONE: StoreError = StoreError::unavailable("the limit has no connection");

macro_rules! ask {
    ($limit:expr, $method:ident($($argument:expr),*)) => {
        match $limit {
            Self::Sqlite(plain) => block_in_place(|| plain.$method($($argument),*)),
            Self::Postgres(all) => {
                let first = all.first_mut().ok_or(NONE)?;
                first.$method($($argument),*).await
            }
        }
    };
}

impl Limit {
    /// On a file that was filled.
    pub fn sqlite(path: &Path, job: NewJob) -> Result<Self, StoreError> {
        block_in_place(|| Plain::open(path, job)).map(|plain| Self::Sqlite(Box::new(plain)))
    }

    /// On a database that was filled.
    pub async fn postgres(url: &str, job: NewJob, connections: usize) -> Result<Self, StoreError> {
        let mut all = Vec::with_capacity(connections);
        for _ in 0..connections {
            all.push(Connection::open(url, job.clone()).await?);
        }
        Ok(Self::Postgres(all))
    }

    /// Stores jobs in one transaction.
    pub async fn bulk(&mut self, jobs: usize) -> Result<(), StoreError> {
        ask!(self, bulk(jobs))
    }

    /// Gives leases on `limit` jobs in one transaction: id and token of each.
    pub async fn claim(&mut self, limit: usize) -> Result<Vec<(i64, i64)>, StoreError> {
        ask!(self, claim(limit))
    }

    /// Completes jobs in one transaction. Answers how many were still held by their token.
    pub async fn settle(&mut self, leases: &[(i64, i64)]) -> Result<usize, StoreError> {
        ask!(self, settle(leases))
    }

    /// The same as ours is taken back by.
    pub async fn undo_runs(&mut self, ids: &[i64], later: i64) -> Result<(), StoreError> {
        ask!(self, undo_runs(ids, later))
    }

    /// The same as ours is taken back by.
    pub async fn undo_enqueues(&mut self, last: i64) -> Result<usize, StoreError> {
        ask!(self, undo_enqueues(last))
    }

    /// Writes SQLite's log back into the file. PostgreSQL does so by itself.
    pub fn checkpoint(&mut self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(plain) => block_in_place(|| plain.checkpoint()),
            Self::Postgres(_) => Ok(()),
        }
    }
}

//! Owns everything that is kept: users, jobs, attempts, counts; transactions, durability, wake-ups.
//! The only module that names diesel. Must not know: HTTP, the contract, or what a job does.
//!
//! [`Store`] is the one interface. Behind it stands one engine: SQLite now, PostgreSQL beside it later
//! (docs/decisions). Every method is one durable unit: when it returns `Ok`, what it did survives SIGKILL and power
//! loss; when it returns an error, it did nothing.

pub mod bench;
mod controls;
pub mod copy;
mod error;
mod events;
mod groups;
mod jobs;
mod once;
mod payloads;
mod postgres;
mod readers;
mod requests;
mod schedules;
#[allow(
    clippy::wildcard_imports,
    reason = "Diesel's tables take types by their names"
)]
mod schema;
mod sqlite;
mod time;
mod types;
mod users;
mod wake;
mod workers;

use std::{path::PathBuf, sync::Arc, time::Duration};

use slog::Logger;

use self::{postgres::Postgres, sqlite::Sqlite};
use crate::clock::Clock;

pub use copy::{Copied, copy};
pub use error::{Cause, StoreError};
pub use once::{Done, Once, Render, StoredAnswer};
pub use postgres::enqueue_in_postgres;
pub use requests::{
    Claim, Claims, Expired, ForgottenGroups, ItemOutcome, MigrationState, Payloads, Promoted,
    Rescued, StoreConfig, StoredPayload, UserCreated,
};
pub use schedules::{NextTick, Ticked};
pub use sqlite::enqueue_in;
pub use wake::{Changes, Wakeups};

/// The database. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    engine: Engine,
}

#[derive(Clone)]
enum Engine {
    Sqlite(Arc<Sqlite>),
    Postgres(Arc<Postgres>),
}

/// Calls a method of the engine, whichever it is.
macro_rules! ask {
    ($store:expr, $method:ident($($argument:expr),* $(,)?)) => {
        match &$store.engine {
            crate::store::Engine::Sqlite(engine) => engine.$method($($argument),*),
            crate::store::Engine::Postgres(engine) => engine.$method($($argument),*),
        }
    };
    ($store:expr, $method:ident($($argument:expr),* $(,)?).await) => {
        match &$store.engine {
            crate::store::Engine::Sqlite(engine) => engine.$method($($argument),*).await,
            crate::store::Engine::Postgres(engine) => engine.$method($($argument),*).await,
        }
    };
}
use ask;

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}

impl Store {
    /// Opens the database and brings it to this program's schema. Refuses, without a write, a file that is corrupt,
    /// not ours, newer than this program, or cannot be written ([`StoreError::Unusable`], [`StoreError::Unavailable`]).
    pub async fn open(
        config: &StoreConfig,
        clock: Arc<dyn Clock>,
        log: &Logger,
    ) -> Result<Self, StoreError> {
        let engine = if postgres::is_meant(&config.database_url) {
            Engine::Postgres(Arc::new(Postgres::open(config, clock, log).await?))
        } else {
            Engine::Sqlite(Arc::new(Sqlite::open(config, clock, log).await?))
        };
        Ok(Self { engine })
    }

    /// Waits for what was accepted, then closes. Other clones keep the database open.
    pub async fn close(self) {
        match self.engine {
            Engine::Sqlite(engine) => {
                if let Some(engine) = Arc::into_inner(engine) {
                    engine.close().await;
                }
            }
            Engine::Postgres(engine) => {
                if let Some(engine) = Arc::into_inner(engine) {
                    engine.close().await;
                }
            }
        }
    }

    /// Proves that the database answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        ask!(self, ping().await)
    }

    /// Changes from now on: jobs that may be claimable, due, or to be stopped.
    pub fn subscribe(&self) -> Wakeups {
        ask!(self, subscribe())
    }

    /// Commits from now on that move jobs, of whichever process. Those of others are seen within 50 ms.
    pub fn changes(&self) -> Changes {
        ask!(self, changes())
    }

    /// A consistent, checked copy, taken while everything runs. `target` must not exist. Answers its bytes.
    pub async fn backup(&self, target: PathBuf) -> Result<u64, StoreError> {
        ask!(self, backup(target).await)
    }

    /// What is not well with the database or its server, each a sentence. Reads all of a file.
    pub async fn findings(&self) -> Result<Vec<String>, StoreError> {
        ask!(self, findings().await)
    }

    /// Whether `holder` is the one process that is to do `task` for the next `term`, unless it is asked for again before.
    /// A leader that does not ask again is followed by whoever asks first after its term. On SQLite everybody leads.
    pub async fn lead(
        &self,
        task: &'static str,
        holder: String,
        term: Duration,
    ) -> Result<bool, StoreError> {
        ask!(self, lead(task, holder, term).await)
    }

    /// Gives the task up, so that the next one need not wait for the end of the term.
    pub async fn resign(&self, task: &'static str, holder: String) -> Result<(), StoreError> {
        ask!(self, resign(task, holder).await)
    }

    /// The migrations that this program knows, oldest first, and whether the database has them.
    pub async fn migrations(config: &StoreConfig) -> Result<Vec<MigrationState>, StoreError> {
        if postgres::is_meant(&config.database_url) {
            postgres::migrations(config).await
        } else {
            sqlite::migrations(config).await
        }
    }

    /// Runs pending migrations. Answers how many ran.
    pub async fn migrate_up(config: &StoreConfig) -> Result<usize, StoreError> {
        if postgres::is_meant(&config.database_url) {
            postgres::migrate_up(config).await
        } else {
            sqlite::migrate_up(config).await
        }
    }

    /// Takes the newest migration back, and the data in its tables with it. Answers its version, if there was one.
    pub async fn migrate_down(config: &StoreConfig) -> Result<Option<String>, StoreError> {
        if postgres::is_meant(&config.database_url) {
            postgres::migrate_down(config).await
        } else {
            sqlite::migrate_down(config).await
        }
    }
}

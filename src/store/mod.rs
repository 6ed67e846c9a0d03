//! Owns everything that is kept: users, jobs, attempts, counts; transactions, durability, wake-ups.
//! The only module that names diesel. Must not know: HTTP, the contract, or what a job does.
//!
//! [`Store`] is the one interface. Behind it stands one engine: SQLite now, PostgreSQL beside it later
//! (docs/decisions). Every method is one durable unit: when it returns `Ok`, what it did survives SIGKILL and power
//! loss; when it returns an error, it did nothing.

pub mod bench;
mod controls;
mod error;
mod events;
mod groups;
mod jobs;
mod once;
mod payloads;
mod requests;
mod schedules;
mod schema;
mod sqlite;
mod users;
mod wake;
mod workers;

use std::{path::PathBuf, sync::Arc};

use slog::Logger;

use self::sqlite::Sqlite;
use crate::clock::Clock;

pub use error::{Cause, StoreError};
pub use once::{Done, Once, Render, StoredAnswer};
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
    engine: Arc<Sqlite>,
}

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
        Ok(Self {
            engine: Arc::new(Sqlite::open(config, clock, log).await?),
        })
    }

    /// Waits for what was accepted, then closes. Other clones keep the database open.
    pub async fn close(self) {
        if let Some(engine) = Arc::into_inner(self.engine) {
            engine.close().await;
        }
    }

    /// Proves that the database answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.engine.ping().await
    }

    /// Changes from now on: jobs that may be claimable, due, or to be stopped.
    pub fn subscribe(&self) -> Wakeups {
        self.engine.subscribe()
    }

    /// Commits from now on that move jobs, of whichever process. Those of others are seen within 50 ms.
    pub fn changes(&self) -> Changes {
        self.engine.changes()
    }

    /// A consistent, checked copy, taken while everything runs. `target` must not exist. Answers its bytes.
    pub async fn backup(&self, target: PathBuf) -> Result<u64, StoreError> {
        self.engine.backup(target).await
    }

    /// What is not sound in the file, if anything. Reads all of it.
    pub async fn quick_check(&self) -> Result<Option<String>, StoreError> {
        self.engine.quick_check().await
    }

    /// The migrations that this program knows, oldest first, and whether the database has them.
    pub async fn migrations(config: &StoreConfig) -> Result<Vec<MigrationState>, StoreError> {
        sqlite::migrations(config).await
    }

    /// Runs pending migrations. Answers how many ran.
    pub async fn migrate_up(config: &StoreConfig) -> Result<usize, StoreError> {
        sqlite::migrate_up(config).await
    }

    /// Takes the newest migration back, and the data in its tables with it. Answers its version, if there was one.
    pub async fn migrate_down(config: &StoreConfig) -> Result<Option<String>, StoreError> {
        sqlite::migrate_down(config).await
    }
}

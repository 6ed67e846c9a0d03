//! Owns databases for tests: a file of its own for each, gone with the test.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use diesel::{Connection, SqliteConnection, connection::SimpleConnection};
use lockstep::{
    clock::{Clock, ManualClock},
    model::{JobPolicy, NewJob, NewUser},
    queue::{self, EnqueueOptions},
    store::{Store, StoreConfig},
};
use slog::Logger;

/// Runs statements on a file, as somebody else's program would.
pub(crate) fn execute(path: &Path, sql: &str) {
    SqliteConnection::establish(path.to_str().unwrap())
        .unwrap()
        .batch_execute(sql)
        .unwrap();
}

/// Nobody else can write to the file until what this answers is dropped.
pub(crate) fn locked(path: &Path) -> SqliteConnection {
    let mut conn = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    conn.batch_execute("BEGIN IMMEDIATE").unwrap();
    conn
}

/// A database whose clock stands still until it is moved.
pub(crate) struct Database {
    pub(crate) store: Store,
    pub(crate) clock: Arc<ManualClock>,
    folder: tempfile::TempDir,
}

impl Database {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new(start()));
        let store = open(folder.path().join("test.db"), clock.clone()).await;
        Self {
            store,
            clock,
            folder,
        }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("test.db")
    }

    /// Another store on the same file, as another process would have.
    pub(crate) async fn another(&self) -> Store {
        open(self.path(), self.clock.clone()).await
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.clock.advance(TimeDelta::from_std(by).unwrap());
    }

    /// The counters must be right whatever a test did.
    pub(crate) async fn close(self) {
        assert_eq!(self.store.job_counts_check().await.unwrap(), []);
        self.store.close().await;
    }
}

async fn open(path: PathBuf, clock: Arc<dyn Clock>) -> Store {
    let config = StoreConfig::new(path.to_str().unwrap());
    Store::open(&config, clock, &Logger::root(slog::Discard, slog::o!()))
        .await
        .unwrap()
}

pub(crate) fn start() -> DateTime<Utc> {
    "2026-11-24T12:00:00Z".parse().unwrap()
}

pub(crate) fn ada() -> NewUser {
    NewUser {
        email: "Ada@Example.com".to_owned(),
        age: 36,
        name: Some("Ada Lovelace".to_owned()),
        bio: None,
        is_active: true,
        additional_data: None,
    }
}

/// A `data_analysis` job with default options.
pub(crate) fn analysis() -> NewJob {
    analysis_with(EnqueueOptions::default())
}

pub(crate) fn analysis_with(options: EnqueueOptions) -> NewJob {
    queue::new_job(
        policy("data_analysis"),
        r#"{"message":"test"}"#.to_owned(),
        options,
    )
    .unwrap()
}

pub(crate) fn policy(job_type: &str) -> &'static JobPolicy {
    lockstep::contract::policy(job_type).unwrap()
}

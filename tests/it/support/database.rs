//! Owns databases for tests: one of its own for each, gone with the test.

use std::{
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use lockstep::{
    clock::{Clock, ManualClock},
    model::{JobPolicy, NewJob, NewUser, OnConflict, UniqueClaim, UniqueScope},
    queue::{self, EnqueueOptions},
    store::{Store, StoreConfig},
};
use slog::Logger;

use super::place::{Place, on_postgres};

/// What the next one may be, emptied. Goes with the server.
static USED: Mutex<Option<Database>> = Mutex::new(None);

/// A database whose clock stands still until it is moved.
pub(crate) struct Database {
    pub(crate) store: Store,
    pub(crate) clock: Arc<ManualClock>,
    policies: &'static [JobPolicy],
    place: Removed,
    _folder: tempfile::TempDir,
}

/// Removed with the test, however it ends.
struct Removed(Place);

impl Database {
    pub(crate) async fn new() -> Self {
        Self::with_policies(&[]).await
    }

    /// A store that knows job types, with their limits and how long they are kept.
    pub(crate) async fn with_policies(policies: &'static [JobPolicy]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new(start()));
        let place = Place::new(folder.path(), "test.db");
        let store = open(&place, clock.clone(), policies).await;
        Self {
            store,
            clock,
            policies,
            place: Removed(place),
            _folder: folder,
        }
    }

    /// One whose job types have these limits, made from a copy of an empty one: for tests that need thousands.
    pub(crate) async fn copied(policies: &'static [JobPolicy]) -> Self {
        static EMPTY: tokio::sync::OnceCell<Vec<u8>> = tokio::sync::OnceCell::const_new();
        if on_postgres() {
            let used = USED.lock().unwrap().take();
            return match used {
                Some(used) if std::ptr::eq(used.policies, policies) => used.emptied(),
                _ => Self::with_policies(policies).await,
            };
        }
        let empty = EMPTY.get_or_init(|| async {
            let database = Self::new().await;
            let file = database.place().file();
            database.store.close().await;
            std::fs::read(file).unwrap()
        });
        // In memory where there is such a place: it is the steps that are tested here, not the disk.
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() {
            tempfile::tempdir_in(memory).unwrap()
        } else {
            tempfile::tempdir().unwrap()
        };
        let path = folder.path().join("test.db");
        std::fs::write(&path, empty.await).unwrap();
        let clock = Arc::new(ManualClock::new(start()));
        let config = StoreConfig {
            policies,
            ..StoreConfig::new(path.to_str().unwrap())
        };
        let log = Logger::root(slog::Discard, slog::o!());
        let store = Store::open(&config, clock.clone(), &log).await.unwrap();
        Self {
            store,
            clock,
            policies,
            place: Removed(Place::File(path)),
            _folder: folder,
        }
    }

    /// As [`Self::close`]; on PostgreSQL the next one that is wanted [`Self::copied`] is this one, emptied.
    pub(crate) async fn done(self) {
        if !on_postgres() {
            return self.close().await;
        }
        assert_eq!(self.store.job_counts_check().await.unwrap(), []);
        *USED.lock().unwrap() = Some(self);
    }

    /// As it was when it was new.
    fn emptied(self) -> Self {
        self.place.0.empty();
        self.clock.advance(start() - self.clock.now());
        self
    }

    pub(crate) fn place(&self) -> &Place {
        &self.place.0
    }

    /// Another store on the same file, as another process would have.
    pub(crate) async fn another(&self) -> Store {
        open(self.place(), self.clock.clone(), self.policies).await
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

impl Drop for Removed {
    fn drop(&mut self) {
        self.0.remove();
    }
}

async fn open(place: &Place, clock: Arc<dyn Clock>, policies: &'static [JobPolicy]) -> Store {
    let config = StoreConfig {
        policies,
        ..StoreConfig::new(place.url())
    };
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

/// One that has a key until it has ended.
pub(crate) fn unique(on_conflict: OnConflict) -> NewJob {
    NewJob {
        unique: Some(UniqueClaim {
            key: "ada".to_owned(),
            scope: UniqueScope::UntilFinished,
            period: None,
            on_conflict,
        }),
        ..analysis()
    }
}

pub(crate) fn policy(job_type: &str) -> &'static JobPolicy {
    lockstep::contract::policy(job_type).unwrap()
}

/// What a JSON text says: an engine need not keep its spaces and the order of its keys.
#[track_caller]
pub(crate) fn parsed(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap()
}

//! Owns the SQLite engine: one writer with group commit, a few readers, checkpoints beside the commits.
//! Must not know: HTTP, the contract, or what a job does.

mod attempts;
mod background;
mod backup;
mod buckets;
mod bulk;
mod bulk_change;
mod claim;
mod connection;
mod controls;
mod counts;
mod enqueue;
mod events;
mod explain;
mod files;
pub(super) mod fill;
mod filter;
mod gates;
mod groups;
mod held;
mod idempotency;
mod jobs;
mod ledger;
pub(super) mod limit;
mod maintenance;
mod migrate;
pub(super) mod mount;
mod payloads;
#[cfg(test)]
mod plans;
mod profiles;
mod readers;
mod reports;
mod retention;
mod schedules;
mod settle;
mod statement;
mod ticks;
mod ties;
mod time;
mod undo;
mod unique;
mod users;
mod within;
mod workers;
mod writer;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
    time::Duration,
};

use diesel::{RunQueryDsl, sqlite::SqliteConnection};
use slog::{Logger, o};
use tokio::task;

pub(super) use self::files::{migrate_down, migrate_up, migrations};
pub use self::within::enqueue_in;
use self::{
    background::Background,
    readers::Readers,
    writer::{Tx, Writer},
};
use super::{
    StoreConfig, StoreError,
    wake::{Changes, Wake, Wakeups},
};
use crate::{clock::Clock, model::JobPolicy};

/// One SQLite file.
pub(super) struct Sqlite {
    path: PathBuf,
    writer: Writer,
    readers: Readers,
    wake: Wake,
    /// How much waiting outweighs one step of priority.
    ageing: Duration,
    policies: &'static [JobPolicy],
    clock: Arc<dyn Clock>,
    log: Logger,
    threads: Mutex<Option<(Background, JoinHandle<()>)>>,
}

impl Sqlite {
    pub(super) async fn open(
        config: &StoreConfig,
        clock: Arc<dyn Clock>,
        log: &Logger,
    ) -> Result<Self, StoreError> {
        let path = connection::path_of(&config.database_url)?;
        let (ageing, create, policies) = (config.ageing, config.create, config.policies);
        let log = log.new(o!("component" => "store"));
        blocking(move || {
            let conn = files::prepare(&path, create, &log)?;
            let wake = Wake::new(&path, &log);
            let (writer, thread) = Writer::start(conn, Arc::clone(&clock), wake.clone(), &log)?;
            let background = Background::start(&path, wake.clone(), &log)?;
            let readers = Readers::new(path.clone());
            let threads = Mutex::new(Some((background, thread)));
            Ok(Self {
                path,
                writer,
                readers,
                wake,
                ageing,
                policies,
                clock,
                log,
                threads,
            })
        })
        .await
    }

    /// Waits for what was accepted, then for the threads.
    pub(super) async fn close(self) {
        let Self {
            writer, threads, ..
        } = self;
        drop(writer);
        let threads = threads.into_inner().unwrap_or_else(PoisonError::into_inner);
        let _ = task::spawn_blocking(move || {
            if let Some((background, writer)) = threads {
                drop(background);
                let _ = writer.join();
            }
        })
        .await;
    }

    pub(super) async fn ping(&self) -> Result<(), StoreError> {
        self.read(|conn| {
            // A page of the file, not only the library.
            diesel::dsl::sql::<diesel::sql_types::BigInt>(
                "SELECT count(*) FROM sqlite_schema LIMIT 1",
            )
            .get_result::<i64>(conn)?;
            Ok(())
        })
        .await
    }

    pub(super) fn subscribe(&self) -> Wakeups {
        self.wake.subscribe()
    }

    pub(super) fn changes(&self) -> Changes {
        let changes = self.wake.watch();
        let threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((background, _)) = threads.as_ref() {
            background.look();
        }
        changes
    }

    async fn write<F, T>(&self, work: F) -> Result<T, StoreError>
    where
        F: FnOnce(&mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
        T: Send + 'static,
    {
        self.writer.write(work).await
    }

    async fn read<F, T>(&self, query: F) -> Result<T, StoreError>
    where
        F: FnOnce(&mut SqliteConnection) -> Result<T, StoreError> + Send + 'static,
        T: Send + 'static,
    {
        self.readers.read(query).await
    }

    fn path(&self) -> &Path {
        &self.path
    }
}

async fn blocking<F, T>(work: F) -> Result<T, StoreError>
where
    F: FnOnce() -> Result<T, StoreError> + Send + 'static,
    T: Send + 'static,
{
    task::spawn_blocking(work)
        .await
        .map_err(|error| StoreError::Internal(Box::new(error)))?
}

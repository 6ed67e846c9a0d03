//! Owns the SQLite engine: one writer with group commit, a few readers, checkpoints beside the commits.
//! Must not know: HTTP, the contract, or what a job does.

mod background;
mod backup;
mod connection;
mod dialect;
mod each;
mod files;
pub(super) mod fill;
pub(super) mod group;
pub(super) mod limit;
pub(super) mod mount;
#[cfg(test)]
mod plans;
mod read_lock;
mod rows;
#[path = "../sql/mod.rs"]
mod sql;
mod within;
mod writer;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
    time::Duration,
};

use diesel::RunQueryDsl;
use slog::{Logger, o};
use tokio::task;

pub(super) use self::connection::path_of;
pub(super) use self::files::{migrate_down, migrate_up, migrations};
pub use self::within::enqueue_in;
use self::{
    background::Background,
    dialect::{Backend, Conn},
    read_lock::Reads,
    sql::{
        runs::Runs,
        statement::{self, statement},
        tx::{Lane, Tx},
    },
    writer::Writer,
};
use super::{
    StoreConfig, StoreError,
    readers::Readers,
    wake::{Changes, Wake, Wakeups},
};
use crate::{clock::Clock, model::JobPolicy};

/// Reading connections that are lent.
const READERS: usize = 4;

/// The engine that `sql` is compiled for here.
type Engine = Sqlite;

/// One SQLite file.
pub(super) struct Sqlite {
    path: PathBuf,
    writer: Writer,
    readers: Readers<Conn>,
    reads: Arc<Reads>,
    wake: Wake,
    /// How much waiting outweighs one step of priority.
    ageing: Duration,
    policies: &'static [JobPolicy],
    /// Runs that it gave leases for.
    runs: Runs,
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
        let path = path_of(&config.database_url)?;
        let (ageing, create, policies) = (config.ageing, config.create, config.policies);
        let log = log.new(o!("component" => "store"));
        blocking(move || {
            let conn = files::prepare(&path, create, &log)?;
            let wake = Wake::new(&path, &log);
            let (writer, thread) = writer::start(conn, Arc::clone(&clock), wake.clone(), &log)?;
            let claims = writer.nudger();
            wake.nudges(move || claims.look_again());
            let (background, reads) = Background::start(&path, wake.clone(), &log)?;
            let readers = {
                let path = path.clone();
                Readers::new(READERS, move || connection::open_reader(&path))
            };
            let threads = Mutex::new(Some((background, thread)));
            Ok(Self {
                path,
                writer,
                readers,
                reads,
                wake,
                ageing,
                policies,
                runs: Runs::default(),
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

    /// Processes on one file are on one machine, and its one writer has them take turns: whoever comes second finds nothing
    /// left to do. So each may do everything.
    pub(super) async fn lead(
        &self,
        _task: &'static str,
        _holder: String,
        _term: Duration,
    ) -> Result<bool, StoreError> {
        std::future::ready(Ok(true)).await
    }

    pub(super) async fn resign(
        &self,
        _task: &'static str,
        _holder: String,
    ) -> Result<(), StoreError> {
        std::future::ready(Ok(())).await
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

    /// There is one writer.
    fn lane(&self, _lane: Lane) -> &Writer {
        &self.writer
    }

    async fn write<F, T>(&self, _lane: Lane, work: F) -> Result<T, StoreError>
    where
        F: Fn(&mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
        T: Send + 'static,
    {
        self.writer.write(work).await
    }

    async fn read<F, T>(&self, query: F) -> Result<T, StoreError>
    where
        F: Fn(&mut Conn) -> Result<T, StoreError> + Send + 'static,
        T: Send + 'static,
    {
        self.readers.read(query).await
    }

    /// For a few rows by their numbers: readers of a WAL wait for nobody, and the pages are seldom not in memory.
    async fn look_up<F, T>(&self, query: F) -> Result<T, StoreError>
    where
        F: Fn(&mut Conn) -> Result<T, StoreError> + Send + 'static,
        T: Send + 'static,
    {
        self.reads.one();
        self.readers.read_here(query).await
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

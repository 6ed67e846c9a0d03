//! Owns the SQLite engine: one writer with group commit, a few readers, checkpoints beside the commits.
//! Must not know: HTTP, the contract, or what a job does.

mod attempts;
mod background;
mod backup;
mod claim;
mod connection;
mod counts;
mod enqueue;
mod jobs;
mod ledger;
mod maintenance;
mod migrate;
mod mount;
#[cfg(test)]
mod plans;
mod profiles;
mod readers;
mod settle;
mod statement;
mod time;
mod users;
mod writer;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
    time::Duration,
};

use diesel::{RunQueryDsl, sqlite::SqliteConnection};
use slog::{Logger, info, o, warn};
use tokio::task;

use self::{
    background::Background,
    readers::Readers,
    writer::{Tx, Writer},
};
use super::{
    MigrationState, StoreConfig, StoreError,
    wake::{Wake, Wakeups},
};
use crate::clock::Clock;

/// Files up to this size are checked whole at start; larger ones by `lockstep doctor`.
const CHECKED_AT_START: u64 = 8 * 1024 * 1024;

/// One SQLite file.
pub(super) struct Sqlite {
    path: PathBuf,
    writer: Writer,
    readers: Readers,
    wake: Wake,
    /// How much waiting outweighs one step of priority.
    ageing: Duration,
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
        let (ageing, create) = (config.ageing, config.create);
        let log = log.new(o!("component" => "store"));
        blocking(move || {
            let conn = prepare(&path, create, &log)?;
            let wake = Wake::new(&path, &log);
            let (writer, thread) = Writer::start(conn, clock, wake.clone(), &log)?;
            let background = Background::start(&path, wake.clone(), &log)?;
            let readers = Readers::new(path.clone());
            let threads = Mutex::new(Some((background, thread)));
            Ok(Self {
                path,
                writer,
                readers,
                wake,
                ageing,
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

/// Opens the file and brings it to this program's schema.
fn prepare(path: &Path, create: bool, log: &Logger) -> Result<SqliteConnection, StoreError> {
    connection::inspect(path)?;
    if !create && !path.exists() {
        return Err(StoreError::unusable(format!(
            "there is no database {}: start the server once, or name another file with DATABASE_URL",
            path.display()
        )));
    }
    let size = path.metadata().map_or(0, |metadata| metadata.len());
    let mut conn = connection::open_writer(path)?;
    if (1..=CHECKED_AT_START).contains(&size) {
        refuse_unsound(&mut conn, path)?;
    }
    if let Some(kind) = mount::network(path) {
        warn!(log, "the database is on a network file system, which can corrupt it: keep it on a local disk";
            "file_system" => kind);
    }
    let ran = migrate::up(&mut conn)?;
    if ran > 0 {
        info!(log, "database migrated"; "migrations" => ran);
    }
    Ok(conn)
}

fn refuse_unsound(conn: &mut SqliteConnection, path: &Path) -> Result<(), StoreError> {
    match connection::quick_check(conn)? {
        None => Ok(()),
        Some(fault) => Err(StoreError::unusable(format!(
            "{} is corrupt ({fault}): restore it from a backup",
            path.display()
        ))),
    }
}

/// Which migrations the file has; nothing is changed. A file that does not exist has none.
pub(super) async fn migrations(config: &StoreConfig) -> Result<Vec<MigrationState>, StoreError> {
    on_schema(config, |path| {
        existing(path)?.map_or_else(migrate::none_applied, |mut conn| migrate::status(&mut conn))
    })
    .await
}

/// Runs what is pending. Answers how many ran.
pub(super) async fn migrate_up(config: &StoreConfig) -> Result<usize, StoreError> {
    on_schema(config, |path| {
        migrate::up(&mut connection::open_writer(path)?)
    })
    .await
}

/// Takes the newest migration, and the data in its tables, back. Answers its version.
pub(super) async fn migrate_down(config: &StoreConfig) -> Result<Option<String>, StoreError> {
    on_schema(config, |path| {
        existing(path)?.map_or(Ok(None), |mut conn| migrate::down(&mut conn))
    })
    .await
}

async fn on_schema<T: Send + 'static>(
    config: &StoreConfig,
    action: fn(&Path) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let path = connection::path_of(&config.database_url)?;
    blocking(move || {
        connection::inspect(&path)?;
        action(&path)
    })
    .await
}

/// The file, unless there is nothing in it: who only asks does not make one.
fn existing(path: &Path) -> Result<Option<SqliteConnection>, StoreError> {
    let empty = path.metadata().map_or(true, |file| file.len() == 0);
    (!empty).then(|| connection::open_writer(path)).transpose()
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

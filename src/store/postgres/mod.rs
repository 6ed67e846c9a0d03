//! Owns the PostgreSQL engine: writing connections with group commit, a pool of reading ones, hints between processes.
//! Must not know: HTTP, the contract, or what a job does.

mod at_once;
mod background;
mod check;
mod classify;
mod clock;
mod connect;
mod dialect;
mod doctor;
mod ending;
mod fate;
mod hints;
mod leaders;
pub(super) mod limit;
mod miss;
mod open;
mod parameters;
mod passfile;
pub(super) mod place;
#[cfg(test)]
mod plans;
mod rows;
#[cfg(test)]
mod scratch;
mod session;
mod settings;
#[path = "../sql/mod.rs"]
mod sql;
mod tls;
mod transaction;
mod url;
mod within;
mod wrapper;
mod writer;
mod writing;

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
    time::Duration,
};

use diesel::connection::SimpleConnection;
use slog::{Logger, o};
use tokio::task;

pub(super) use self::connect::{Driver, connect};
pub(super) use self::open::{migrate_down, migrate_up, migrations};
pub(super) use self::settings::Settings;
pub use self::within::enqueue_in_postgres;
use self::{
    background::Background,
    clock::ServerClock,
    dialect::{Backend, Conn},
    hints::Hints,
    sql::{
        runs::Runs,
        tx::{Lane, Tx},
        unit::Units,
    },
    writer::{Common, Writers},
};
use super::{StoreConfig, StoreError, readers::Readers, wake::Wake};
use crate::{clock::Clock, model::JobPolicy};

/// The engine that `sql` is compiled for here.
type Engine = Postgres;

/// Whether a URL is one of PostgreSQL's.
pub(super) fn is_meant(url: &str) -> bool {
    url.starts_with("postgres://") || url.starts_with("postgresql://")
}

/// What a URL says.
pub(super) fn settings(url: &str) -> Result<Settings, StoreError> {
    Settings::parse(url)
}

/// One PostgreSQL database.
pub(super) struct Postgres {
    writers: Writers,
    readers: Readers<Conn>,
    wake: Wake,
    /// How much waiting outweighs one step of priority.
    ageing: Duration,
    policies: &'static [JobPolicy],
    /// Runs that it gave leases for.
    runs: Runs,
    clock: Arc<ServerClock>,
    settings: Arc<Settings>,
    log: Logger,
    background: Background,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Postgres {
    pub(super) async fn open(
        config: &StoreConfig,
        clock: Arc<dyn Clock>,
        log: &Logger,
    ) -> Result<Self, StoreError> {
        let log = log.new(o!("component" => "store"));
        let settings = Arc::new(Settings::parse(&config.database_url)?);
        let clock = Arc::new(ServerClock::new(clock));
        let prepared = {
            let (settings, clock, log) = (Arc::clone(&settings), Arc::clone(&clock), log.clone());
            blocking(move || open::prepare(&settings, &clock, &log))
        };
        prepared.await?;
        let hints = Arc::new(Hints::new());
        let wake = {
            let hints = Arc::clone(&hints);
            Wake::telling(move || hints.soon(), &log)
        };
        let readers = {
            let settings = Arc::clone(&settings);
            Readers::new(settings.pool_size, move || open::reader(&settings))
        };
        let common = Common {
            settings: Arc::clone(&settings),
            clock: Arc::clone(&clock),
            wake: wake.clone(),
            hints: Arc::clone(&hints),
            log: log.clone(),
        };
        let (writers, threads) = writer::start(&common)?;
        let claims = writers.of(Lane::Claims).nudger();
        wake.nudges(move || claims.look_again());
        let background = Background::start(
            &settings,
            &wake,
            hints,
            Arc::clone(&clock),
            readers.clone(),
            &log,
        );
        Ok(Self {
            writers,
            readers,
            wake,
            ageing: config.ageing,
            policies: config.policies,
            runs: Runs::default(),
            clock,
            settings,
            log,
            background,
            threads: Mutex::new(threads),
        })
    }

    /// Waits for what was accepted, then for the threads.
    pub(super) async fn close(self) {
        let Self {
            writers,
            readers,
            threads,
            background,
            ..
        } = self;
        drop((writers, background));
        let threads = threads.into_inner().unwrap_or_else(PoisonError::into_inner);
        let _ = task::spawn_blocking(move || {
            for thread in threads {
                let _ = thread.join();
            }
            readers.close_idle();
        })
        .await;
    }

    pub(super) async fn ping(&self) -> Result<(), StoreError> {
        let looked = |conn: &mut Conn| Ok(conn.batch_execute("SELECT count(*) FROM turns")?);
        self.readers.read_now(looked).await
    }

    pub(super) async fn backup(&self, _target: PathBuf) -> Result<u64, StoreError> {
        task::yield_now().await;
        Err(StoreError::unusable(
            "a PostgreSQL database is backed up by its own tools: use pg_dump, or continuous archiving",
        ))
    }

    fn lane(&self, lane: Lane) -> &Units {
        self.writers.of(lane)
    }

    async fn write<F, T>(&self, lane: Lane, work: F) -> Result<T, StoreError>
    where
        F: Fn(&mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
        T: Send + 'static,
    {
        self.lane(lane).write(work).await
    }

    /// For a few rows by their numbers.
    async fn look_up<F, T>(&self, query: F) -> Result<T, StoreError>
    where
        F: Fn(&mut Conn) -> Result<T, StoreError> + Send + 'static,
        T: Send + 'static,
    {
        self.readers.read(query).await
    }

    async fn read<F, T>(&self, query: F) -> Result<T, StoreError>
    where
        F: Fn(&mut Conn) -> Result<T, StoreError> + Send + 'static,
        T: Send + 'static,
    {
        self.readers.read(query).await
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

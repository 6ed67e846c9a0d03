//! Owns moving everything from a SQLite file to an empty PostgreSQL database: one transaction there, verified before its
//! commit, while nobody writes here. Whoever breaks it off has changed nothing, and may begin again.
//! Must not know: how progress is shown.

mod digest;
mod source;
mod tables;
mod target;

use std::path::PathBuf;

pub use tables::TABLES;

use self::{source::Source, target::Target};
use super::{Store, StoreConfig, StoreError, postgres, sqlite};

/// What was copied of one table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    pub table: &'static str,
    pub rows: u64,
    /// Of all of its rows in any order: the same before and after.
    pub digest: String,
}

/// How far a copy is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    pub table: &'static str,
    /// Rows of all tables.
    pub done: u64,
    pub total: u64,
}

/// Copies users, jobs with their history, schedules, groups, limits, unique keys and answers to idempotency keys, with their
/// numbers and times, from the SQLite file at `from` to the PostgreSQL database at `to`. Not the event log, whose order is
/// each engine's own, nor who runs jobs. Refuses a source that is not at this program's schema and a target that holds
/// anything. While it runs, writers of the source wait for five seconds and are then told to try later.
///
/// # Errors
/// `Unusable` with what to do, `Unavailable`; `Internal` when what arrived is not what was sent, and then nothing stays.
pub async fn copy(
    from: &str,
    to: &str,
    progress: impl FnMut(Progress) + Send + 'static,
) -> Result<Vec<Copied>, StoreError> {
    if postgres::is_meant(from) || !postgres::is_meant(to) {
        return Err(StoreError::unusable(
            "copies go from SQLite to PostgreSQL: lockstep db copy users.db postgres://user@host/database",
        ));
    }
    let config = StoreConfig::new(from);
    let path = sqlite::path_of(from)?;
    if !path.is_file() {
        return Err(StoreError::unusable(format!(
            "there is no database {}",
            path.display()
        )));
    }
    let pending = Store::migrations(&config).await?;
    if pending.iter().any(|one| !one.applied) {
        return Err(StoreError::unusable(format!(
            "{} is not at this program's schema: run lockstep migrate up on it first",
            path.display()
        )));
    }
    let settings = postgres::settings(to)?;
    Store::migrate_up(&StoreConfig::new(to)).await?;
    tokio::task::spawn_blocking(move || run(path, &settings, progress))
        .await
        .map_err(|error| StoreError::Internal(Box::new(error)))?
}

fn run(
    path: PathBuf,
    settings: &postgres::Settings,
    mut progress: impl FnMut(Progress),
) -> Result<Vec<Copied>, StoreError> {
    let source = Source::open(path)?;
    let mut target = Target::open(settings)?;
    target.refuse_unless_empty()?;
    let total = source.rows()?;
    let (mut done, mut copied) = (0, Vec::new());
    for table in TABLES {
        let mut sent = digest::Sum::default();
        let mut rows = 0;
        target.fill(table, |send| {
            source.read(table, |row| {
                sent.add(table, row)
                    .map_err(|what| StoreError::unusable(format!("{what}: it cannot be copied")))?;
                rows += 1;
                done += 1;
                if done % 10_000 == 0 {
                    progress(Progress {
                        table: table.name,
                        done,
                        total,
                    });
                }
                send(row)
            })
        })?;
        let (arrived, there) = target.look(table)?;
        if arrived != rows || there.text() != sent.text() {
            return Err(StoreError::internal(format!(
                "{}: {rows} rows were sent and {arrived} arrived, digests {} and {}: nothing was kept",
                table.name,
                sent.text(),
                there.text()
            )));
        }
        if let Some(last) = source.sequence(table)? {
            target.set_sequence(table, last)?;
        }
        copied.push(Copied {
            table: table.name,
            rows,
            digest: sent.text(),
        });
        progress(Progress {
            table: table.name,
            done,
            total,
        });
    }
    target.commit()?;
    Ok(copied)
}

//! Owns opening the file and bringing it to this program's schema, and what operators ask of the schema.
//! Must not know: what is in the tables.

use std::path::Path;

use diesel::sqlite::SqliteConnection;
use slog::{Logger, info, warn};

use super::{blocking, connection, mount, sql::migrate};
use crate::store::{MigrationState, StoreConfig, StoreError};

/// Files up to this size are checked whole at start; larger ones by `lockstep doctor`.
const CHECKED_AT_START: u64 = 8 * 1024 * 1024;

/// Opens the file and brings it to this program's schema.
pub(super) fn prepare(
    path: &Path,
    create: bool,
    log: &Logger,
) -> Result<SqliteConnection, StoreError> {
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

pub(super) fn refuse_unsound(conn: &mut SqliteConnection, path: &Path) -> Result<(), StoreError> {
    match connection::quick_check(conn)? {
        None => Ok(()),
        Some(fault) => Err(StoreError::unusable(format!(
            "{} is corrupt ({fault}): restore it from a backup",
            path.display()
        ))),
    }
}

/// Which migrations the file has; nothing is changed. A file that does not exist has none.
pub(in crate::store) async fn migrations(
    config: &StoreConfig,
) -> Result<Vec<MigrationState>, StoreError> {
    on_schema(config, |path| {
        existing(path)?.map_or_else(migrate::none_applied, |mut conn| migrate::status(&mut conn))
    })
    .await
}

/// Runs what is pending. Answers how many ran.
pub(in crate::store) async fn migrate_up(config: &StoreConfig) -> Result<usize, StoreError> {
    on_schema(config, |path| {
        migrate::up(&mut connection::open_writer(path)?)
    })
    .await
}

/// Takes the newest migration, and the data in its tables, back. Answers its version.
pub(in crate::store) async fn migrate_down(
    config: &StoreConfig,
) -> Result<Option<String>, StoreError> {
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

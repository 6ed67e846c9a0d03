//! Owns the schema's versions: what this program knows, what the file has, moving between them.
//! Must not know: what the tables hold.

use std::collections::BTreeSet;

use diesel::{
    migration::MigrationSource,
    sqlite::{Sqlite, SqliteConnection},
};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use crate::store::{MigrationState, StoreError};

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/sqlite");

/// Every migration that this program knows, and whether the file has it. Refuses a file that has others.
pub(super) fn status(conn: &mut SqliteConnection) -> Result<Vec<MigrationState>, StoreError> {
    let applied: BTreeSet<String> = conn
        .applied_migrations()
        .map_err(StoreError::Internal)?
        .into_iter()
        .map(|version| version.to_string())
        .collect();
    let known = MigrationSource::<Sqlite>::migrations(&MIGRATIONS).map_err(StoreError::Internal)?;
    let mut states: Vec<_> = known
        .iter()
        .map(|migration| {
            let name = migration.name();
            MigrationState {
                applied: applied.contains(&name.version().to_string()),
                version: name.version().to_string(),
                name: name.to_string(),
            }
        })
        .collect();
    states.sort_by(|a, b| a.version.cmp(&b.version));
    match applied
        .iter()
        .find(|version| states.iter().all(|state| state.version != **version))
    {
        Some(newer) => Err(StoreError::unusable(format!(
            "the database has schema {newer}, which this program does not know: use the newer program that made it"
        ))),
        None => Ok(states),
    }
}

/// Brings the file to this program's schema. Each migration is one transaction. Answers how many ran.
pub(super) fn up(conn: &mut SqliteConnection) -> Result<usize, StoreError> {
    status(conn)?;
    conn.run_pending_migrations(MIGRATIONS)
        .map(|ran| ran.len())
        .map_err(StoreError::Internal)
}

/// Takes the newest migration back. Answers which, if there was one.
pub(super) fn down(conn: &mut SqliteConnection) -> Result<Option<String>, StoreError> {
    if status(conn)?.iter().all(|state| !state.applied) {
        return Ok(None);
    }
    conn.revert_last_migration(MIGRATIONS)
        .map(|version| Some(version.to_string()))
        .map_err(StoreError::Internal)
}

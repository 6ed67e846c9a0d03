//! Owns the schema's versions: what this program knows, what the database has, moving between them.
//! Must not know: what the tables hold.

use std::collections::BTreeSet;

use diesel::migration::MigrationSource;
use diesel_migrations::MigrationHarness;

use super::{
    Backend, Conn,
    dialect::{self, MIGRATIONS},
};
use crate::store::{Cause, MigrationState, StoreError};

/// Every migration that this program knows, and whether the database has it. Refuses a database that has others.
pub(in crate::store) fn status(conn: &mut Conn) -> Result<Vec<MigrationState>, StoreError> {
    let applied = conn.applied_migrations().map_err(failed)?;
    states(&applied.iter().map(ToString::to_string).collect())
}

/// The same for a database that does not exist.
pub(in crate::store) fn none_applied() -> Result<Vec<MigrationState>, StoreError> {
    states(&BTreeSet::new())
}

fn failed(cause: Cause) -> StoreError {
    StoreError::classify(&cause.to_string(), cause)
}

fn states(applied: &BTreeSet<String>) -> Result<Vec<MigrationState>, StoreError> {
    let known = MigrationSource::<Backend>::migrations(&MIGRATIONS).map_err(failed)?;
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

/// Brings the database to this program's schema: all of it or, when one migration fails, none. Answers how many ran.
pub(in crate::store) fn up(conn: &mut Conn) -> Result<usize, StoreError> {
    if status(conn)?.iter().all(|state| state.applied) {
        return Ok(0);
    }
    // Another process may be at it: whoever comes second finds nothing left to do.
    dialect::exclusively(conn, |conn| {
        status(conn)?;
        conn.run_pending_migrations(MIGRATIONS)
            .map(|ran| ran.len())
            .map_err(failed)
    })
}

/// Takes the newest migration back. Answers which, if there was one.
pub(in crate::store) fn down(conn: &mut Conn) -> Result<Option<String>, StoreError> {
    if status(conn)?.iter().all(|state| !state.applied) {
        return Ok(None);
    }
    conn.revert_last_migration(MIGRATIONS)
        .map(|version| Some(version.to_string()))
        .map_err(failed)
}

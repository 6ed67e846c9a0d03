//! Owns bringing a database to this program's schema, and what operators ask of the schema.
//! Must not know: what is in the tables.

use std::sync::Arc;

use diesel::{QueryableByName, RunQueryDsl, connection::SimpleConnection, sql_types};
use slog::{Logger, info, warn};
use tokio::runtime::Builder;

use super::{
    blocking,
    check::check,
    clock::ServerClock,
    connect::connect,
    dialect::Conn,
    settings::Settings,
    sql::{migrate, statement::statement},
    wrapper,
};
use crate::store::{MigrationState, StoreConfig, StoreError};

/// Asks the server whether the store can live there, and brings the database to this program's schema.
pub(super) fn prepare(
    settings: &Settings,
    clock: &ServerClock,
    log: &Logger,
) -> Result<(), StoreError> {
    for warning in examine(settings)? {
        warn!(log, "{}", warning);
    }
    let mut conn = wrapper::open(settings)?;
    refuse_foreign(&mut conn, settings)?;
    let ran = migrate::up(&mut conn)?;
    if ran > 0 {
        info!(log, "database migrated"; "migrations" => ran);
    }
    // After a restore from another cluster, transactions there have other numbers: what was told before is no order for
    // what is told from now on.
    let gone = statement(
        "DELETE FROM job_events WHERE id >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint",
    )
    .execute(&mut conn)?;
    statement(
        "UPDATE event_log SET trimmed = pg_snapshot_xmax(pg_current_snapshot())::text::bigint - 1 \
         WHERE id = 1 AND (? OR trimmed >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint)",
    )
    .bool(gone > 0)
    .execute(&mut conn)?;
    clock.measure(&mut conn)
}

/// What is unwise about the server, each a sentence; an error when the store cannot live there.
pub(super) fn examine(settings: &Settings) -> Result<Vec<String>, StoreError> {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| StoreError::Internal(Box::new(error)))?;
    runtime.block_on(async {
        let (client, mut driver) = connect(settings).await?;
        driver.drive(check(&client, settings)).await
    })
}

/// A connection for reading.
pub(super) fn reader(settings: &Settings) -> Result<Conn, StoreError> {
    let mut conn = wrapper::reopen(settings)?;
    if settings.statement_cache {
        conn.batch_execute("SET default_transaction_read_only = on")?;
    }
    Ok(conn)
}

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = sql_types::Nullable<sql_types::Text>)]
    found: Option<String>,
}

/// A database with tables of our names that are not ours.
fn refuse_foreign(conn: &mut Conn, settings: &Settings) -> Result<(), StoreError> {
    let foreign: Found = statement(
        "SELECT CASE WHEN to_regclass('__diesel_schema_migrations') IS NULL THEN coalesce(\
         to_regclass('job_queue')::text, to_regclass('users')::text) END AS found",
    )
    .get_result(conn)?;
    match foreign.found {
        None => Ok(()),
        Some(table) => Err(StoreError::unusable(format!(
            "{} has a table {table} that this program has not made: give it a database of its own",
            settings.name()
        ))),
    }
}

/// Which migrations the database has; nothing is changed.
pub(in crate::store) async fn migrations(
    config: &StoreConfig,
) -> Result<Vec<MigrationState>, StoreError> {
    on_schema(config, |conn| {
        let known: Found =
            statement("SELECT to_regclass('__diesel_schema_migrations')::text AS found")
                .get_result(conn)?;
        match known.found {
            None => migrate::none_applied(),
            Some(_) => migrate::status(conn),
        }
    })
    .await
}

/// Runs what is pending. Answers how many ran.
pub(in crate::store) async fn migrate_up(config: &StoreConfig) -> Result<usize, StoreError> {
    on_schema(config, migrate::up).await
}

/// Takes the newest migration, and the data in its tables, back. Answers its version.
pub(in crate::store) async fn migrate_down(
    config: &StoreConfig,
) -> Result<Option<String>, StoreError> {
    on_schema(config, migrate::down).await
}

async fn on_schema<T: Send + 'static>(
    config: &StoreConfig,
    action: fn(&mut Conn) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let settings = Arc::new(Settings::parse(&config.database_url)?);
    blocking(move || {
        examine(&settings)?;
        let mut conn = wrapper::open(&settings)?;
        refuse_foreign(&mut conn, &settings)?;
        action(&mut conn)
    })
    .await
}

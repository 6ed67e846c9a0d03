//! The same schema on both engines: migrations, tables, columns, what may be NULL, indexes; but for what is listed here.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use diesel::{
    Connection, QueryableByName, RunQueryDsl, SqliteConnection, sql_query,
    sql_types::{BigInt, Text},
};
use lockstep::{
    clock::SystemClock,
    store::{Store, StoreConfig},
};

use crate::support::place::{Place, client};

/// Tables that only PostgreSQL needs: taking turns, who leads, what is known of commits beside their events.
const OWN_TABLES: [&str; 4] = ["event_log", "leaders", "quiet_commits", "turns"];
/// Columns that only PostgreSQL needs.
const OWN_COLUMNS: [(&str, &str); 2] = [("job_counts", "stripe"), ("job_events", "token")];

/// A store as a process would have it.
pub(super) async fn open(place: &Place) -> Store {
    let config = StoreConfig::new(place.url());
    let log = slog::Logger::root(slog::Discard, slog::o!());
    Store::open(&config, Arc::new(SystemClock), &log)
        .await
        .unwrap()
}

#[derive(QueryableByName)]
struct Column {
    #[diesel(sql_type = Text)]
    place: String,
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = BigInt)]
    required: i64,
}

/// Kind and whether it is required, by `table.column`.
type Columns = BTreeMap<String, (String, bool)>;

fn is_own(column: &str) -> bool {
    let (table, column) = column.split_once('.').unwrap();
    OWN_TABLES.contains(&table) || OWN_COLUMNS.contains(&(table, column))
}

async fn on_sqlite() -> (Columns, BTreeSet<String>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.db");
    let config = StoreConfig::new(path.to_str().unwrap());
    Store::migrate_up(&config).await.unwrap();
    let mut conn = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    let columns: Vec<Column> = sql_query(
        "SELECT m.name || '.' || c.name AS place, lower(c.type) AS kind, c.\"notnull\" OR c.pk > 0 AS required \
         FROM sqlite_master AS m, pragma_table_info(m.name) AS c \
         WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%' AND m.name NOT LIKE '\\_\\_%' ESCAPE '\\'",
    )
    .load(&mut conn)
    .unwrap();
    let indexes: Vec<Column> = sql_query(
        "SELECT name AS place, '' AS kind, 0 AS required FROM sqlite_master \
         WHERE type = 'index' AND name NOT LIKE 'sqlite%'",
    )
    .load(&mut conn)
    .unwrap();
    (
        columns
            .into_iter()
            .map(|column| (column.place, (column.kind, column.required != 0)))
            .collect(),
        indexes.into_iter().map(|index| index.place).collect(),
    )
}

async fn on_postgres() -> (Columns, BTreeSet<String>) {
    let place = Place::new_postgres();
    let client = client(&place.url()).await;
    let columns = client
        .query(
            "SELECT table_name || '.' || column_name, data_type, is_nullable = 'NO' \
             FROM information_schema.columns WHERE table_schema = 'public' AND table_name NOT LIKE '\\_\\_%'",
            &[],
        )
        .await
        .unwrap();
    let indexes = client
        .query(
            "SELECT indexname FROM pg_indexes WHERE schemaname = 'public' \
             AND indexname !~ '_(pkey|key)$'",
            &[],
        )
        .await
        .unwrap();
    place.remove();
    (
        columns
            .iter()
            .map(|row| (row.get(0), (row.get(1), row.get(2))))
            .collect(),
        indexes.iter().map(|row| row.get(0)).collect(),
    )
}

#[tokio::test]
async fn both_engines_have_the_same_migrations() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("users.db");
    let names = async |url: &str| {
        let states = Store::migrations(&StoreConfig::new(url)).await.unwrap();
        let states = states.into_iter().map(|state| (state.version, state.name));
        states.collect::<Vec<_>>()
    };
    let place = Place::bare_postgres();
    let ours = names(file.to_str().unwrap()).await;
    assert!(ours.len() >= 3, "{ours:?}");
    assert_eq!(names(&place.url()).await, ours);
    place.remove();
}

#[tokio::test]
async fn both_engines_have_the_same_tables_columns_and_indexes() {
    let ((here, our_indexes), (there, their_indexes)) = (on_sqlite().await, on_postgres().await);
    let required = |columns: &Columns| -> BTreeMap<String, bool> {
        let shared = columns.iter().filter(|(column, _)| !is_own(column));
        let shared = shared.map(|(column, (_, required))| (column.clone(), *required));
        shared.collect()
    };
    assert!(here.len() > 80, "{}", here.len());
    assert_eq!(required(&here), required(&there));
    assert_eq!(our_indexes, their_indexes);
    let own = there.keys().filter(|column| is_own(column)).count();
    assert!(own >= OWN_TABLES.len() + OWN_COLUMNS.len());
}

/// Kinds go together: what is a moment on one engine is one on the other.
#[tokio::test]
async fn moments_flags_and_numbers_are_what_they_are() {
    let ((here, _), (there, _)) = (on_sqlite().await, on_postgres().await);
    for (column, (kind, _)) in &there {
        let name = column.split_once('.').unwrap().1;
        let moment =
            name.ends_with("_at") || ["at", "until", "lease_until", "tick"].contains(&name);
        assert_eq!(
            moment,
            kind == "timestamp with time zone",
            "{column}: {kind}"
        );
        let Some((ours, _)) = here.get(column) else {
            continue;
        };
        let allowed: &[&str] = match kind.as_str() {
            "timestamp with time zone" | "bigint" => &["bigint", "integer"],
            "integer" | "smallint" => &["integer"],
            "boolean" => &["boolean"],
            "double precision" => &["double", "real"],
            "text" | "json" | "jsonb" => &["text"],
            other => panic!("{column}: {other}"),
        };
        assert!(allowed.contains(&ours.as_str()), "{column}: {kind}, {ours}");
    }
}

/// An index on text in the order of some language could not be read in the order that the program has.
#[tokio::test]
async fn indexed_text_is_in_the_order_of_its_bytes() {
    let place = Place::new_postgres();
    let client = client(&place.url()).await;
    let wrong = client
        .query(
            "SELECT DISTINCT attrelid::regclass || '.' || attname \
             FROM pg_index JOIN pg_attribute ON attrelid = indrelid AND attnum = ANY(indkey) \
             JOIN pg_class ON pg_class.oid = indrelid JOIN pg_collation ON pg_collation.oid = attcollation \
             WHERE relnamespace = 'public'::regnamespace AND collname <> 'C' AND relname NOT LIKE '\\_\\_%'",
            &[],
        )
        .await
        .unwrap();
    let wrong: Vec<String> = wrong.iter().map(|row| row.get(0)).collect();
    assert_eq!(wrong, [""; 0]);
    place.remove();
}

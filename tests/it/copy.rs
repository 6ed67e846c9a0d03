//! A SQLite file with something in every table becomes a PostgreSQL database with the same in it: every column, numbers that
//! go on, nothing lost; and what must not be copied is refused.
#![allow(
    clippy::too_many_lines,
    reason = "one thing of every kind, and a look at each"
)]

use std::{collections::BTreeSet, time::Duration};

use chrono::TimeDelta;
use diesel::{Connection, QueryableByName, RunQueryDsl, SqliteConnection, sql_query, sql_types};
use lockstep::{
    clock::SystemClock,
    model::{
        AttemptOutcome, ControlKind, ControlLimits, JobFilter, JobReport, LogLine, Misfire,
        NewGroup, NewItem, NewJob, NewSchedule, NewUser, OnConflict, Rate, Settlement, Timing,
        UniqueClaim, UniqueScope, UserProfile,
    },
    processors::user_created::job_for,
    store::{self, Claim, Store, StoreConfig, StoreError, copy::TABLES},
};
use serde_json::Value;

use crate::support::{
    database::{Database, ada, analysis, start},
    place::Place,
};

/// What is not copied, and why is said at `store::copy`.
const LEFT: [&str; 5] = [
    "job_events",
    "workers",
    "sqlite_sequence",
    "sqlite_stat1",
    "__diesel_schema_migrations",
];

#[derive(QueryableByName)]
struct Column {
    #[diesel(sql_type = sql_types::Text)]
    tab: String,
    #[diesel(sql_type = sql_types::Text)]
    col: String,
}

/// Every column of every table of a file.
fn columns(path: &str) -> BTreeSet<(String, String)> {
    let mut conn = SqliteConnection::establish(path).unwrap();
    let columns: Vec<Column> = sql_query(
        "SELECT t.name AS tab, c.name AS col FROM sqlite_schema AS t JOIN pragma_table_info(t.name) AS c \
         WHERE t.type = 'table'",
    )
    .load(&mut conn)
    .unwrap();
    columns
        .into_iter()
        .filter(|column| !LEFT.contains(&column.tab.as_str()))
        .map(|column| (column.tab, column.col))
        .collect()
}

fn full() -> NewJob {
    NewJob {
        payload: "{\"message\":\"tab\\t, line\\n, back\\\\slash, snow ☃\", \"n\":[1,2.5,3]}"
            .to_owned(),
        tags: vec!["a".to_owned(), "b\\".to_owned()],
        metadata: Some(r#"{"z":1,"a":{"b":null}}"#.to_owned()),
        concurrency_key: Some("k".to_owned()),
        expires_at: Some(start() + TimeDelta::days(9)),
        unique: Some(UniqueClaim {
            key: "data_analysis:k".to_owned(),
            scope: UniqueScope::UntilFinished,
            period: None,
            on_conflict: OnConflict::Reject,
        }),
        ..analysis()
    }
}

/// Something in every table.
async fn fill(store: &Store) {
    for number in 0..3 {
        let user = NewUser {
            email: format!("u{number}@example.com"),
            additional_data: Some(r#"{"score": 1.50, "hobby":"x"}"#.to_owned()),
            ..ada()
        };
        let job = job_for(&user);
        store.user_create(user, job).await.unwrap();
    }
    store.user_delete(3, None).await.unwrap();
    let profile = UserProfile {
        user_id: 1,
        score: Some(0.1),
        other: Some(r#"{"a":1}"#.to_owned()),
        ..UserProfile::default()
    };
    store.user_profile_initialise(profile).await.unwrap();
    store.job_enqueue(full()).await.unwrap();
    let claim = Claim {
        queues: &["default"],
        worker: "worker-1",
        limit: 3,
        lease: Duration::from_secs(30),
        reads: None,
    };
    let claimed = store.job_claim(claim).await.unwrap().jobs;
    let (ends, runs) = (&claimed[0], &claimed[1]);
    let report = JobReport {
        progress: Some(r#"{"percent": 5}"#.to_owned()),
        checkpoint: Some(r#"{"row":1}"#.to_owned()),
        log: vec![LogLine {
            at: start(),
            message: "one\nline".to_owned(),
        }],
    };
    store.job_report(runs.id, runs.lease, report).await.unwrap();
    let done = Settlement::Complete {
        result: Some(r#"{"users": 1}"#.to_owned()),
    };
    let failed = Settlement::Retry {
        delay: Duration::from_secs(10),
        error: "no\tluck".to_owned(),
        outcome: AttemptOutcome::Failed,
    };
    store
        .job_settle(vec![
            (ends.id, ends.lease, done),
            (claimed[2].id, claimed[2].lease, failed),
        ])
        .await
        .unwrap();
    let group = NewGroup {
        name: Some("g".to_owned()),
        jobs: vec![
            NewItem {
                job: analysis(),
                after_items: Vec::new(),
            },
            NewItem {
                job: analysis(),
                after_items: vec![0],
            },
        ],
        callback: Some(analysis()),
    };
    store.group_create(group, None).await.unwrap();
    let limits = ControlLimits {
        concurrency: Some(7),
        rate: Some(Rate {
            limit: 3,
            period: Duration::from_mins(1),
        }),
        max_depth: Some(1_000),
    };
    store
        .control_limit(ControlKind::JobType, "data_export".to_owned(), limits)
        .await
        .unwrap();
    let schedule = NewSchedule {
        name: "nightly".to_owned(),
        job_type: "data_analysis".to_owned(),
        payload: r#"{"message":"m"}"#.to_owned(),
        schema_fingerprint: "f".to_owned(),
        options: "{}".to_owned(),
        timing: Timing::Every(Duration::from_mins(1)),
        misfire: Misfire::Once,
        misfire_limit: 1,
    };
    let next = Box::new(|_: &lockstep::model::Schedule, now| Some(now));
    let schedule = store.schedule_create(schedule, next).await.unwrap();
    store
        .schedule_run_now(schedule.id, analysis())
        .await
        .unwrap();
}

async fn open(url: &str) -> Store {
    let log = slog::Logger::root(slog::Discard, slog::o!());
    let clock = std::sync::Arc::new(SystemClock);
    Store::open(&StoreConfig::new(url), clock, &log)
        .await
        .unwrap()
}

fn json(text: Option<&str>) -> Value {
    text.map_or(Value::Null, |text| serde_json::from_str(text).unwrap())
}

#[tokio::test]
async fn everything_arrives_and_goes_on_where_it_was() {
    let database = Database::new().await;
    fill(&database.store).await;
    let from = database.place().url();
    database.place().execute(
        "INSERT INTO idempotency_keys VALUES ('k', 'd', 201, '[[\"a\",\"b\"]]', 'body', 1); \
         INSERT INTO rate_buckets VALUES ('type:data_export', 0.25, 1, 9223372036854775807)",
    );
    let listed: BTreeSet<_> = TABLES
        .iter()
        .flat_map(|table| {
            let columns = table.columns.iter();
            columns.map(|(column, _)| (table.name.to_owned(), (*column).to_owned()))
        })
        .collect();
    assert_eq!(listed, columns(&from), "every column is copied");

    let target = Place::bare_postgres();
    let (progress, told) = std::sync::mpsc::channel();
    let url = target.url();
    let copied = store::copy(&from, &url, move |step| progress.send(step).unwrap());
    let copied = copied.await.unwrap();
    assert!(copied.iter().all(|table| table.rows > 0), "{copied:?}");
    let last = told.iter().last().unwrap();
    assert_eq!(
        (last.done, last.done),
        (last.total, copied.iter().map(|one| one.rows).sum())
    );

    let there = open(&target.url()).await;
    let jobs = |store: &Store| {
        let store = store.clone();
        async move {
            store
                .job_list(JobFilter::default(), None, 100)
                .await
                .unwrap()
        }
    };
    let (before, after) = (jobs(&database.store).await, jobs(&there).await);
    assert_eq!(before.len(), after.len());
    for (mut one, mut other) in before.into_iter().zip(after) {
        assert_eq!(json(Some(&one.payload)), json(Some(&other.payload)));
        assert_eq!(
            json(one.metadata.as_deref()),
            json(other.metadata.as_deref())
        );
        other.payload.clone_from(&one.payload);
        other.metadata.clone_from(&one.metadata);
        one.tags.sort();
        other.tags.sort();
        assert_eq!(one, other);
        let runs = database.store.job_attempts(one.id, 10).await.unwrap();
        assert_eq!(runs, there.job_attempts(one.id, 10).await.unwrap());
    }
    assert_eq!(there.job_counts_check().await.unwrap(), []);
    assert_eq!(
        database.store.job_counts().await.unwrap(),
        there.job_counts().await.unwrap()
    );
    assert_eq!(
        database.store.controls().await.unwrap(),
        there.controls().await.unwrap()
    );
    // Numbers go on, those of deleted rows too; and a unique key is still held.
    let user = there
        .user_create(
            NewUser {
                email: "new@example.com".to_owned(),
                ..ada()
            },
            job_for(&ada()),
        )
        .await
        .unwrap();
    assert_eq!(user.user.id, 4);
    let again = there.job_enqueue(full()).await;
    assert!(
        matches!(
            again,
            Err(StoreError::Refused { .. } | StoreError::DuplicateJob { .. })
        ),
        "{again:?}"
    );

    let twice = store::copy(&from, &target.url(), |_| {}).await.unwrap_err();
    assert!(twice.to_string().contains("is not empty"), "{twice}");
    there.close().await;
    database.close().await;
    target.remove();
}

#[tokio::test]
async fn what_cannot_be_copied_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let target = Place::bare_postgres();
    let url = target.url();
    for (from, to, says) in [
        (path("a.db"), path("b.db"), "from SQLite to PostgreSQL"),
        (url.clone(), url.clone(), "from SQLite to PostgreSQL"),
        (path("none.db"), url.clone(), "there is no database"),
    ] {
        let refused = store::copy(&from, &to, |_| {}).await.unwrap_err();
        assert!(
            matches!(refused, StoreError::Unusable { .. }),
            "{refused:?}"
        );
        assert!(refused.to_string().contains(says), "{refused}");
    }
    target.remove();
}

//! Jobs that somebody else's program enqueues in its own transaction on the same file.

use std::time::Duration;

use diesel::{Connection, RunQueryDsl, SqliteConnection, connection::SimpleConnection, sql_query};
use lockstep::{
    clock::Clock,
    model::{EnqueueOutcome, JobFilter, NewJob, OnConflict},
    store::{StoreError, enqueue_in},
};

use crate::support::database::{Database, analysis, unique};

/// A program with a table of its own in the file.
fn connect(db: &Database) -> SqliteConnection {
    let mut conn = SqliteConnection::establish(&db.place().url()).unwrap();
    conn.batch_execute("PRAGMA busy_timeout = 5000; CREATE TABLE pictures (file TEXT)")
        .unwrap();
    conn
}

fn picture(conn: &mut SqliteConnection) -> Result<(), StoreError> {
    sql_query("INSERT INTO pictures VALUES ('ada.png')").execute(conn)?;
    Ok(())
}

#[tokio::test]
async fn a_job_is_there_if_and_only_if_the_rest_is() {
    let db = Database::new().await;
    let mut conn = connect(&db);
    let now = db.clock.now();
    db.store.job_enqueue(analysis()).await.unwrap();
    let events = db.place().count("job_events");

    let undone: Result<(), StoreError> = conn.immediate_transaction(|conn| {
        picture(conn)?;
        enqueue_in(conn, unique(OnConflict::Reject), now)?;
        enqueue_in(conn, analysis(), now)?;
        Err(StoreError::NotFound)
    });
    assert!(matches!(undone, Err(StoreError::NotFound)));
    let left = ["pictures", "unique_locks"].map(|table| db.place().count(table));
    assert_eq!(left, [0, 0]);
    assert_eq!(db.place().count("job_queue"), 1);
    assert_eq!(db.place().count("job_events"), events);

    let mut wakeups = db.store.subscribe();
    let done: Result<_, StoreError> = conn.immediate_transaction(|conn| {
        picture(conn)?;
        let later = NewJob {
            delay: Some(Duration::from_mins(1)),
            ..analysis()
        };
        enqueue_in(conn, later, now)?;
        enqueue_in(conn, unique(OnConflict::Reject), now)
    });
    let stored = done.unwrap();
    assert_eq!(stored.outcome, EnqueueOutcome::Created);
    db.store.notify();
    wakeups.changed().await;
    let found = db.store.job_get(stored.job.id).await.unwrap();
    assert_eq!(found, Some(stored.job));
    let counts = db.store.job_counts().await.unwrap();
    assert_eq!(
        (counts[0].counts.pending, counts[0].counts.scheduled),
        (2, 1)
    );
    assert_eq!(db.place().count("job_events"), events + 2);
    // Closing compares the counters with the jobs.
    db.close().await;
}

#[tokio::test]
async fn a_refusal_leaves_nothing_and_the_transaction_goes_on() {
    let db = Database::new().await;
    let mut conn = connect(&db);
    let now = db.clock.now();
    let holder = db
        .store
        .job_enqueue(unique(OnConflict::Return))
        .await
        .unwrap();
    conn.immediate_transaction(|conn| {
        picture(conn)?;
        let refused = enqueue_in(conn, unique(OnConflict::Reject), now).unwrap_err();
        let id = holder.job.id;
        assert!(matches!(refused, StoreError::DuplicateJob { id: it } if it == id));
        let existing = enqueue_in(conn, unique(OnConflict::Return), now)?;
        assert_eq!(
            (existing.outcome, existing.job.id),
            (EnqueueOutcome::Existing, id)
        );
        let orphan = NewJob {
            after: vec![77],
            ..analysis()
        };
        let refused = enqueue_in(conn, orphan, now).unwrap_err();
        assert!(matches!(
            refused,
            StoreError::Refused { field: "after", .. }
        ));
        let replaced = enqueue_in(
            conn,
            NewJob {
                payload: r#"{"message":"newer"}"#.to_owned(),
                delay: Some(Duration::from_mins(1)),
                ..unique(OnConflict::Replace)
            },
            now,
        )?;
        assert_eq!(replaced.outcome, EnqueueOutcome::Replaced);
        Ok::<_, StoreError>(())
    })
    .unwrap();
    assert_eq!(db.place().count("pictures"), 1);
    let jobs = db
        .store
        .job_list(JobFilter::default(), None, 10)
        .await
        .unwrap();
    assert_eq!(jobs.len(), 1);
    assert_eq!(jobs[0].payload, r#"{"message":"newer"}"#);
    db.close().await;
}

#[tokio::test]
async fn without_a_transaction_it_is_one_of_its_own() {
    let db = Database::new().await;
    let mut conn = connect(&db);
    let now = db.clock.now();
    let stored = enqueue_in(&mut conn, unique(OnConflict::Reject), now).unwrap();
    // The store's own writer sees the key, and its counters go on from there.
    let refused = db
        .store
        .job_enqueue(unique(OnConflict::Reject))
        .await
        .unwrap_err();
    assert!(matches!(refused, StoreError::DuplicateJob { id } if id == stored.job.id));
    db.store.job_cancel(stored.job.id).await.unwrap();
    db.close().await;
}

//! Jobs that somebody else's program enqueues in its own transaction on the same database.

use diesel_async::{AsyncConnection, AsyncPgConnection, SimpleAsyncConnection, TransactionManager};
use lockstep::{
    clock::{Clock, SystemClock},
    model::{EnqueueOutcome, Enqueued, EventFilter, EventsFrom, JobStatus, NewJob, OnConflict},
    store::{Store, StoreError, enqueue_in_postgres},
};

use super::conventions::open;
use crate::support::{
    database::{analysis, unique},
    place::{Place, client},
};

/// A program with a table of its own in the database.
struct Program {
    place: Place,
    store: Store,
    conn: Option<AsyncPgConnection>,
}

impl Program {
    async fn new() -> Self {
        let place = Place::new_postgres();
        place.execute("CREATE TABLE pictures (file TEXT)");
        let store = open(&place).await;
        let conn = AsyncPgConnection::try_from(client(&place.url()).await);
        Self {
            store,
            conn: Some(conn.await.unwrap()),
            place,
        }
    }

    async fn tell(&mut self, sql: &str) {
        self.conn
            .as_mut()
            .unwrap()
            .batch_execute(sql)
            .await
            .unwrap();
    }

    async fn enqueue(&mut self, job: NewJob) -> Result<Enqueued, StoreError> {
        let conn = self.conn.take().unwrap();
        let (conn, enqueued) = enqueue_in_postgres(conn, job, SystemClock.now()).await;
        self.conn = conn;
        enqueued
    }

    async fn close(self) {
        assert_eq!(self.store.job_counts_check().await.unwrap(), []);
        drop(self.conn);
        self.store.close().await;
        self.place.remove();
    }
}

const PICTURE: &str = "INSERT INTO pictures VALUES ('ada.png')";

#[tokio::test]
async fn a_job_is_there_if_and_only_if_the_rest_is() {
    let mut program = Program::new().await;
    let tables = ["pictures", "unique_locks", "job_queue", "job_events"];
    program.tell("BEGIN").await;
    program.tell(PICTURE).await;
    program.enqueue(unique(OnConflict::Reject)).await.unwrap();
    program.enqueue(analysis()).await.unwrap();
    program.tell("ROLLBACK").await;
    let left = tables.map(|table| program.place.count(table));
    assert_eq!(left, [0; 4]);

    let mut wakeups = program.store.subscribe();
    program.tell("BEGIN").await;
    program.tell(PICTURE).await;
    let plain = program.enqueue(analysis()).await.unwrap();
    let stored = program.enqueue(unique(OnConflict::Reject)).await.unwrap();
    assert_eq!(program.store.job_get(plain.job.id).await.unwrap(), None);
    program.tell("COMMIT").await;
    // The hint comes with the commit.
    wakeups.changed().await;
    let stored = [plain, stored];
    for enqueued in &stored {
        assert_eq!(enqueued.outcome, EnqueueOutcome::Created);
        let found = program
            .store
            .job_get(enqueued.job.id)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(found.id, enqueued.job.id);
    }
    assert_eq!(program.place.count("pictures"), 1);
    assert_eq!(program.place.count("job_events"), 1);
    let page = program
        .store
        .events(EventsFrom::Oldest, EventFilter::default(), 10)
        .await
        .unwrap();
    let told: Vec<_> = page
        .events
        .iter()
        .map(|(_, event)| (event.job_id, event.to))
        .collect();
    let pending = Some(JobStatus::Pending);
    assert_eq!(told, stored.map(|job| (job.job.id, pending)));
    program.close().await;
}

#[tokio::test]
async fn a_refusal_leaves_nothing_and_the_transaction_goes_on() {
    let mut program = Program::new().await;
    let holder = program.store.job_enqueue(unique(OnConflict::Return)).await;
    let id = holder.unwrap().job.id;
    // Diesel's own transactions are not told apart from those that are begun by hand.
    let conn = program.conn.as_mut().unwrap();
    <AsyncPgConnection as AsyncConnection>::TransactionManager::begin_transaction(conn)
        .await
        .unwrap();
    program.tell(PICTURE).await;
    let refused = program.enqueue(unique(OnConflict::Reject)).await;
    assert!(matches!(refused, Err(StoreError::DuplicateJob { id: it }) if it == id));
    let existing = program.enqueue(unique(OnConflict::Return)).await.unwrap();
    assert_eq!(
        (existing.outcome, existing.job.id),
        (EnqueueOutcome::Existing, id)
    );
    let orphan = NewJob {
        after: vec![77],
        ..analysis()
    };
    let refused = program.enqueue(orphan).await;
    assert!(matches!(
        refused,
        Err(StoreError::Refused { field: "after", .. })
    ));
    let conn = program.conn.as_mut().unwrap();
    <AsyncPgConnection as AsyncConnection>::TransactionManager::commit_transaction(conn)
        .await
        .unwrap();
    assert_eq!(
        ["pictures", "job_queue"].map(|table| program.place.count(table)),
        [1, 1]
    );
    program.close().await;
}

#[tokio::test]
async fn without_a_transaction_it_is_one_of_its_own() {
    let mut program = Program::new().await;
    let stored = program.enqueue(unique(OnConflict::Reject)).await.unwrap();
    let refused = program.store.job_enqueue(unique(OnConflict::Reject)).await;
    assert!(matches!(refused, Err(StoreError::DuplicateJob { id }) if id == stored.job.id));
    let refused = program.enqueue(unique(OnConflict::Reject)).await;
    assert!(matches!(refused, Err(StoreError::DuplicateJob { .. })));
    program.close().await;
}

#[tokio::test]
async fn a_broken_transaction_is_told() {
    let mut program = Program::new().await;
    program.tell("BEGIN").await;
    let conn = program.conn.as_mut().unwrap();
    conn.batch_execute("SELECT 1 / 0").await.unwrap_err();
    program.enqueue(analysis()).await.unwrap_err();
    program.tell("ROLLBACK").await;
    assert_eq!(program.place.count("job_queue"), 0);
    program.enqueue(analysis()).await.unwrap();
    program.close().await;
}

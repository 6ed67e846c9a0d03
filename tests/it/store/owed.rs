//! Users whose job could not be enqueued: the user is stored, and the job is owed until it is paid once.

use lockstep::processors::user_created::job_for;

use crate::support::database::{Database, ada};

#[tokio::test]
async fn a_user_whose_job_fails_to_enqueue_is_stored_and_owed_the_job() {
    let database = Database::new().await;
    database.place().refuse_inserts("BEFORE", "job_queue");
    let created = database
        .store
        .user_create(ada(), job_for(&ada()))
        .await
        .unwrap();
    let id = created.user.id;
    assert_eq!(created.job_id, None);
    let owed = database.store.users_without_job(10).await.unwrap();
    assert_eq!(
        owed.iter().map(|owed| owed.user.id).collect::<Vec<_>>(),
        [id]
    );
    // While the queue is broken, trying again changes nothing.
    assert!(
        database
            .store
            .user_enqueue_missing(id, job_for(&ada()))
            .await
            .is_err()
    );
    assert_eq!(database.store.users_without_job(10).await.unwrap().len(), 1);
    database.place().insert_again("job_queue");
    let (one, other) = tokio::join!(
        database.store.user_enqueue_missing(id, job_for(&ada())),
        database.store.user_enqueue_missing(id, job_for(&ada())),
    );
    let paid: Vec<_> = [one.unwrap(), other.unwrap()]
        .into_iter()
        .flatten()
        .collect();
    assert_eq!(paid.len(), 1);
    assert_eq!(database.store.users_without_job(10).await.unwrap(), []);
    database.close().await;
}

/// A trigger of SQLite that raises `FAIL` leaves the row that it complains of.
#[tokio::test]
async fn a_failed_enqueue_leaves_no_half_of_a_job() {
    let database = Database::new().await;
    database.place().refuse_inserts("AFTER", "job_queue");
    let created = database.store.user_create(ada(), job_for(&ada())).await;
    assert_eq!(created.unwrap().job_id, None);
    assert_eq!(database.store.users_without_job(9).await.unwrap().len(), 1);
    assert_eq!(database.store.job_get(1).await.unwrap(), None);
    database.close().await;
}

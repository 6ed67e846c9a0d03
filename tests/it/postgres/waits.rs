//! What the server does not give now: callers are told within seconds that the database is unavailable (503), never that
//! this program has a fault (500), and all is well again by itself.

use std::time::Duration;

use futures::future::join_all;
use lockstep::store::{Claim, Store, StoreError};
use tokio::time::Instant;

use super::conventions::open;
use crate::support::{
    database::analysis,
    place::{Place, admin, client, server},
    process::until,
};

/// Longer than a writer tries for one batch and then for the next, which has whoever came too late for the first, and than a
/// lock is waited for after that.
const SOON: Duration = Duration::from_secs(22);

/// Asks for so many jobs at the same time; all are refused as unavailable, soon. Answers the reasons.
async fn unavailable(store: &Store, jobs: usize) -> Vec<&'static str> {
    let began = Instant::now();
    let answers = join_all((0..jobs).map(|_| store.job_enqueue(analysis()))).await;
    let took = began.elapsed();
    assert!(took < SOON, "{took:?}");
    let reasons = answers.into_iter().map(|answer| match answer {
        Err(StoreError::Unavailable { reason, .. }) => reason,
        other => panic!("{other:?}"),
    });
    reasons.collect()
}

async fn works_again(store: &Store) {
    until("it works again", async || {
        store.job_enqueue(analysis()).await.is_ok()
    })
    .await;
}

#[tokio::test]
async fn a_lock_of_somebody_else_is_waited_for_and_then_told() {
    let place = Place::new_postgres();
    let patient = Place::Url(format!("{}&lock_timeout=300", place.url()));
    let store = open(&patient).await;
    let lock = place.locked();
    assert_eq!(
        unavailable(&store, 1).await,
        ["another process holds a lock"]
    );
    // However many wait for the same lock, they do not wait one after the other.
    let reasons = unavailable(&store, 100).await;
    assert!(
        reasons
            .iter()
            .all(|reason| *reason == "another process holds a lock"),
        "{reasons:?}"
    );
    assert_eq!(store.job_get(1).await.unwrap(), None, "reading goes on");
    drop(lock);
    works_again(&store).await;
    assert_eq!(place.count("job_queue"), 1);
    store.close().await;
    place.remove();
}

/// A lock on one row stops whoever needs that row, and nobody else.
#[tokio::test]
async fn a_locked_row_holds_up_one_caller_of_many() {
    let place = Place::new_postgres();
    let store = open(&Place::Url(format!("{}&lock_timeout=300", place.url()))).await;
    for _ in 0..20 {
        store.job_enqueue(analysis()).await.unwrap();
    }
    let holder = client(&place.url()).await;
    let lock = "BEGIN; SELECT id FROM job_queue WHERE id = 7 FOR UPDATE";
    holder.batch_execute(lock).await.unwrap();
    let cancelled = join_all((1..=20).map(|id| store.job_cancel(id))).await;
    for (id, answer) in (1..).zip(cancelled) {
        match answer {
            Ok(_) => assert_ne!(id, 7),
            Err(StoreError::Unavailable { reason, .. }) => {
                assert_eq!((id, reason), (7, "another process holds a lock"));
            }
            Err(error) => panic!("{id}: {error:?}"),
        }
    }
    holder.batch_execute("ROLLBACK").await.unwrap();
    store.job_cancel(7).await.unwrap();
    store.close().await;
    place.remove();
}

#[tokio::test]
async fn a_statement_that_takes_too_long_is_broken_off_and_told() {
    let place = Place::new_postgres();
    let store = open(&Place::Url(format!(
        "{}&statement_timeout=200",
        place.url()
    )))
    .await;
    place.execute(
        "CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS \
         $$ BEGIN PERFORM pg_sleep(60); RETURN NEW; END $$; \
         CREATE TRIGGER dawdle BEFORE INSERT ON job_queue FOR EACH ROW EXECUTE FUNCTION dawdle()",
    );
    assert_eq!(unavailable(&store, 1).await, ["a statement took too long"]);
    place.execute("DROP TRIGGER dawdle ON job_queue");
    works_again(&store).await;
    store.close().await;
    place.remove();
}

/// As an operator orders before a move, and as a standby is that has taken a primary's place.
#[tokio::test]
async fn a_server_that_only_allows_reading_is_read() {
    let place = Place::new_postgres();
    let store = open(&place).await;
    let id = store.job_enqueue(analysis()).await.unwrap().job.id;
    let name = place.name();
    admin(&format!(
        "ALTER DATABASE {name} SET default_transaction_read_only = on"
    ));
    place.execute(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity \
         WHERE datname = current_database() AND pid <> pg_backend_pid()",
    );
    assert_eq!(unavailable(&store, 3).await, ["it is read-only"; 3]);
    let claim = || Claim {
        queues: &["default"],
        worker: "here",
        limit: 1,
        lease: Duration::from_mins(1),
        reads: None,
    };
    let refused = store.job_claim_next(claim()).await;
    assert!(refused.unwrap_err().to_string().contains("read-only"));
    assert!(store.job_get(id).await.unwrap().is_some());
    // Sessions keep what the database said when they began: ours are not used on.
    admin(&format!(
        "ALTER DATABASE {name} RESET default_transaction_read_only"
    ));
    works_again(&store).await;
    assert_eq!(store.job_claim_next(claim()).await.unwrap().jobs[0].id, id);
    store.close().await;
    place.remove();
}

#[tokio::test]
async fn a_server_without_connections_to_spare_is_unavailable() {
    let role = format!("few_{:08x}", rand::random::<u32>());
    admin(&format!(
        "CREATE ROLE {role} LOGIN PASSWORD 'few' CONNECTION LIMIT 4"
    ));
    let place = Place::bare_postgres();
    admin(&format!("ALTER DATABASE {} OWNER TO {role}", place.name()));
    let (_, host) = server()
        .rsplit_once('@')
        .map(|(user, host)| (user.to_owned(), host.to_owned()))
        .unwrap();
    let host = host.split_once('/').unwrap().0.to_owned();
    let url = format!(
        "postgres://{role}:few@{host}/{}?sslmode=disable",
        place.name()
    );
    let store = open(&Place::Url(url.clone())).await;
    // It has one for hints by now, or will have.
    let mut taken = Vec::new();
    while let Ok((client, connection)) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await
    {
        tokio::spawn(connection);
        taken.push(client);
    }
    let reasons = unavailable(&store, 2).await;
    assert!(
        reasons
            .iter()
            .all(|reason| *reason == "it has too many connections"),
        "{reasons:?}"
    );
    let read = store.job_get(1).await;
    assert!(
        matches!(read, Err(StoreError::Unavailable { .. })),
        "{read:?}"
    );
    taken.clear();
    works_again(&store).await;
    store.close().await;
    place.remove();
}

/// Every process that listens is woken by every hint.
#[tokio::test]
async fn a_process_without_workers_is_not_woken() {
    let place = Place::new_postgres();
    let store = open(&place).await;
    let sessions = |query: &str| {
        place.count(&format!(
            "pg_stat_activity WHERE datname = current_database() AND query LIKE '{query} %'"
        ))
    };
    until("there is a session for hints", async || {
        sessions("SET synchronous_commit") == 1
    })
    .await;
    for _ in 0..2 {
        let wakeups = store.subscribe();
        until("it listens", async || sessions("LISTEN") == 1).await;
        drop(wakeups);
        until("it does not", async || sessions("UNLISTEN") == 1).await;
    }
    store.close().await;
    place.remove();
}

//! Commits that nobody answers, because the connection is gone: what became of them is found out, or nobody is told that they
//! were made.

use std::time::Duration;

use lockstep::{
    model::{NewJob, UserChange},
    processors::user_created::job_for,
    store::{Store, StoreError},
};
use tokio::time::timeout;

use super::{conventions::open, faults::both};
use crate::{
    cluster::proxy::{Proxy, Trap},
    support::{
        database::{ada, analysis},
        place::Place,
        process::until,
    },
};

/// Where somebody's commit is asked for: by a word of its own, behind the first ones of what stores a job or changes a user;
/// or together with a job that is alone, which is told by its payload.
const NEW_JOB: (&str, &str) = ("INSERT INTO job_queue", "COMMIT");
const CHANGE: (&str, &str) = ("UPDATE \"users\"", "COMMIT");
const JOB_AT_ONCE: (&str, &str) = ("WITH new AS (INSERT INTO job_queue", "trapped");

fn trap((after, at): (&'static str, &'static str), heard: bool) -> Trap {
    Trap { after, at, heard }
}

/// A store behind a network, where the trap is set.
async fn behind(trap: Trap) -> (Place, Proxy, Store) {
    let place = Place::new_postgres();
    let proxy = Proxy::new(&place.url()).await;
    let store = open(&Place::Url(proxy.url(&place.url()))).await;
    proxy.set(trap);
    (place, proxy, store)
}

/// The store has sent COMMIT; the connection is gone before it hears of it.
async fn springs(proxy: &Proxy) {
    timeout(Duration::from_secs(20), proxy.sprung())
        .await
        .unwrap();
    proxy.restore_anew();
}

fn jobs() -> impl Iterator<Item = (NewJob, (&'static str, &'static str))> {
    both("trapped").into_iter().zip([JOB_AT_ONCE, NEW_JOB])
}

#[tokio::test]
async fn a_commit_whose_answer_is_lost_is_found_out() {
    for ((job, words), heard) in
        jobs().flat_map(|way| [true, false].map(|heard| (way.clone(), heard)))
    {
        let (place, proxy, store) = behind(trap(words, heard)).await;
        let (enqueued, ()) = tokio::join!(store.job_enqueue(job.clone()), springs(&proxy));
        let id = enqueued.unwrap().job.id;
        assert!(store.job_get(id).await.unwrap().is_some());
        assert_eq!(
            (place.count("job_queue"), place.count("job_events")),
            (1, 1)
        );
        // All connections for such jobs, the one that was lost among them, do what they did.
        for _ in 0..2 {
            store.job_enqueue(job.clone()).await.unwrap();
        }
        assert_eq!(store.job_counts_check().await.unwrap(), []);
        store.close().await;
        place.remove();
    }
}

/// A commit that moves no job is known by another row.
#[tokio::test]
async fn a_change_whose_answer_is_lost_is_made_once() {
    for heard in [true, false] {
        let (place, proxy, store) = behind(trap(CHANGE, heard)).await;
        let user = store
            .user_create(ada(), job_for(&ada()))
            .await
            .unwrap()
            .user;
        let change = UserChange {
            age: Some(40),
            ..UserChange::default()
        };
        let changed = store.user_update(user.id, change, Some(user.version));
        let (changed, ()) = tokio::join!(changed, springs(&proxy));
        assert_eq!(changed.unwrap().version, user.version + 1);
        let stored = store.user_get(user.id).await.unwrap().unwrap();
        assert_eq!((stored.age, stored.version), (40, user.version + 1));
        store.close().await;
        place.remove();
    }
}

/// As long as nobody can tell, the caller is not told that it was done.
#[tokio::test]
async fn a_commit_that_nobody_can_ask_about_is_not_acknowledged() {
    for (job, words) in jobs() {
        let (place, proxy, store) = behind(trap(words, true)).await;
        let cut = async {
            proxy.sprung().await;
            // Connections are gone, and new ones lead nowhere.
            proxy.restore_anew();
            proxy.cut();
        };
        let (enqueued, ()) = tokio::join!(store.job_enqueue(job), cut);
        assert!(
            matches!(enqueued, Err(StoreError::Unavailable { .. })),
            "{enqueued:?}"
        );
        proxy.restore();
        until("it works again", async || {
            store.job_enqueue(analysis()).await.is_ok()
        })
        .await;
        store.close().await;
        place.remove();
    }
}

/// The server has not noticed that nobody is there, and may not for hours: it is told.
#[tokio::test]
async fn a_job_whose_connection_leads_nowhere_is_found_out() {
    let (place, proxy, store) = behind(trap(JOB_AT_ONCE, true)).await;
    let [job, _] = both("trapped");
    let lost = async {
        proxy.sprung().await;
        proxy.forget();
    };
    let (enqueued, ()) = tokio::join!(store.job_enqueue(job), lost);
    enqueued.unwrap();
    assert_eq!(place.count("job_queue"), 1);
    store.close().await;
    place.remove();
}

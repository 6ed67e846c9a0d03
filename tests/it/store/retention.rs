//! Retention: ended jobs are kept exactly as long as their type says, per outcome, and go with all that is theirs.

use std::time::Duration;

use chrono::TimeDelta;
use lockstep::{
    model::{
        AttemptOutcome, ClaimedJob, EventFilter, EventsFrom, JobPolicy, JobStatus, NewGroup,
        NewItem, NewJob, OnConflict, Settlement, UniqueClaim, UniqueScope,
    },
    queue::{EnqueueOptions, new_job},
    store::{Done, Expired, StoreError},
};

use super::claims::claim;
use crate::support::database::{Database, analysis, policy, start};

const HOUR: Duration = Duration::from_hours(1);
const INSTANT: Duration = Duration::from_micros(1);

/// `data_analysis`: completed for an hour, failed for two, cancelled for three. `user_created`: failed for an hour,
/// everything else for ever.
fn policies() -> &'static [JobPolicy] {
    let both = [
        JobPolicy {
            keep_completed: Some(HOUR),
            keep_failed: Some(2 * HOUR),
            keep_cancelled: Some(3 * HOUR),
            ..*policy("data_analysis")
        },
        JobPolicy {
            keep_completed: None,
            keep_failed: Some(HOUR),
            keep_cancelled: None,
            ..*policy("user_created")
        },
    ];
    Box::leak(Box::new(both))
}

async fn database() -> Database {
    Database::with_policies(policies()).await
}

async fn end(database: &Database, job: &ClaimedJob, settlement: Settlement) {
    let settlements = vec![(job.id, job.lease, settlement)];
    database.store.job_settle(settlements).await.unwrap();
}

fn completed() -> Settlement {
    Settlement::Complete { result: None }
}

fn failed() -> Settlement {
    Settlement::Fail {
        error: "no luck".to_owned(),
        outcome: AttemptOutcome::Failed,
    }
}

/// A job of each outcome: completed, failed, cancelled. Answers their numbers.
async fn one_of_each(database: &Database, job: impl Fn() -> NewJob) -> [i64; 3] {
    let mut ids = [0; 3];
    for id in &mut ids {
        *id = database.store.job_enqueue(job()).await.unwrap().job.id;
    }
    let claimed = claim(&database.store, 2).await;
    end(database, &claimed[0], completed()).await;
    end(database, &claimed[1], failed()).await;
    database.store.job_cancel(ids[2]).await.unwrap();
    ids
}

/// A whole way around. Answers how many were deleted.
async fn expire(database: &Database) -> usize {
    let mut jobs = 0;
    let mut after = None;
    loop {
        let expired = database.store.job_expire(after, 2).await.unwrap();
        jobs += expired.jobs;
        after = expired.next;
        if after.is_none() {
            return jobs;
        }
    }
}

async fn exists(database: &Database, id: i64) -> bool {
    database.store.job_get(id).await.unwrap().is_some()
}

#[tokio::test]
async fn each_outcome_is_kept_exactly_as_long_as_its_type_says() {
    let database = database().await;
    let ids = one_of_each(&database, analysis).await;
    let waiting = database.store.job_enqueue(analysis()).await.unwrap().job.id;
    for gone in ids {
        database.advance(HOUR.saturating_sub(INSTANT));
        assert_eq!(expire(&database).await, 0);
        assert!(exists(&database, gone).await);
        database.advance(INSTANT);
        assert_eq!(expire(&database).await, 1);
        assert!(!exists(&database, gone).await);
    }
    database.advance(1000 * HOUR);
    assert_eq!(expire(&database).await, 0);
    assert!(exists(&database, waiting).await);
    database.close().await;
}

#[tokio::test]
async fn what_no_type_declares_is_kept_for_ever() {
    let database = database().await;
    let undeclared = || {
        new_job(
            policy("data_export"),
            "{}".to_owned(),
            EnqueueOptions::default(),
        )
    };
    one_of_each(&database, || undeclared().unwrap()).await;
    let partly = || {
        new_job(
            policy("user_created"),
            "{}".to_owned(),
            EnqueueOptions::default(),
        )
    };
    let [kept, gone, kept_too] = one_of_each(&database, || partly().unwrap()).await;
    database.advance(1_000_000 * HOUR);
    assert_eq!(expire(&database).await, 1);
    assert!(!exists(&database, gone).await);
    assert!(exists(&database, kept).await && exists(&database, kept_too).await);
    let nothing_declared = Database::new().await;
    one_of_each(&nothing_declared, analysis).await;
    nothing_declared.advance(1_000_000 * HOUR);
    assert_eq!(
        nothing_declared.store.job_expire(None, 9).await.unwrap(),
        Expired::default()
    );
    nothing_declared.close().await;
    database.close().await;
}

#[tokio::test]
async fn runs_and_logs_go_with_their_job_and_no_other() {
    let database = database().await;
    let [gone, kept, _] = one_of_each(&database, analysis).await;
    for id in [gone, kept] {
        let log = format!("INSERT INTO job_logs VALUES ({id}, 1, '[]')");
        database.place().execute(&log);
    }
    database.advance(HOUR);
    assert_eq!(expire(&database).await, 1);
    let runs = database.store.job_attempts(gone, 9).await;
    assert!(matches!(runs, Err(StoreError::NotFound)), "{runs:?}");
    for table in ["job_attempts", "job_logs"] {
        let of = |id| {
            database
                .place()
                .count(&format!("{table} WHERE job_id = {id}"))
        };
        assert_eq!((of(gone), of(kept)), (0, 1), "{table}");
    }
    database.close().await;
}

#[tokio::test]
async fn a_pass_looks_at_one_page_and_says_where_the_next_begins() {
    let database = database().await;
    for _ in 0..5 {
        database.store.job_enqueue(analysis()).await.unwrap();
    }
    for job in claim(&database.store, 5).await {
        end(&database, &job, completed()).await;
    }
    database.advance(HOUR);
    let pass = |after| {
        let store = database.store.clone();
        async move {
            let expired = store.job_expire(after, 2).await.unwrap();
            (expired.jobs, expired.next)
        }
    };
    assert_eq!(pass(Some(2)).await, (2, Some(4)));
    assert_eq!(pass(Some(4)).await, (1, None));
    assert_eq!(pass(None).await, (2, Some(2)));
    assert_eq!(pass(Some(2)).await, (0, None));
    database.close().await;
}

#[tokio::test]
async fn a_job_that_was_brought_back_begins_anew() {
    let database = database().await;
    let [_, failed_job, _] = one_of_each(&database, analysis).await;
    database.advance(HOUR);
    database.store.job_retry(failed_job).await.unwrap();
    let claimed = claim(&database.store, 1).await;
    database.advance(HOUR);
    end(&database, &claimed[0], failed()).await;
    assert_eq!(expire(&database).await, 1);
    assert!(exists(&database, failed_job).await);
    database.advance(2 * HOUR);
    expire(&database).await;
    assert!(!exists(&database, failed_job).await);
    database.close().await;
}

#[tokio::test]
async fn a_group_goes_on_counting_what_is_deleted() {
    let database = database().await;
    let item = || NewItem {
        job: analysis(),
        after_items: Vec::new(),
    };
    let group = NewGroup {
        name: None,
        jobs: vec![item(), item()],
        callback: Some(analysis()),
    };
    let done = database.store.group_create(group, None).await.unwrap();
    let Done::Now((group, _)) = done else {
        panic!("it has no key");
    };
    let claimed = claim(&database.store, 2).await;
    end(&database, &claimed[0], completed()).await;
    database.advance(HOUR);
    assert_eq!(expire(&database).await, 1);
    let open = database.store.group_get(group.id).await.unwrap().unwrap();
    assert_eq!(
        (open.total, open.completed, open.completed_at),
        (2, 1, None)
    );
    end(&database, &claimed[1], failed()).await;
    let ended = database.store.group_get(group.id).await.unwrap().unwrap();
    assert_eq!((ended.completed, ended.failed), (1, 1));
    assert!(ended.completed_at.is_some() && ended.callback_job_id.is_some());
    database.close().await;
}

#[tokio::test]
async fn a_group_goes_when_it_is_old_and_its_jobs_are_gone() {
    let database = database().await;
    let store = &database.store;
    let make = async |jobs: usize| {
        let item = || NewItem {
            job: analysis(),
            after_items: Vec::new(),
        };
        let group = NewGroup {
            name: None,
            jobs: (0..jobs).map(|_| item()).collect(),
            callback: None,
        };
        match store.group_create(group, None).await.unwrap() {
            Done::Now((group, jobs)) => (group.id, jobs[0].job.id),
            Done::Before(_) => panic!("it has no key"),
        }
    };
    // One of each kind: all completed, one failed and kept longer, one cancelled by hand and deleted, one open.
    let (gone, _) = make(2).await;
    let (kept, failing) = make(1).await;
    for job in claim(store, 3).await {
        let how = if job.id == failing {
            failed()
        } else {
            completed()
        };
        end(&database, &job, how).await;
    }
    let (deleted, job) = make(1).await;
    store.job_delete(job).await.unwrap();
    let (open, _) = make(1).await;
    let forget = async |after| {
        let forgotten = store.group_forget(HOUR + INSTANT, after, 2).await.unwrap();
        (forgotten.groups, forgotten.next)
    };
    // Their jobs are gone before they are old enough.
    database.advance(HOUR);
    assert_eq!(expire(&database).await, 2);
    assert_eq!(forget(None).await, (0, Some(kept)));
    assert_eq!(forget(Some(kept)).await, (0, Some(open)));
    assert_eq!(forget(Some(open)).await, (0, None));
    database.advance(INSTANT);
    assert_eq!(forget(None).await, (1, Some(kept)));
    assert_eq!(forget(Some(kept)).await, (1, Some(open)));
    let left = async || {
        let groups = store.group_list(None, 9).await.unwrap();
        groups.iter().map(|group| group.id).collect::<Vec<_>>()
    };
    assert_eq!(left().await, [open, kept], "{gone} and {deleted} are gone");
    // Old enough, but its failed job is kept for another hour.
    database.advance(HOUR);
    assert_eq!(expire(&database).await, 1);
    assert_eq!(forget(None).await, (1, Some(open)));
    database.advance(1_000 * HOUR);
    assert_eq!(forget(None).await, (0, None));
    assert_eq!(left().await, [open], "not all of its jobs have ended");
    let (next, _) = make(1).await;
    assert_eq!(next, open + 1);
    database.close().await;
}

#[tokio::test]
async fn a_unique_key_is_free_when_its_scope_says_so_deleted_or_not() {
    let database = database().await;
    let with = |scope, period| {
        let mut job = analysis();
        job.unique = Some(UniqueClaim {
            key: format!("{scope:?}"),
            scope,
            period,
            on_conflict: OnConflict::Reject,
        });
        job
    };
    let finished = || with(UniqueScope::UntilFinished, None);
    let timed = || with(UniqueScope::ForPeriod, Some(3 * HOUR));
    database.store.job_enqueue(finished()).await.unwrap();
    database.store.job_enqueue(timed()).await.unwrap();
    for job in claim(&database.store, 2).await {
        end(&database, &job, completed()).await;
    }
    database.advance(HOUR);
    assert_eq!(expire(&database).await, 2);
    database.store.job_enqueue(finished()).await.unwrap();
    let refused = database.store.job_enqueue(timed()).await;
    assert!(
        matches!(refused, Err(StoreError::DuplicateJob { id: 2 })),
        "{refused:?}"
    );
    database.advance(2 * HOUR);
    database.store.job_enqueue(timed()).await.unwrap();
    database.close().await;
}

#[tokio::test]
async fn old_events_go_by_number_and_by_age() {
    let database = Database::new().await;
    let events = || database.place().count("job_events");
    let day = Duration::from_hours(24);
    for _ in 0..10 {
        database.store.job_enqueue(analysis()).await.unwrap();
        database.advance(Duration::from_hours(1));
    }
    let trim = |keep, age, limit| database.store.event_trim(keep, age, limit);
    assert_eq!(trim(100, day, 100).await.unwrap(), 0);
    assert_eq!(trim(7, day, 2).await.unwrap(), 2);
    assert_eq!(trim(7, day, 2).await.unwrap(), 1);
    assert_eq!(trim(7, day, 2).await.unwrap(), 0);
    assert_eq!(events(), 7);
    // The sixth is five hours old by now.
    assert_eq!(trim(100, 5 * HOUR, 100).await.unwrap(), 3);
    assert_eq!(events(), 4);
    let later = start() + TimeDelta::hours(10);
    assert_eq!(
        database.place().count(&format!(
            "job_events WHERE at < {}",
            database.place().moment(later)
        )),
        4
    );
    let page = |from| database.store.events(from, EventFilter::default(), 100);
    let last = page(EventsFrom::Oldest).await.unwrap().cursor;
    assert_eq!(trim(0, day, 100).await.unwrap(), 4);
    assert_eq!(events(), 0);
    database.store.job_enqueue(analysis()).await.unwrap();
    // No number is given twice.
    let next = page(EventsFrom::After(last)).await.unwrap();
    assert_eq!((next.gap, next.events.len()), (false, 1));
    assert!(next.cursor.commit > last.commit);
    database.close().await;
}

#[tokio::test]
async fn an_event_tells_of_each_deleted_job() {
    let database = database().await;
    let [gone, ..] = one_of_each(&database, analysis).await;
    database.advance(HOUR);
    expire(&database).await;
    let completed = JobStatus::Completed as i32;
    let told =
        format!("job_events WHERE CAST(transitions AS TEXT) LIKE '[[{gone},0,{completed},-1],%'");
    assert_eq!(database.place().count(&told), 1);
    database.close().await;
}

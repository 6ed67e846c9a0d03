//! Which jobs a filter means, and what is done with all of them.

use std::time::Duration;

use chrono::TimeDelta;
use lockstep::{
    model::{
        AttemptOutcome, BulkAction, BulkChange, BulkChanged, JobFilter, JobStatus, NewGroup,
        NewItem, NewJob, OnConflict, Settlement, UniqueClaim, UniqueScope,
    },
    queue::{EnqueueOptions, new_job},
    store::Done,
};

use super::claims::claim;
use crate::support::database::{Database, analysis, analysis_with, policy, start};

async fn add(database: &Database, job: NewJob) -> i64 {
    database.store.job_enqueue(job).await.unwrap().job.id
}

/// Runs the next due job, which fails with this error. Answers its number.
async fn fail(database: &Database, error: &str) -> i64 {
    let job = claim(&database.store, 1).await.remove(0);
    let settlement = Settlement::Fail {
        error: error.to_owned(),
        outcome: AttemptOutcome::Failed,
    };
    let settlements = vec![(job.id, job.lease, settlement)];
    database.store.job_settle(settlements).await.unwrap();
    job.id
}

async fn found(database: &Database, filter: JobFilter) -> Vec<i64> {
    let mut jobs = database.store.job_list(filter, None, 100).await.unwrap();
    jobs.reverse();
    jobs.into_iter().map(|job| job.id).collect()
}

async fn status(database: &Database, id: i64) -> Option<JobStatus> {
    let job = database.store.job_get(id).await.unwrap();
    job.map(|job| job.status)
}

fn all_of(action: BulkAction, filter: JobFilter) -> BulkChange {
    BulkChange {
        action,
        filter,
        after: None,
        limit: 1000,
        dry_run: false,
    }
}

fn these(ids: &[i64]) -> JobFilter {
    JobFilter {
        ids: ids.to_vec(),
        ..JobFilter::default()
    }
}

fn done(matched: usize, changed: usize) -> BulkChanged {
    BulkChanged {
        matched,
        changed,
        skipped: matched - changed,
        next: None,
    }
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a table, or one story")]
async fn each_filter_finds_its_jobs_and_they_combine() {
    let database = Database::new().await;
    let plain = add(&database, analysis()).await;
    database.advance(Duration::from_hours(1));
    let export = new_job(
        policy("data_export"),
        "{}".to_owned(),
        EnqueueOptions::default(),
    );
    let export = add(&database, export.unwrap()).await;
    let tagged = EnqueueOptions {
        queue: Some("slow".to_owned()),
        tags: vec!["a\"b".to_owned(), "second".to_owned()],
        ..EnqueueOptions::default()
    };
    let tagged = add(&database, analysis_with(tagged)).await;
    let group = NewGroup {
        name: None,
        jobs: vec![NewItem {
            job: analysis(),
            after_items: Vec::new(),
        }],
        callback: None,
    };
    let Done::Now((group, members)) = database.store.group_create(group, None).await.unwrap()
    else {
        panic!("it has no key");
    };
    let member = members[0].job.id;
    let none = JobFilter::default;
    let text = |text: &str| Some(text.to_owned());
    let later = start() + TimeDelta::hours(1);
    let cases = [
        (none(), vec![plain, export, tagged, member]),
        (these(&[member, plain, plain, 99]), vec![plain, member]),
        (
            JobFilter {
                job_type: text("data_export"),
                ..none()
            },
            vec![export],
        ),
        (
            JobFilter {
                queue: text("slow"),
                ..none()
            },
            vec![tagged],
        ),
        (
            JobFilter {
                tag: text("second"),
                ..none()
            },
            vec![tagged],
        ),
        (
            JobFilter {
                tag: text("a\"b"),
                ..none()
            },
            vec![tagged],
        ),
        (
            JobFilter {
                tag: text("secon"),
                ..none()
            },
            vec![],
        ),
        (
            JobFilter {
                group_id: Some(group.id),
                ..none()
            },
            vec![member],
        ),
        (
            JobFilter {
                created_after: Some(later),
                ..none()
            },
            vec![export, tagged, member],
        ),
        (
            JobFilter {
                created_before: Some(later),
                ..none()
            },
            vec![plain],
        ),
        (
            JobFilter {
                created_after: Some(start()),
                created_before: Some(start()),
                ..none()
            },
            vec![],
        ),
        (
            JobFilter {
                queue: text("slow"),
                job_type: text("data_export"),
                ..none()
            },
            vec![],
        ),
        (
            JobFilter {
                status: Some(JobStatus::Failed),
                ..none()
            },
            vec![],
        ),
    ];
    for (filter, expected) in cases {
        assert_eq!(
            found(&database, filter.clone()).await,
            expected,
            "{filter:?}"
        );
    }
    database.close().await;
}

#[tokio::test]
async fn a_search_is_for_text_not_for_a_pattern() {
    let database = Database::new().await;
    for _ in 0..4 {
        add(&database, analysis()).await;
    }
    let mut ids = Vec::new();
    for error in ["100% Broken", "100 broken", r"a_b\c", "axb/c"] {
        ids.push(fail(&database, error).await);
    }
    let cases = [
        ("BROKEN", vec![ids[0], ids[1]]),
        ("100%", vec![ids[0]]),
        ("a_b", vec![ids[2]]),
        (r"\c", vec![ids[2]]),
        ("'", vec![]),
        ("%", vec![ids[0]]),
    ];
    for (search, expected) in cases {
        let filter = JobFilter {
            search: Some(search.to_owned()),
            ..JobFilter::default()
        };
        assert_eq!(found(&database, filter).await, expected, "{search}");
    }
    database.close().await;
}

#[tokio::test]
async fn only_failed_and_cancelled_jobs_are_retried() {
    let database = Database::new().await;
    let mut ids = Vec::new();
    for _ in 0..4 {
        ids.push(add(&database, analysis()).await);
    }
    fail(&database, "no").await;
    database.store.job_cancel(ids[1]).await.unwrap();
    claim(&database.store, 1).await;
    let mut change = all_of(BulkAction::Retry, these(&ids));
    change.dry_run = true;
    let counted = database.store.job_bulk(change.clone()).await.unwrap();
    assert_eq!((counted.matched, counted.changed), (2, 0));
    assert_eq!(status(&database, ids[0]).await, Some(JobStatus::Failed));
    change.dry_run = false;
    assert_eq!(
        database.store.job_bulk(change.clone()).await.unwrap(),
        done(2, 2)
    );
    for (id, expected) in ids.iter().zip([
        JobStatus::Pending,
        JobStatus::Pending,
        JobStatus::Processing,
        JobStatus::Pending,
    ]) {
        assert_eq!(status(&database, *id).await, Some(expected));
    }
    assert_eq!(database.store.job_bulk(change).await.unwrap(), done(0, 0));
    database.close().await;
}

#[tokio::test]
async fn a_retry_that_finds_its_unique_key_taken_is_skipped() {
    let database = Database::new().await;
    let unique = || {
        let mut job = analysis();
        job.unique = Some(UniqueClaim {
            key: "k".to_owned(),
            scope: UniqueScope::UntilFinished,
            period: None,
            on_conflict: OnConflict::Reject,
        });
        job
    };
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(add(&database, unique()).await);
        fail(&database, "no").await;
    }
    let failed = || JobFilter::of_status(JobStatus::Failed);
    let retried = database.store.job_bulk(all_of(BulkAction::Retry, failed()));
    assert_eq!(retried.await.unwrap(), done(3, 1));
    assert_eq!(status(&database, ids[0]).await, Some(JobStatus::Pending));
    assert_eq!(found(&database, failed()).await, ids[1..]);
    database.close().await;
}

#[tokio::test]
async fn what_has_not_ended_is_cancelled_and_what_runs_is_asked_to_stop() {
    let database = Database::new().await;
    let running = add(&database, analysis()).await;
    claim(&database.store, 1).await;
    let waiting = add(&database, analysis()).await;
    let parent = analysis_with(EnqueueOptions {
        after: vec![waiting],
        ..EnqueueOptions::default()
    });
    let child = add(&database, parent).await;
    let any = JobFilter {
        job_type: Some("data_analysis".to_owned()),
        ..JobFilter::default()
    };
    let cancelled = database.store.job_bulk(all_of(BulkAction::Cancel, any));
    // The child went with its parent before it was its turn.
    assert_eq!(cancelled.await.unwrap(), done(3, 2));
    for id in [waiting, child] {
        assert_eq!(status(&database, id).await, Some(JobStatus::Cancelled));
    }
    let running = database.store.job_get(running).await.unwrap().unwrap();
    assert_eq!(running.status, JobStatus::Processing);
    assert!(running.cancel_requested);
    database.close().await;
}

#[tokio::test]
async fn everything_but_what_runs_is_deleted_page_by_page() {
    let database = Database::new().await;
    let running = add(&database, analysis()).await;
    claim(&database.store, 1).await;
    for _ in 0..250 {
        add(&database, analysis()).await;
    }
    fail(&database, "no").await;
    let any = JobFilter {
        created_after: Some(start()),
        ..JobFilter::default()
    };
    let mut change = all_of(BulkAction::Delete, any.clone());
    change.limit = 120;
    let mut pages = Vec::new();
    loop {
        let page = database.store.job_bulk(change.clone()).await.unwrap();
        pages.push((page.matched, page.changed, page.next));
        if page.next.is_none() {
            break;
        }
        change.after = page.next;
    }
    assert_eq!(
        pages,
        [(120, 120, Some(121)), (120, 120, Some(241)), (10, 10, None)]
    );
    assert_eq!(found(&database, any).await, [running]);
    database.close().await;
}

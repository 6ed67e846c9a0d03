//! The log of transitions: complete, in order, to be read in parts; what was trimmed away is told.

use std::time::Duration;

use lockstep::{
    model::{
        EventCursor, EventFilter, EventPage, EventsFrom, JobStatus, NewItem, Settlement, UserChange,
    },
    processors::user_created::job_for,
};
use tokio::time::timeout;

use super::claims::claim;
use crate::support::{
    database::{Database, ada, analysis, start},
    place::on_postgres,
};

type Step = (i64, Option<JobStatus>, Option<JobStatus>);

async fn read(database: &Database, from: EventsFrom, limit: usize) -> EventPage {
    let filter = EventFilter::default();
    database.store.events(from, filter, limit).await.unwrap()
}

fn steps(page: &EventPage) -> Vec<Step> {
    let events = page.events.iter();
    events
        .map(|(_, event)| (event.job_id, event.from, event.to))
        .collect()
}

/// Several jobs in one commit.
async fn enqueue(database: &Database, count: usize) {
    let item = || NewItem {
        job: analysis(),
        after_items: Vec::new(),
    };
    let items = std::iter::repeat_with(item).take(count).collect();
    database.store.job_enqueue_all(items, None).await.unwrap();
}

#[tokio::test]
async fn the_log_has_every_transition_in_order() {
    use JobStatus::{Cancelled, Completed, Pending, Processing};
    let database = Database::new().await;
    enqueue(&database, 2).await;
    database.advance(Duration::from_secs(5));
    let run = claim(&database.store, 1).await.remove(0);
    let done = (run.id, run.lease, Settlement::Complete { result: None });
    database.store.job_settle(vec![done]).await.unwrap();
    database.store.job_cancel(2).await.unwrap();
    database.store.job_delete(1).await.unwrap();
    let page = read(&database, EventsFrom::Oldest, 100).await;
    let expected = [
        (1, None, Some(Pending)),
        (2, None, Some(Pending)),
        (1, Some(Pending), Some(Processing)),
        (1, Some(Processing), Some(Completed)),
        (2, Some(Pending), Some(Cancelled)),
        (1, Some(Completed), None),
    ];
    assert_eq!(steps(&page), expected);
    let (_, first) = &page.events[0];
    assert_eq!(
        (first.queue.as_str(), first.job_type.as_str(), first.at),
        ("default", "data_analysis", start())
    );
    assert_eq!(page.events[2].1.at, start() + Duration::from_secs(5));
    assert!(!page.gap && !page.more);
    database.close().await;
}

#[tokio::test]
async fn in_parts_it_is_the_same_log() {
    let database = Database::new().await;
    for count in [3, 1, 150, 2] {
        enqueue(&database, count).await;
    }
    let whole = read(&database, EventsFrom::Oldest, 1_000).await;
    assert_eq!(whole.events.len(), 156);
    for limit in [1, 2, 5, 156] {
        let mut from = EventsFrom::Oldest;
        let mut found = Vec::new();
        loop {
            let page = read(&database, from, limit).await;
            assert!(page.events.len() <= limit && !page.gap);
            if let Some((last, _)) = page.events.last() {
                assert_eq!(*last, page.cursor);
            }
            from = EventsFrom::After(page.cursor);
            found.extend(page.events);
            if !page.more {
                break;
            }
        }
        assert_eq!(found, whole.events, "{limit}");
    }
    // From any event on, there is what comes after it.
    for (index, (id, _)) in whole.events.iter().enumerate() {
        let rest = read(&database, EventsFrom::After(*id), 1_000).await;
        assert_eq!(rest.events, whole.events[index + 1..]);
    }
    database.close().await;
}

#[tokio::test]
async fn filters_move_on_over_what_does_not_pass() {
    let database = Database::new().await;
    enqueue(&database, 5).await;
    let filter = EventFilter {
        job_type: Some("data_analysis".to_owned()),
        job_id: Some(4),
    };
    let of_one = database.store.events(EventsFrom::Oldest, filter, 10).await;
    let of_one = of_one.unwrap();
    assert_eq!(steps(&of_one), [(4, None, Some(JobStatus::Pending))]);
    let nothing = EventFilter {
        job_type: Some("data_export".to_owned()),
        job_id: None,
    };
    let page = database.store.events(EventsFrom::Oldest, nothing, 10).await;
    let page = page.unwrap();
    assert_eq!((page.events.len(), page.more), (0, false));
    // It is at the end: there is nothing between the two. (PostgreSQL's numbers grow by what others do on the server.)
    let end = read(&database, EventsFrom::Now, 10).await.cursor;
    assert!(page.cursor == end || on_postgres() && page.cursor < end);
    enqueue(&database, 1).await;
    for from in [page.cursor, end] {
        let rest = read(&database, EventsFrom::After(from), 10).await;
        assert_eq!(
            (rest.gap, steps(&rest)),
            (false, vec![(6, None, Some(JobStatus::Pending))])
        );
    }
    database.close().await;
}

#[tokio::test]
async fn what_was_trimmed_away_is_told_and_nothing_else() {
    let database = Database::new().await;
    for count in [2, 2, 2] {
        enqueue(&database, count).await;
    }
    let ids: Vec<EventCursor> = read(&database, EventsFrom::Oldest, 10)
        .await
        .events
        .into_iter()
        .map(|(id, _)| id)
        .collect();
    let trim = |keep| {
        database
            .store
            .event_trim(keep, Duration::from_hours(24), 100)
    };
    assert_eq!(trim(1).await.unwrap(), 2);
    let gap_after = async |id| {
        let page = read(&database, EventsFrom::After(id), 10).await;
        (page.gap, steps(&page).first().map(|step| step.0))
    };
    assert_eq!(gap_after(ids[0]).await, (true, Some(5)));
    assert_eq!(gap_after(ids[2]).await, (true, Some(5)));
    // It has seen all that is gone.
    assert_eq!(gap_after(ids[3]).await, (false, Some(5)));
    assert_eq!(gap_after(ids[4]).await, (false, Some(6)));
    let oldest = read(&database, EventsFrom::Oldest, 10).await;
    assert_eq!((oldest.gap, oldest.events.len()), (false, 2));
    assert_eq!(trim(0).await.unwrap(), 1);
    assert_eq!(gap_after(ids[4]).await, (true, None));
    assert_eq!(gap_after(ids[5]).await, (false, None));
    // A place that this log never came to: it is another database's.
    let beyond = EventCursor {
        commit: i64::MAX / 2,
        events: 0,
    };
    enqueue(&database, 1).await;
    assert_eq!(gap_after(beyond).await, (true, Some(7)));
    database.close().await;
}

/// Numbers of commits may have gaps where nothing was trimmed away: one that moved no job, or somebody else's.
#[tokio::test]
async fn a_commit_that_moves_nothing_is_no_gap() {
    let database = Database::new().await;
    let now = read(&database, EventsFrom::Now, 10).await.cursor;
    let created = database.store.user_create(ada(), job_for(&ada())).await;
    let id = created.unwrap().user.id;
    for _ in 0..3 {
        let change = UserChange {
            age: Some(40),
            ..UserChange::default()
        };
        database.store.user_update(id, change, None).await.unwrap();
    }
    enqueue(&database, 1).await;
    let page = read(&database, EventsFrom::After(now), 10).await;
    assert_eq!((page.gap, page.events.len()), (false, 2));
    let first = EventCursor {
        commit: 1,
        events: 0,
    };
    let page = read(&database, EventsFrom::After(first), 10).await;
    assert_eq!((page.gap, page.events.len()), (false, 2));
    database.close().await;
}

#[tokio::test]
async fn the_end_of_an_empty_log_is_a_place_too() {
    let database = Database::new().await;
    let now = read(&database, EventsFrom::Now, 10).await;
    assert!(now.events.is_empty() && !now.more);
    enqueue(&database, 1).await;
    let page = read(&database, EventsFrom::After(now.cursor), 10).await;
    assert_eq!((page.events.len(), page.gap), (1, false));
    database.close().await;
}

#[tokio::test]
async fn changes_are_told_whichever_process_makes_them() {
    let database = Database::new().await;
    let another = database.another().await;
    another.job_enqueue(analysis()).await.unwrap();
    let run = claim(&another, 1).await.remove(0);
    let mut changes = database.store.changes();
    let ended = async {
        loop {
            let status = database.store.job_status(run.id).await.unwrap();
            if status.is_some_and(JobStatus::has_ended) {
                return;
            }
            changes.changed().await;
        }
    };
    let settle = async {
        let done = (run.id, run.lease, Settlement::Complete { result: None });
        another.job_settle(vec![done]).await.unwrap();
    };
    let both = async { tokio::join!(ended, settle) };
    timeout(Duration::from_secs(20), both).await.unwrap();
    assert_eq!(database.store.job_status(99).await.unwrap(), None);
    another.close().await;
    database.close().await;
}

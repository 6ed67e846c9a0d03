//! Owns reading the event log: a row per commit, as the ledger wrote it.
//! Must not know: who reads.

use diesel::{
    Connection, ExpressionMethods, OptionalExtension, QueryDsl, QueryableByName, RunQueryDsl,
    sql_types::{BigInt, Nullable},
};
use serde::Deserialize;

use super::{Conn, Engine, dialect, statement::statement, time::moment};
use crate::{
    model::{EventCursor, EventFilter, EventPage, EventsFrom, JobEvent, JobStatus},
    store::{
        StoreError,
        schema::{job_events, job_queue},
    },
};

/// Commits that are read at once.
const CHUNK: i64 = 100;
/// Commits that one call looks at: a filter that nothing passes must not read the whole log.
const MOST: usize = 2_000;

impl Engine {
    pub(in crate::store) async fn events(
        &self,
        from: EventsFrom,
        filter: EventFilter,
        limit: usize,
    ) -> Result<EventPage, StoreError> {
        // In one transaction: what is trimmed meanwhile is there, or its loss is told.
        self.read(move |conn| {
            let bound = dialect::events_in_order(conn)?;
            conn.transaction(|conn| {
                dialect::snapshot(conn)?;
                read(conn, bound, from, &filter, limit)
            })
        })
        .await
    }

    pub(in crate::store) async fn job_status(
        &self,
        id: i64,
    ) -> Result<Option<JobStatus>, StoreError> {
        self.look_up(move |conn| {
            let status: Option<String> = job_queue::table
                .find(id)
                .select(job_queue::status)
                .get_result(conn)
                .optional()?;
            status.as_deref().map(super::jobs::status).transpose()
        })
        .await
    }
}

#[derive(QueryableByName)]
struct Ends {
    /// The oldest commit that is kept.
    #[diesel(sql_type = Nullable<BigInt>)]
    oldest: Option<i64>,
    /// The newest that there can be by now.
    #[diesel(sql_type = Nullable<BigInt>)]
    newest: Option<i64>,
    /// Up to which one they are gone.
    #[diesel(sql_type = Nullable<BigInt>)]
    trimmed: Option<i64>,
}

fn read(
    conn: &mut Conn,
    bound: i64,
    from: EventsFrom,
    filter: &EventFilter,
    limit: usize,
) -> Result<EventPage, StoreError> {
    let ends: Ends = statement(dialect::EVENT_ENDS).get_result(conn)?;
    let beyond = place(ends.newest.unwrap_or(0) + 1);
    // Not beyond what has not come to its place yet.
    let end = beyond.min(place(bound));
    let oldest = ends.oldest.map_or(end, place);
    let (cursor, gap) = match from {
        EventsFrom::Oldest => (oldest, false),
        EventsFrom::Now => (end, false),
        // Trimmed away, or of another database: before a restore, for example.
        EventsFrom::After(asked)
            if asked.commit.max(1) <= ends.trimmed.unwrap_or(0) || asked > beyond =>
        {
            (oldest, true)
        }
        EventsFrom::After(asked) => (asked, false),
    };
    let mut page = EventPage {
        events: Vec::new(),
        cursor,
        gap,
        more: true,
    };
    let mut looked = 0;
    while page.events.len() < limit && looked < MOST {
        let rows = chunk(conn, page.cursor.commit, bound)?;
        looked += rows.len();
        for row in &rows {
            take(&mut page, row, filter, limit)?;
        }
        if rows.len() < usize::try_from(CHUNK).unwrap_or(usize::MAX) && page.events.len() < limit {
            page.more = false;
            break;
        }
    }
    Ok(page)
}

/// Before the first event of a commit.
fn place(commit: i64) -> EventCursor {
    EventCursor { commit, events: 0 }
}

type Row = (i64, i64, String);

/// The commits from one on, as far as they are in their place.
fn chunk(conn: &mut Conn, first: i64, bound: i64) -> Result<Vec<Row>, StoreError> {
    Ok(job_events::table
        .filter(job_events::id.ge(first))
        .filter(job_events::id.lt(bound))
        .order(job_events::id)
        .limit(CHUNK)
        .select((job_events::id, job_events::at, job_events::transitions))
        .load(conn)?)
}

/// An entry of what the ledger writes.
#[derive(Deserialize)]
#[serde(untagged)]
enum Entry {
    Moved(i64, usize, i32, i32),
    Kind(String, String),
}

/// Takes what is left of a commit, as far as the page has room.
fn take(
    page: &mut EventPage,
    (commit, at, text): &Row,
    filter: &EventFilter,
    limit: usize,
) -> Result<(), StoreError> {
    let entries: Vec<Entry> =
        serde_json::from_str(text).map_err(|error| StoreError::Internal(Box::new(error)))?;
    let kinds: Vec<(&str, &str)> = entries
        .iter()
        .filter_map(|entry| match entry {
            Entry::Kind(queue, job_type) => Some((queue.as_str(), job_type.as_str())),
            Entry::Moved(..) => None,
        })
        .collect();
    let moves = entries.len() - kinds.len();
    let behind = if page.cursor.commit == *commit {
        usize::try_from(page.cursor.events).unwrap_or(usize::MAX)
    } else {
        0
    };
    for (index, entry) in entries.iter().enumerate().take(moves).skip(behind) {
        if page.events.len() >= limit {
            return Ok(());
        }
        page.cursor = place_behind(*commit, index, moves);
        let Entry::Moved(job_id, kind, from, to) = entry else {
            return Err(damaged());
        };
        let (queue, job_type) = *kinds.get(*kind).ok_or_else(damaged)?;
        if filter.lets(*job_id, job_type) {
            let event = JobEvent {
                at: moment(*at),
                job_id: *job_id,
                queue: queue.to_owned(),
                job_type: job_type.to_owned(),
                from: state(*from)?,
                to: state(*to)?,
            };
            page.events.push((page.cursor, event));
        }
    }
    Ok(())
}

fn place_behind(commit: i64, index: usize, moves: usize) -> EventCursor {
    if index + 1 == moves {
        return EventCursor {
            commit: commit + 1,
            events: 0,
        };
    }
    EventCursor {
        commit,
        events: u32::try_from(index + 1).unwrap_or(u32::MAX),
    }
}

/// By its place among all states; -1 is none.
fn state(number: i32) -> Result<Option<JobStatus>, StoreError> {
    if number == -1 {
        return Ok(None);
    }
    let place = usize::try_from(number).map_err(|_| damaged())?;
    let known = JobStatus::ALL.get(place).copied();
    known.map(Some).ok_or_else(damaged)
}

fn damaged() -> StoreError {
    StoreError::internal("a row of job_events cannot be read")
}

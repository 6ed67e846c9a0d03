//! Owns the proof that no hot statement walks over a table: each asks SQLite for its plan, in the words that it is run
//! with.
//! Must not know: what the statements do.

use std::array;

use diesel::{
    Connection, QueryableByName, RunQueryDsl, SqliteConnection, debug_query, sql_query,
    sql_types::Text, sqlite::Sqlite,
};

use super::{
    dialect,
    each::{Each, For},
    limit,
    rows::{self, Complete, GiveLeases},
    sql::{
        claim::Terms,
        explain, filter, gates, held, jobs, maintenance, migrate, payloads, reports, retention,
        runs::{Completed, Run},
        settle, ticks, undo, unique, users, workers,
    },
};

#[derive(QueryableByName)]
struct Step {
    #[diesel(sql_type = Text)]
    detail: String,
}

#[derive(QueryableByName)]
struct Opcode {
    #[diesel(sql_type = Text)]
    opcode: String,
}

/// What SQLite says of how it would run `query`, a line for each step.
fn plan(conn: &mut SqliteConnection, query: &str) -> String {
    let steps: Vec<Step> = sql_query(format!("EXPLAIN QUERY PLAN {query}"))
        .load(conn)
        .unwrap();
    steps.into_iter().map(|step| step.detail + "\n").collect()
}

/// Statements that name their jobs.
const BY_ID: [&str; 8] = [
    dialect::HEARTBEAT,
    settle::NAMED,
    reports::REPORT,
    rows::END,
    maintenance::MOVE,
    retention::AGAIN,
    jobs::DELETE,
    dialect::PUT_ASIDE,
];

/// Statements of schedules.
const SCHEDULES: [(&str, &str); 3] = [
    (ticks::DUE, "INDEX schedules_due (next_at>? AND next_at<?)"),
    (ticks::NEXT_DUE, "INDEX schedules_due"),
    (ticks::PRUNE, "SEARCH schedule_runs USING PRIMARY KEY"),
];

/// Statements of the retention.
const RETENTION: [(&str, &str); 7] = [
    (retention::PAGE, "INTEGER PRIMARY KEY (rowid>?)"),
    (retention::GROUPS, "INTEGER PRIMARY KEY (rowid>?)"),
    (retention::GROUPS, "INDEX job_queue_group (group_id=?)"),
    (retention::DELETE_GROUPS, "INTEGER PRIMARY KEY (rowid=?)"),
    (
        retention::DELETE_GROUPS,
        "INDEX job_queue_group (group_id=?)",
    ),
    (retention::OLDEST_EVENTS, "SCAN job_events"),
    (retention::DELETE_EVENTS, "INTEGER PRIMARY KEY (rowid<?)"),
];

/// Steps that no hot statement may have.
const WALKS: [&str; 5] = [
    "SCAN job_queue",
    "SCAN job_groups",
    "SCAN users",
    "SCAN schedules",
    "SCAN schedule_runs",
];

#[test]
fn hot_statements_use_their_index() {
    let mut conn = SqliteConnection::establish(":memory:").unwrap();
    migrate::up(&mut conn).unwrap();
    let owed = format!(
        "SELECT email FROM users WHERE {} ORDER BY id LIMIT 9",
        users::OWED
    );
    let dead =
        "SELECT error_message FROM job_queue WHERE status = 'failed' ORDER BY id DESC LIMIT 9";
    let hot = [
        (dialect::CLAIM, "INDEX job_queue_pending (queue=?)"),
        (
            maintenance::PROMOTE,
            "INDEX job_queue_waiting (scheduled_at<?)",
        ),
        (maintenance::NEXT, "INDEX job_queue_waiting"),
        (
            maintenance::EXPIRED,
            "INDEX job_queue_leases (lease_until<?)",
        ),
        (explain::AHEAD, "INDEX job_queue_pending (queue=?"),
        (
            explain::OPEN_PARENTS,
            "INDEX job_dependencies_job (job_id=?)",
        ),
        (explain::AHEAD_AT_GATE, "INDEX job_queue_held (held_by=?"),
        (payloads::PAGE, "INTEGER PRIMARY KEY (rowid>?)"),
        (dialect::ANY_HELD, "INDEX job_queue_held"),
        (
            held::NEXT_GATE,
            "INDEX job_queue_held (held_by>? AND held_by<?)",
        ),
        (held::LET_THROUGH, "INDEX job_queue_held (held_by=?)"),
        (
            gates::RUNNING_WITH_KEY,
            "INDEX job_queue_keyed (concurrency_key=?)",
        ),
        (gates::REFILLED, "INDEX rate_buckets_ready (ready_at<?)"),
        (
            unique::RELEASE,
            "SEARCH unique_locks USING PRIMARY KEY (unique_key=?)",
        ),
        (
            maintenance::EXPIRING,
            "INDEX job_queue_expiring (expires_at<?)",
        ),
        (maintenance::NEXT, "INDEX job_queue_expiring"),
        (owed.as_str(), "INDEX users_without_job"),
        (dead, "INDEX job_queue_failed"),
    ];
    let by_id = "SEARCH job_queue USING INTEGER PRIMARY KEY (rowid=?)";
    let by_id = BY_ID.map(|query| (query, by_id));
    for (query, expected) in hot
        .into_iter()
        .chain(SCHEDULES)
        .chain(RETENTION)
        .chain(by_id)
    {
        assert_uses(&mut conn, query, expected);
    }
}

/// The text of a statement for so many rows.
fn text<S: Each, const N: usize>(statement: &S, rows: &[S::Row; N]) -> String {
    let text = debug_query::<Sqlite, _>(&For { statement, rows }).to_string();
    text.split_once(" -- ").unwrap().0.to_owned()
}

#[test]
fn statements_for_several_rows_look_each_up() {
    let mut conn = SqliteConnection::establish(":memory:").unwrap();
    migrate::up(&mut conn).unwrap();
    let terms = Terms {
        now: 0,
        token_base: 0,
        until: 0,
        worker: "w",
        queue: "q",
        limit: 9,
    };
    let leases = GiveLeases { terms: &terms };
    let run = || Completed {
        id: 1,
        run: Run {
            token: 1,
            queue: "q".into(),
            job_type: "t".into(),
            worker: "w".into(),
            attempt: 1,
            started_at: 0,
        },
        result: None,
    };
    let by_id = "SEARCH job_queue USING INTEGER PRIMARY KEY (rowid=?)";
    for query in [
        text(&leases, &[1]),
        text(&leases, &[1; 8]),
        text(&leases, &[1; 32]),
        text(&Complete { now: 0 }, &[run()]),
        text(&Complete { now: 0 }, &array::from_fn::<_, 8, _>(|_| run())),
        text(&Complete { now: 0 }, &array::from_fn::<_, 32, _>(|_| run())),
    ] {
        assert_uses(&mut conn, &query, by_id);
    }
}

/// SQLite builds a table for a list of more than two values, each time that it checks a row: the checks of rows that are
/// written often have none. The one that is left is behind the question whether the job expires at all.
#[test]
fn checks_of_hot_rows_build_no_tables() {
    let mut conn = SqliteConnection::establish(":memory:").unwrap();
    migrate::up(&mut conn).unwrap();
    let tables = |conn: &mut SqliteConnection, query: &str| {
        let steps: Vec<Opcode> = sql_query(format!("EXPLAIN {query}")).load(conn).unwrap();
        assert!(steps.iter().any(|step| step.opcode == "MakeRecord"));
        let built = steps.iter().filter(|step| step.opcode == "OpenEphemeral");
        built.count()
    };
    for (query, left) in [
        (
            "INSERT INTO job_queue SELECT * FROM job_queue WHERE id = ?",
            1,
        ),
        (
            "INSERT INTO job_attempts SELECT * FROM job_attempts WHERE job_id = ?",
            0,
        ),
    ] {
        // An INSERT from its own table has one of its own for the rows that it reads.
        assert_eq!(tables(&mut conn, query), left + 1, "{query}");
    }
}

#[test]
fn the_dead_letter_is_found_by_its_index() {
    use diesel::QueryDsl;

    use crate::{model::JobFilter, store::schema::job_queue};

    let mut conn = SqliteConnection::establish(":memory:").unwrap();
    migrate::up(&mut conn).unwrap();
    let failed = JobFilter::of_status(crate::model::JobStatus::Failed);
    let mut query = job_queue::table.select(job_queue::id).into_boxed();
    for condition in filter::conditions(failed).unwrap() {
        query = query.filter(condition);
    }
    let text = debug_query::<Sqlite, _>(&query).to_string();
    let (query, _) = text.split_once(" -- ").unwrap();
    let plan = plan(&mut conn, query);
    assert!(plan.contains("INDEX job_queue_failed"), "{query}\n{plan}");
}

/// Who runs what is grouped, but of running jobs alone.
#[test]
fn counting_what_workers_run_looks_at_running_jobs_only() {
    let mut conn = SqliteConnection::establish(":memory:").unwrap();
    migrate::up(&mut conn).unwrap();
    let plan = plan(&mut conn, workers::RUNNING);
    assert!(plan.contains("INDEX job_queue_leases"), "{plan}");
}

/// The limit must not be one of a table walk, nor a run of the bench end in one.
#[test]
fn the_benchs_statements_use_their_index() {
    let mut conn = SqliteConnection::establish(":memory:").unwrap();
    migrate::up(&mut conn).unwrap();
    let by_id = "SEARCH job_queue USING INTEGER PRIMARY KEY (rowid";
    for (query, expected) in [
        (limit::CLAIM, "INDEX job_queue_pending (queue=?)"),
        (limit::SETTLE, by_id),
        (undo::RESTORE, by_id),
        (undo::REMOVE, by_id),
        (
            undo::FORGET_RUNS,
            "SEARCH job_attempts USING PRIMARY KEY (job_id=?)",
        ),
    ] {
        assert_uses(&mut conn, query, expected);
    }
}

#[track_caller]
fn assert_uses(conn: &mut SqliteConnection, query: &str, expected: &str) {
    let plan = plan(conn, query);
    assert!(plan.contains(expected), "{query}\n{plan}");
    let walks = plan.lines().any(|step| WALKS.contains(&step));
    assert!(!walks && !plan.contains("TEMP B-TREE"), "{query}\n{plan}");
}

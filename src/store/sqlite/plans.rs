//! Owns the proof that no hot statement walks over a table: each asks SQLite for its plan, in the words that it is run
//! with.
//! Must not know: what the statements do.

use diesel::{
    Connection, QueryableByName, RunQueryDsl, SqliteConnection, sql_query, sql_types::Text,
};

use super::{claim, gates, held, maintenance, migrate, retention, settle, unique, users};

#[derive(QueryableByName)]
struct Step {
    #[diesel(sql_type = Text)]
    detail: String,
}

/// What SQLite says of how it would run `query`, a line for each step.
fn plan(conn: &mut SqliteConnection, query: &str) -> String {
    let steps: Vec<Step> = sql_query(format!("EXPLAIN QUERY PLAN {query}"))
        .load(conn)
        .unwrap();
    steps.into_iter().map(|step| step.detail + "\n").collect()
}

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
    let by_id = "SEARCH job_queue USING INTEGER PRIMARY KEY (rowid=?)";
    let hot = [
        (claim::CLAIM, "INDEX job_queue_pending (queue=?)"),
        (claim::HEARTBEAT, by_id),
        (settle::NAMED, by_id),
        (settle::END, by_id),
        (
            maintenance::PROMOTE,
            "INDEX job_queue_waiting (scheduled_at<?)",
        ),
        (maintenance::MOVE, by_id),
        (maintenance::NEXT_DUE, "INDEX job_queue_waiting"),
        (
            maintenance::EXPIRED,
            "INDEX job_queue_leases (lease_until<?)",
        ),
        (retention::PAGE, "INTEGER PRIMARY KEY (rowid>?)"),
        (retention::AGAIN, by_id),
        (retention::DELETE, by_id),
        (retention::OLDEST_EVENTS, "SCAN job_events"),
        (retention::DELETE_EVENTS, "INTEGER PRIMARY KEY (rowid<?)"),
        (claim::PUT_ASIDE, by_id),
        (held::ANY_HELD, "INDEX job_queue_held"),
        (held::NEXT_GATE, "INDEX job_queue_held (held_by>? AND held_by<?)"),
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
        (maintenance::NEXT_EXPIRY, "INDEX job_queue_expiring"),
        (owed.as_str(), "INDEX users_without_job"),
        (dead, "INDEX job_queue_failed"),
    ];
    for (query, expected) in hot {
        let plan = plan(&mut conn, query);
        assert!(plan.contains(expected), "{query}\n{plan}");
        let walks = plan
            .lines()
            .any(|step| step == "SCAN job_queue" || step == "SCAN users");
        assert!(!walks && !plan.contains("TEMP B-TREE"), "{query}\n{plan}");
    }
}

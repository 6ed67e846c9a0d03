//! Owns the proof that no hot statement walks over a table of a million jobs: each is prepared in the words that it is run
//! with, and PostgreSQL is asked for the plan that it uses whatever the values are.
//! Must not know: what the statements do.

use diesel::{
    QueryableByName, RunQueryDsl, connection::SimpleConnection, sql_query, sql_types::Text,
};

use super::{
    Conn, dialect, rows,
    scratch::Scratch,
    sql::{
        explain, filter, gates, held, jobs, maintenance, payloads, reports, retention, settle,
        ticks, undo, unique, users, workers,
    },
};

#[derive(QueryableByName)]
struct Step {
    #[diesel(sql_type = Text)]
    detail: String,
}

/// A year of jobs, most of them done: one in a hundred waits, is due, is held, runs or has failed.
const FILL: &str = "SET synchronous_commit = off; \
     INSERT INTO job_queue (job_type, queue, payload, status, rank, timeout_ms, schema_fingerprint, lease_token, lease_until, \
     worker, scheduled_at, started_at, completed_at, created_at, held_by, concurrency_key, group_id, expires_at) \
     SELECT 'type' || n % 7, 'queue' || n % 5, '{\"n\": 1}', status, n, 60000, 'f', \
     CASE status WHEN 'processing' THEN n END, CASE status WHEN 'processing' THEN now() END, 'w' || n % 9, \
     now() - n * interval '30 s', now(), CASE WHEN status IN ('completed', 'failed') THEN now() END, now(), \
     CASE WHEN status = 'pending' AND n % 2 = 0 THEN 'type:type' || n % 7 END, \
     CASE WHEN n % 3 = 0 THEN 'key' || n % 1000 END, CASE WHEN n % 50 = 0 THEN n / 500 END, \
     CASE WHEN n % 20 = 0 THEN now() END \
     FROM generate_series(1, 1000000) AS n, LATERAL (SELECT CASE n % 500 WHEN 0 THEN 'pending' WHEN 1 THEN 'scheduled' \
     WHEN 2 THEN 'processing' WHEN 3 THEN 'failed' WHEN 4 THEN 'retry_pending' WHEN 5 THEN 'pending' \
     ELSE 'completed' END AS status) AS states; \
     INSERT INTO job_attempts (job_id, number, worker, started_at, finished_at, outcome) \
     SELECT n, 1, 'w', now(), now(), 'completed' FROM generate_series(1, 200000) AS n; \
     INSERT INTO job_logs (job_id, number, lines) SELECT n, 1, '[]' FROM generate_series(1, 50000) AS n; \
     INSERT INTO job_groups (total, created_at, completed_at) \
     SELECT 1, now(), now() FROM generate_series(1, 20000); \
     INSERT INTO users (email, email_key, age, created_at, updated_at, job_enqueued) \
     SELECT 'u' || n, 'u' || n, 1, now(), now(), n % 10000 <> 0 FROM generate_series(1, 100000) AS n; \
     INSERT INTO job_dependencies (parent_id, job_id) SELECT n, n + 1 FROM generate_series(1, 20000) AS n; \
     INSERT INTO unique_locks (unique_key, job_id) SELECT 'k' || n, n FROM generate_series(1, 20000) AS n; \
     INSERT INTO rate_buckets (gate, tokens, updated_at, ready_at) \
     SELECT 'key:t:' || n, 1, now(), CASE WHEN n % 100 = 0 THEN now() END FROM generate_series(1, 20000) AS n; \
     INSERT INTO job_events (id, at, transitions) SELECT n, now(), '[]' FROM generate_series(1, 100000) AS n; \
     INSERT INTO schedules (name, job_type, payload, schema_fingerprint, every_ms, next_at, created_at, updated_at) \
     SELECT 's' || n, 't', '{}', 'f', 1000, now() + n * interval '1 h', now(), now() FROM generate_series(1, 5000) AS n; \
     INSERT INTO schedule_runs (schedule_id, tick, outcome, ran_at) \
     SELECT n % 500 + 1, now() + n * interval '1 s', 'skipped', now() FROM generate_series(1, 50000) AS n; \
     ANALYZE";

/// A function that shows a plan, a row for each step.
const SHOW: &str = "CREATE FUNCTION show(query text) RETURNS SETOF text LANGUAGE plpgsql AS \
     $$ BEGIN RETURN QUERY EXECUTE 'EXPLAIN ' || query; END $$; SET plan_cache_mode = force_generic_plan";

/// Statements, the types of their values, and the index that they use.
const HOT: [(&str, &str, &str); 42] = [
    (
        dialect::CLAIM,
        "timestamptz, bigint, timestamptz, text, text, bigint",
        "job_queue_pending",
    ),
    (
        dialect::CLAIM,
        "timestamptz, bigint, timestamptz, text, text, bigint",
        "job_queue_pkey",
    ),
    (
        dialect::CLAIM_UNHINDERED,
        "timestamptz, bigint, timestamptz, text, text, bigint",
        "job_queue_pending",
    ),
    (
        dialect::CLAIM_UNHINDERED,
        "timestamptz, bigint, timestamptz, text, text, bigint",
        "job_queue_held",
    ),
    (dialect::START_LATER, "bigint[]", "job_queue_pkey"),
    (dialect::START_LATER, "bigint[]", "job_attempts_pkey"),
    (
        dialect::HEARTBEAT,
        "timestamptz, bigint[], bigint[]",
        "job_queue_pkey",
    ),
    (dialect::PUT_ASIDE, "bigint[], text[]", "job_queue_pkey"),
    (
        rows::COMPLETE,
        "timestamptz, bigint[], bigint[], json[], integer[], text[], timestamptz[]",
        "job_queue_pkey",
    ),
    (
        rows::END,
        "bigint[], text[], timestamptz[], timestamptz[], bigint[], int[], int[], text[], json[]",
        "job_queue_pkey",
    ),
    (dialect::EVENTS_BEYOND, "bigint", "job_events_pkey"),
    (settle::NAMED, "bigint[]", "job_queue_pkey"),
    (
        reports::REPORT,
        "json, json, bigint, bigint",
        "job_queue_leases",
    ),
    (maintenance::MOVE, "bigint[]", "job_queue_pkey"),
    (
        maintenance::PROMOTE,
        "timestamptz, bigint",
        "job_queue_waiting",
    ),
    (maintenance::NEXT, "", "job_queue_waiting"),
    (
        maintenance::EXPIRED,
        "timestamptz, bigint",
        "job_queue_leases",
    ),
    (
        maintenance::EXPIRING,
        "timestamptz, bigint",
        "job_queue_expiring",
    ),
    (maintenance::NEXT, "", "job_queue_expiring"),
    (dialect::ANY_HELD, "text[]", "job_queue_held"),
    (dialect::ANY_HELD, "text[]", "job_queue_pending"),
    (held::NEXT_GATE, "text, text", "job_queue_held"),
    (held::LET_THROUGH, "text, bigint", "job_queue_held"),
    (held::LET_THROUGH, "text, bigint", "job_queue_pkey"),
    (gates::RUNNING_WITH_KEY, "text, text", "job_queue_keyed"),
    (gates::REFILLED, "timestamptz, bigint", "rate_buckets_ready"),
    (explain::AHEAD, "text, bigint, bigint", "job_queue_pending"),
    (
        explain::AHEAD_AT_GATE,
        "text, bigint, bigint",
        "job_queue_held",
    ),
    (
        explain::OPEN_PARENTS,
        "bigint, bigint",
        "job_dependencies_job",
    ),
    (payloads::PAGE, "text[], bigint, bigint", "job_queue_pkey"),
    (unique::RELEASE, "text, bigint", "unique_locks_pkey"),
    (workers::RUNNING, "", "job_queue_leases"),
    (jobs::DELETE, "bigint[]", "job_queue_pkey"),
    (jobs::DELETE_RUNS, "bigint[]", "job_attempts_pkey"),
    (jobs::DELETE_LOGS, "bigint[]", "job_logs_pkey"),
    (retention::PAGE, "bigint, bigint", "job_queue_pkey"),
    (retention::AGAIN, "bigint[]", "job_queue_pkey"),
    (retention::OLDEST_EVENTS, "bigint", "job_events_pkey"),
    (retention::DELETE_EVENTS, "bigint", "job_events_pkey"),
    (
        retention::GROUPS,
        "timestamptz, bigint, bigint",
        "job_queue_group",
    ),
    (
        retention::DELETE_GROUPS,
        "bigint[], timestamptz",
        "job_queue_group",
    ),
    (ticks::DUE, "timestamptz, bigint", "schedules_due"),
];

/// The rest: schedules, and what is taken back after a run of the bench (but for what is deleted by the 20,000).
const OTHERS: [(&str, &str, &str); 4] = [
    (ticks::NEXT_DUE, "", "schedules_due"),
    (ticks::PRUNE, "bigint, bigint, bigint", "schedule_runs_pkey"),
    (undo::RESTORE, "bigint, bigint[]", "job_queue_pkey"),
    (undo::FORGET_RUNS, "bigint[]", "job_attempts_pkey"),
];

#[test]
fn hot_statements_use_their_index_at_a_million_jobs() {
    let mut scratch = Scratch::new();
    let conn = &mut scratch.conn;
    conn.batch_execute("SET statement_timeout = 0").unwrap();
    conn.batch_execute(FILL).unwrap();
    conn.batch_execute(SHOW).unwrap();
    let owed = format!(
        "SELECT email FROM users WHERE {} ORDER BY id LIMIT 9",
        users::OWED
    );
    let by_id = "SELECT * FROM job_queue WHERE id = ?";
    let list = "SELECT * FROM job_queue WHERE id < ? ORDER BY id DESC LIMIT 50";
    let events = "SELECT * FROM job_events WHERE id >= ? AND id < ? ORDER BY id LIMIT 100";
    let runs = "SELECT * FROM job_attempts WHERE job_id = ? ORDER BY number DESC LIMIT ?";
    let queries = [
        (owed.as_str(), "", "users_without_job"),
        (&dead_letter(), "bigint", "job_queue_failed"),
        (by_id, "bigint", "job_queue_pkey"),
        (list, "bigint", "job_queue_pkey"),
        (events, "bigint, bigint", "job_events_pkey"),
        (runs, "bigint, bigint", "job_attempts_pkey"),
    ];
    let mut wrong = Vec::new();
    for (query, types, index) in HOT.into_iter().chain(OTHERS).chain(queries) {
        let plan = plan(conn, query, types);
        let walks = plan.contains("Seq Scan on job_queue") || plan.contains("Seq Scan on users");
        if walks || !plan.contains(index) {
            wrong.push(format!("{query}\nwants {index}\n{plan}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // When the planner last looked, nothing ran: to walk over all that does would seem to cost nothing.
    let idle = "UPDATE job_queue SET status = 'pending', lease_token = NULL, lease_until = NULL WHERE status = 'processing'; \
         ANALYZE job_queue";
    conn.batch_execute(idle).unwrap();
    for text in [rows::COMPLETE, dialect::HEARTBEAT, settle::NAMED] {
        let of_it = HOT.into_iter().find(|(query, _, _)| *query == text);
        let plan = plan(conn, text, of_it.unwrap().1);
        assert!(!plan.contains("job_queue_leases"), "{text}\n{plan}");
    }
}

/// What the list of failed jobs asks, newest first.
fn dead_letter() -> String {
    use diesel::{ExpressionMethods, QueryDsl, debug_query, pg::Pg};

    use crate::{
        model::{JobFilter, JobStatus},
        store::schema::job_queue,
    };

    let failed = JobFilter::of_status(JobStatus::Failed);
    let mut query = job_queue::table
        .select(job_queue::id)
        .order(job_queue::id.desc())
        .limit(50)
        .into_boxed();
    for condition in filter::conditions(failed).unwrap() {
        query = query.filter(condition);
    }
    let text = debug_query::<Pg, _>(&query).to_string();
    text.split_once(" -- ").unwrap().0.to_owned()
}

/// The plan for any values. Statements of Diesel's DSL have their places numbered already.
fn plan(conn: &mut Conn, query: &str, types: &str) -> String {
    let mut text = String::new();
    for (number, part) in query.split('?').enumerate() {
        if number > 0 {
            text.push('$');
            text.push_str(&number.to_string());
        }
        text.push_str(part);
    }
    let (declared, values) = if types.is_empty() {
        (String::new(), String::new())
    } else {
        let values = vec!["NULL"; types.split(',').count()].join(", ");
        (format!(" ({types})"), format!("({values})"))
    };
    conn.batch_execute(&format!("PREPARE hot{declared} AS {text}"))
        .unwrap_or_else(|error| panic!("{error}: {text}"));
    let steps: Vec<Step> = sql_query(format!("SELECT show('EXECUTE hot{values}') AS detail"))
        .load(conn)
        .unwrap();
    conn.batch_execute("DEALLOCATE hot").unwrap();
    steps.into_iter().map(|step| step.detail + "\n").collect()
}

//! Owns what must hold when everything has ended, each as a query for what breaks it.
//! Must not know: what happened before.

use std::{collections::BTreeSet, time::Duration};

use tokio_postgres::Client;

/// Rows that break a rule, as text; none, when it is kept.
const RULES: [(&str, &str); 8] = [
    (
        "each job is in a state that ends it; a failed one has lost three workers",
        "SELECT format('%s %s %s', id, status, error_message) FROM job_queue WHERE NOT (status = 'completed' \
         OR status = 'failed' AND lease_losses = 3 AND error_message LIKE 'worker_lost%')",
    ),
    (
        "a completed job has one accepted outcome, a failed one none",
        "SELECT format('%s %s', job.id, job.status) FROM job_queue AS job WHERE (job.status = 'completed')::int <> \
         (SELECT count(*) FROM job_attempts WHERE job_id = job.id AND outcome = 'completed')",
    ),
    (
        "each run has its row",
        "SELECT job.id::text FROM job_queue AS job WHERE job.attempt <> \
         (SELECT count(*) FROM job_attempts WHERE job_id = job.id) OR job.attempt <> \
         (SELECT max(number) FROM job_attempts WHERE job_id = job.id)",
    ),
    (
        "the accepted outcome is the last",
        "SELECT format('%s %s', job_id, number) FROM job_attempts AS run JOIN job_queue AS job ON job.id = run.job_id \
         WHERE outcome = 'completed' AND number <> attempt",
    ),
    (
        "no two runs of a job overlap",
        "SELECT format('%s %s began %s, the one before ended %s', job_id, number, started_at, before) FROM \
         (SELECT *, lag(finished_at) OVER (PARTITION BY job_id ORDER BY number) AS before FROM job_attempts) AS runs \
         WHERE started_at < before OR finished_at < started_at",
    ),
    (
        "no two jobs have a unique key at the same time",
        "SELECT format('%s %s stored %s, the one before ended %s', unique_key, id, created_at, before) FROM \
         (SELECT *, lag(completed_at) OVER (PARTITION BY unique_key ORDER BY id) AS before FROM job_queue \
         WHERE unique_key IS NOT NULL) AS jobs WHERE created_at < before",
    ),
    (
        "each tick of a schedule has one job of its own",
        "SELECT format('%s %s %s', tick, outcome, detail) FROM schedule_runs AS run WHERE outcome <> 'enqueued' OR \
         (SELECT count(*) FROM job_queue WHERE id = run.job_id AND payload->>'message' = 'tick') <> 1 OR \
         (SELECT count(*) FROM schedule_runs WHERE job_id = run.job_id) <> 1",
    ),
    (
        "no tick of a schedule is left out",
        "SELECT format('%s after %s', tick, before) FROM (SELECT *, lag(tick) OVER (PARTITION BY schedule_id \
         ORDER BY tick) AS before FROM schedule_runs) AS runs WHERE tick - before <> interval '1 second'",
    ),
];

/// Looks at everything. Answers the ticks.
pub(super) async fn check(client: &Client, acknowledged: &BTreeSet<i64>) -> usize {
    let mut broken = Vec::new();
    for (rule, query) in RULES {
        let rows = client.query(query, &[]).await.unwrap();
        let first: Vec<String> = rows.iter().take(5).map(|row| row.get(0)).collect();
        if !rows.is_empty() {
            broken.push(format!("{rule}: {} times not: {first:#?}", rows.len()));
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    let ids: Vec<i64> = acknowledged.iter().copied().collect();
    let lost = client
        .query(
            "SELECT id FROM unnest($1::bigint[]) AS told (id) WHERE NOT EXISTS \
             (SELECT 1 FROM job_queue WHERE job_queue.id = told.id)",
            &[&ids],
        )
        .await
        .unwrap();
    assert_eq!(lost.len(), 0, "acknowledged, and lost");
    let jobs = count(client, "job_queue WHERE payload->>'message' = 'load'").await;
    assert_eq!(jobs, acknowledged.len(), "jobs that nobody asked for");
    let ticks = count(client, "schedule_runs").await;
    let jobs = count(client, "job_queue WHERE payload->>'message' = 'tick'").await;
    assert_eq!(jobs, ticks, "jobs of no tick");
    ticks
}

/// Whether a job has completed that had begun in the last so long.
pub(super) async fn begun_since(client: &Client, since: Duration) -> bool {
    let begun = "job_queue WHERE status = 'completed' AND started_at > clock_timestamp() - ";
    count(
        client,
        &format!("{begun} interval '{} ms'", since.as_millis()),
    )
    .await
        > 0
}

/// Jobs that wait for another try, which nothing here is a reason for.
pub(super) async fn tried_again(client: &Client) -> Vec<String> {
    let query = "SELECT format('%s jobs: %s', count(*), error_message) FROM job_queue \
                 WHERE status = 'retry_pending' GROUP BY error_message";
    let rows = client.query(query, &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

/// Rows of a table, or of a table `WHERE …`.
pub(super) async fn count(client: &Client, of: &str) -> usize {
    let query = format!("SELECT count(*) FROM {of}");
    let rows: i64 = client.query_one(&query, &[]).await.unwrap().get(0);
    usize::try_from(rows).unwrap()
}

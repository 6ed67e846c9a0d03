//! Owns what a run says of itself while it runs: progress, checkpoint, log lines. Fenced by its lease.
//! Must not know: how often runs say it.

use diesel::{
    QueryableByName, RunQueryDsl,
    sql_types::{Bool, Integer},
};

use super::{
    Engine,
    claim::json,
    statement::statement,
    time::{micros, moment},
    tx::{Lane, Tx},
};
use crate::{
    model::{JobReport, LeaseState, LeaseToken, LogLine},
    store::StoreError,
};

/// For the test that asks for its plan.
pub(in crate::store) const REPORT: &str = "UPDATE job_queue SET progress = coalesce(?, progress), checkpoint = coalesce(?, checkpoint) \
     WHERE id = ? AND status = 'processing' AND lease_token = ? RETURNING attempt, cancel_requested";

/// Two arrays become one as text: what was written before is not read.
const APPEND: &str = "INSERT INTO job_logs (job_id, number, lines) VALUES (?, ?, ?) ON CONFLICT (job_id, number) \
     DO UPDATE SET lines = substr(job_logs.lines, 1, length(job_logs.lines) - 1) || ',' || substr(excluded.lines, 2)";

#[derive(QueryableByName)]
struct Reported {
    #[diesel(sql_type = Integer)]
    attempt: i32,
    #[diesel(sql_type = Bool)]
    cancel_requested: bool,
}

impl Engine {
    pub(in crate::store) async fn job_report(
        &self,
        id: i64,
        token: LeaseToken,
        report: JobReport,
    ) -> Result<LeaseState, StoreError> {
        self.write(Lane::Runs, move |tx| store(tx, id, token, &report))
            .await
    }
}

fn store(
    tx: &mut Tx<'_>,
    id: i64,
    token: LeaseToken,
    report: &JobReport,
) -> Result<LeaseState, StoreError> {
    let reported: Vec<Reported> = statement(REPORT)
        .raw_json(report.progress.as_deref())
        .raw_json(report.checkpoint.as_deref())
        .int(id)
        .int(token.0)
        .load(tx.conn)?;
    let Some(run) = reported.first() else {
        return Ok(LeaseState::Lost);
    };
    if !report.log.is_empty() {
        let lines = report.log.iter();
        let lines: Vec<_> = lines.map(|line| (micros(line.at), &line.message)).collect();
        statement(APPEND)
            .int(id)
            .int(i64::from(run.attempt))
            .text(json(&lines)?)
            .execute(tx.conn)?;
    }
    Ok(if run.cancel_requested {
        LeaseState::CancelRequested
    } else {
        LeaseState::Live
    })
}

/// The lines of a row.
pub(in crate::store) fn lines(text: &str) -> Result<Vec<LogLine>, StoreError> {
    let lines: Vec<(i64, String)> =
        serde_json::from_str(text).map_err(|error| StoreError::Internal(Box::new(error)))?;
    let line = |(at, message)| LogLine {
        at: moment(at),
        message,
    };
    Ok(lines.into_iter().map(line).collect())
}

//! Owns reading the counters, and the proof that they are right.
//! Must not know: how they are kept (ledger.rs).

use std::collections::BTreeMap;

use diesel::{Connection, QueryDsl, RunQueryDsl, dsl::sql, sql_types::BigInt};

use super::{Conn, Engine, dialect, tx::Tx};
use crate::{
    model::{ControlKind, JobCounts, JobStatus, JobTypeCounts},
    store::{
        StoreError,
        schema::{job_counts, job_queue},
    },
};

impl Engine {
    pub(in crate::store) async fn job_counts(&self) -> Result<Vec<JobTypeCounts>, StoreError> {
        self.read(kept).await
    }

    pub(in crate::store) async fn queue_counts(
        &self,
    ) -> Result<Vec<(String, JobCounts)>, StoreError> {
        self.read(|conn| {
            let mut queues: BTreeMap<String, JobCounts> = BTreeMap::new();
            for (queue, _, status, count) in rows(conn)? {
                *queues
                    .entry(queue)
                    .or_default()
                    .of(super::jobs::status(&status)?) += count;
            }
            queues.retain(|_, counts| *counts != JobCounts::default());
            Ok(queues.into_iter().collect())
        })
        .await
    }

    /// What is kept and what a count over all jobs finds, where the two differ.
    pub(in crate::store) async fn job_counts_check(
        &self,
    ) -> Result<Vec<(JobTypeCounts, JobTypeCounts)>, StoreError> {
        self.read(|conn| {
            // One snapshot, and of whole commits: the writer adds its sums up at the end of each.
            let (kept, counted) = conn.transaction::<_, StoreError, _>(|conn| {
                dialect::snapshot(conn)?;
                Ok((kept(conn)?, counted(conn)?))
            })?;
            let by_type = |all: &[JobTypeCounts], job_type: &str| {
                let found = all
                    .iter()
                    .find(|counts| counts.job_type == job_type)
                    .cloned();
                found.unwrap_or_else(|| JobTypeCounts {
                    job_type: job_type.to_owned(),
                    counts: JobCounts::default(),
                })
            };
            let mut types: Vec<_> = kept
                .iter()
                .chain(&counted)
                .map(|counts| counts.job_type.clone())
                .collect();
            types.sort_unstable();
            types.dedup();
            let pairs = types
                .iter()
                .map(|name| (by_type(&kept, name), by_type(&counted, name)));
            Ok(pairs.filter(|(kept, counted)| kept != counted).collect())
        })
        .await
    }
}

/// Jobs of one queue or job type in some states, as of now: what is kept, and what this commit has done so far.
pub(in crate::store) fn now(
    tx: &mut Tx<'_>,
    statuses: &[JobStatus],
    kind: ControlKind,
    name: &str,
) -> Result<i64, StoreError> {
    let which = |queue: &str, job_type: &str| match kind {
        ControlKind::Queue => queue == name,
        ControlKind::JobType => job_type == name,
    };
    let growth: i64 = statuses
        .iter()
        .map(|status| tx.ledger.growth(*status, which))
        .sum();
    Ok(committed(tx.conn, statuses, kind, name)? + growth)
}

/// The same as of the last commit.
pub(in crate::store) fn committed(
    conn: &mut Conn,
    statuses: &[JobStatus],
    kind: ControlKind,
    name: &str,
) -> Result<i64, StoreError> {
    let counted = |status: &str| statuses.iter().any(|it| it.as_str() == status);
    let sum = rows(conn)?
        .iter()
        .filter(|(queue, job_type, status, _)| {
            let named = match kind {
                ControlKind::Queue => queue == name,
                ControlKind::JobType => job_type == name,
            };
            named && counted(status)
        })
        .map(|(.., count)| count)
        .sum();
    Ok(sum)
}

/// Queue, job type, state and count.
fn rows(conn: &mut Conn) -> Result<Vec<(String, String, String, i64)>, StoreError> {
    Ok(job_counts::table
        .select((
            job_counts::queue,
            job_counts::job_type,
            job_counts::status,
            job_counts::count,
        ))
        .load(conn)?)
}

fn kept(conn: &mut Conn) -> Result<Vec<JobTypeCounts>, StoreError> {
    let rows = job_counts::table
        .select((job_counts::job_type, job_counts::status, job_counts::count))
        .load(conn)?;
    by_type(rows)
}

fn counted(conn: &mut Conn) -> Result<Vec<JobTypeCounts>, StoreError> {
    let rows = job_queue::table
        .group_by((job_queue::job_type, job_queue::status))
        .select((
            job_queue::job_type,
            job_queue::status,
            sql::<BigInt>("count(*)"),
        ))
        .load(conn)?;
    by_type(rows)
}

/// Adds up queues; types without jobs are left out.
fn by_type(rows: Vec<(String, String, i64)>) -> Result<Vec<JobTypeCounts>, StoreError> {
    let mut types: BTreeMap<String, JobCounts> = BTreeMap::new();
    for (job_type, status, count) in rows {
        *types
            .entry(job_type)
            .or_default()
            .of(super::jobs::status(&status)?) += count;
    }
    types.retain(|_, counts| *counts != JobCounts::default());
    Ok(types
        .into_iter()
        .map(|(job_type, counts)| JobTypeCounts { job_type, counts })
        .collect())
}

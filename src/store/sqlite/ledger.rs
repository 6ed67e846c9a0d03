//! Owns the sums of one commit: how many jobs moved into and out of each state (docs/decisions/0004).
//! Must not know: why they moved.

use diesel::{QueryResult, RunQueryDsl, sqlite::SqliteConnection};

use super::statement::statement;
use crate::model::JobStatus;

/// Moves noted since the last commit. A unit that fails takes its own back.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// Queue and job type, in the order of their first mention.
    kinds: Vec<(String, String)>,
    moves: Vec<Move>,
}

#[derive(Debug, Clone, Copy)]
struct Move {
    kind: usize,
    status: JobStatus,
    by: i64,
}

/// Where a unit's own moves begin.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark(usize);

impl Ledger {
    pub(super) fn mark(&self) -> Mark {
        Mark(self.moves.len())
    }

    pub(super) fn rewind(&mut self, mark: Mark) {
        self.moves.truncate(mark.0);
    }

    /// Notes that `by` jobs more (or fewer) are in `status`.
    pub(super) fn note(&mut self, queue: &str, job_type: &str, status: JobStatus, by: i64) {
        let kind = self.kind(queue, job_type);
        self.moves.push(Move { kind, status, by });
    }

    fn kind(&mut self, queue: &str, job_type: &str) -> usize {
        let known = self
            .kinds
            .iter()
            .position(|(q, t)| q == queue && t == job_type);
        known.unwrap_or_else(|| {
            self.kinds.push((queue.to_owned(), job_type.to_owned()));
            self.kinds.len() - 1
        })
    }

    /// Writes the sums, one row per kind and state that changed, and starts over.
    pub(super) fn flush(&mut self, conn: &mut SqliteConnection) -> QueryResult<()> {
        let mut sums = vec![[0_i64; JobStatus::ALL.len()]; self.kinds.len()];
        for Move { kind, status, by } in self.moves.drain(..) {
            sums[kind][status as usize] += by;
        }
        for ((queue, job_type), sums) in self.kinds.iter().zip(sums) {
            for (status, by) in JobStatus::ALL
                .into_iter()
                .zip(sums)
                .filter(|(_, by)| *by != 0)
            {
                statement(
                    "INSERT INTO job_counts (queue, job_type, status, count) VALUES (?, ?, ?, ?) \
                     ON CONFLICT (queue, job_type, status) DO UPDATE SET count = count + excluded.count",
                )
                .text(queue.as_str())
                .text(job_type.as_str())
                .text(status.as_str())
                .int(by)
                .execute(conn)?;
            }
        }
        Ok(())
    }
}

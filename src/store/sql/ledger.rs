//! Owns what one commit did to jobs: the sums of each state (docs/decisions/0004) and the event row.
//! Must not know: why jobs moved.

use std::fmt::Write;

use diesel::QueryResult;

use super::{Conn, dialect};
use crate::model::JobStatus;

/// Moves noted since the last commit. A unit that fails takes its own back.
#[derive(Debug, Default)]
pub(in crate::store) struct Ledger {
    /// Queue and job type, in the order of their first mention.
    kinds: Vec<(String, String)>,
    moves: Vec<Move>,
    /// The transaction's own number, once a statement has told it.
    #[allow(dead_code, reason = "SQLite's have none")]
    pub(in crate::store) number: Option<i64>,
    /// The last statement that was run has told that nothing is written yet.
    #[allow(dead_code, reason = "SQLite's commits of nothing cost nothing")]
    pub(in crate::store) idle: bool,
}

/// What one commit did.
#[derive(Debug)]
pub(in crate::store) struct Entry<'a> {
    /// See [`Ledger::event`].
    pub(in crate::store) event: String,
    /// Always in the same order: two transactions must not wait for each other's rows.
    pub(in crate::store) sums: Vec<Sum<'a>>,
}

#[derive(Debug, Clone, Copy)]
struct Move {
    job: i64,
    kind: usize,
    from: Option<JobStatus>,
    to: Option<JobStatus>,
}

/// How many jobs more are in a state than before.
#[derive(Debug)]
pub(in crate::store) struct Sum<'a> {
    pub(in crate::store) queue: &'a str,
    pub(in crate::store) job_type: &'a str,
    pub(in crate::store) status: JobStatus,
    pub(in crate::store) by: i64,
}

/// Where a unit's own moves begin.
#[derive(Debug, Clone, Copy)]
pub(in crate::store) struct Mark(usize);

impl Ledger {
    pub(in crate::store) fn is_empty(&self) -> bool {
        self.moves.is_empty()
    }

    pub(in crate::store) fn mark(&self) -> Mark {
        Mark(self.moves.len())
    }

    pub(in crate::store) fn rewind(&mut self, mark: Mark) {
        self.moves.truncate(mark.0);
    }

    /// Notes that a job went from one state to another; from none: it is new, to none: it is deleted.
    pub(in crate::store) fn moved(
        &mut self,
        job: i64,
        (queue, job_type): (&str, &str),
        from: Option<JobStatus>,
        to: Option<JobStatus>,
    ) {
        let kind = self.kind(queue, job_type);
        self.moves.push(Move {
            job,
            kind,
            from,
            to,
        });
    }

    /// How many jobs more are in `status` than before this commit, among the queues and types that `which` accepts.
    pub(in crate::store) fn growth(
        &self,
        status: JobStatus,
        which: impl Fn(&str, &str) -> bool,
    ) -> i64 {
        let counted = |side: Option<JobStatus>| i64::from(side == Some(status));
        self.moves
            .iter()
            .filter(|step| {
                let (queue, job_type) = &self.kinds[step.kind];
                which(queue, job_type)
            })
            .map(|step| counted(step.to) - counted(step.from))
            .sum()
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

    /// Writes what was noted, and starts over. `at` in microseconds. `None`: nothing moved.
    pub(in crate::store) fn flush(
        &mut self,
        conn: &mut Conn,
        at: i64,
    ) -> QueryResult<Option<dialect::Noted>> {
        self.close()
            .map(|entry| dialect::note(conn, at, entry))
            .transpose()
    }

    /// What was noted, one sum per kind and state that changed; then starts over. `None`: nothing moved.
    pub(in crate::store) fn close(&mut self) -> Option<Entry<'_>> {
        if self.moves.is_empty() {
            return None;
        }
        let event = self.event();
        let mut sums = vec![[0_i64; JobStatus::ALL.len()]; self.kinds.len()];
        for Move { kind, from, to, .. } in self.moves.drain(..) {
            if let Some(from) = from {
                sums[kind][from as usize] -= 1;
            }
            if let Some(to) = to {
                sums[kind][to as usize] += 1;
            }
        }
        let kinds = self.kinds.iter().zip(&sums);
        let mut sums: Vec<Sum<'_>> = kinds
            .flat_map(|((queue, job_type), sums)| {
                let changed = JobStatus::ALL.into_iter().zip(sums);
                changed.map(move |(status, by)| Sum {
                    queue,
                    job_type,
                    status,
                    by: *by,
                })
            })
            .filter(|sum| sum.by != 0)
            .collect();
        sums.sort_unstable_by_key(|sum| (sum.queue, sum.job_type, sum.status.as_str()));
        Some(Entry { event, sums })
    }

    /// The same for one new job: what goes before its number, and what behind it.
    #[allow(dead_code, reason = "SQLite knows the number before it notes the job")]
    pub(in crate::store) fn event_of_new(
        (queue, job_type): (&str, &str),
        status: JobStatus,
    ) -> (&'static str, String) {
        let pair = serde_json::to_string(&(queue, job_type)).unwrap_or_default();
        ("[[", format!(",0,-1,{}],{pair}]", status as i32))
    }

    /// `[[job, kind, from, to], …, [queue, job_type], …]`: states by their place in [`JobStatus::ALL`] (-1 is none), kinds
    /// by their place among the pairs at the end. Short, because it is written with every commit. Read by events.rs.
    fn event(&self) -> String {
        let mut kinds: Vec<usize> = Vec::new();
        let mut text = String::with_capacity(16 + self.moves.len() * 20);
        text.push('[');
        for Move {
            job,
            kind,
            from,
            to,
        } in &self.moves
        {
            let place = kinds.iter().position(|known| known == kind);
            let place = place.unwrap_or_else(|| {
                kinds.push(*kind);
                kinds.len() - 1
            });
            let number = |status: &Option<JobStatus>| status.map_or(-1, |status| status as i32);
            // Writing to a String cannot fail.
            let _ = write!(text, "[{job},{place},{},{}],", number(from), number(to));
        }
        for kind in &kinds {
            let (queue, job_type) = &self.kinds[*kind];
            let pair = serde_json::to_string(&(queue, job_type)).unwrap_or_default();
            text.push_str(&pair);
            text.push(',');
        }
        text.pop();
        text.push(']');
        text
    }
}

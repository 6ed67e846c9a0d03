//! Owns forgetting: ended jobs that are older than their type keeps them, groups that all jobs of are gone, and old events.
//! In small batches, by primary key, so that nobody waits and no index has to be kept for it.
//! Must not know: who calls, or when.

use std::{collections::BTreeMap, time::Duration};

use chrono::{DateTime, Utc};
use diesel::{
    OptionalExtension, QueryableByName, RunQueryDsl,
    sql_types::{BigInt, Bool, Nullable, Text},
};

use super::{
    Engine, Many, Moment, among, dialect,
    jobs::delete_rows,
    skip_locked,
    statement::statement,
    time::{micros, span},
    tx::{Lane, Tx},
};
use crate::{
    model::{JobPolicy, JobStatus},
    store::{Expired, ForgottenGroups, StoreError},
};

/// For the test that asks for its plan.
pub(in crate::store) const PAGE: &str = "SELECT id, queue, job_type, status, completed_at FROM job_queue WHERE id > ? ORDER BY id LIMIT ?";

/// For the test that asks for its plan.
pub(in crate::store) const AGAIN: &str = concat!(
    "SELECT id, queue, job_type, status, completed_at FROM job_queue WHERE id ",
    among!(),
    skip_locked!()
);

/// SQLite looks both ends up only when each is asked for by itself.
const BREADTH: &str =
    "SELECT (SELECT max(id) FROM job_queue) - (SELECT min(id) FROM job_queue) AS number";

/// For the test that asks for its plan.
pub(in crate::store) const OLDEST_EVENTS: &str =
    "SELECT id, at FROM job_events ORDER BY id LIMIT ?";

/// For the test that asks for its plan.
pub(in crate::store) const DELETE_EVENTS: &str = "DELETE FROM job_events WHERE id <= ?";

/// For the test that asks for its plan. Asks whether jobs are left, so that the writer hears only of groups that can go.
pub(in crate::store) const GROUPS: &str = "SELECT id, completed_at <= ? AND NOT EXISTS (SELECT 1 FROM job_queue \
     WHERE group_id = job_groups.id) AS old FROM job_groups WHERE id > ? ORDER BY id LIMIT ?";

/// For the test that asks for its plan.
pub(in crate::store) const DELETE_GROUPS: &str = concat!(
    "DELETE FROM job_groups WHERE id ",
    among!(),
    " AND completed_at <= ? AND NOT EXISTS (SELECT 1 FROM job_queue WHERE group_id = job_groups.id)"
);

#[derive(QueryableByName)]
struct Group {
    #[diesel(sql_type = BigInt)]
    id: i64,
    /// None when not all of its jobs have ended yet.
    #[diesel(sql_type = Nullable<Bool>)]
    old: Option<bool>,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Text)]
    queue: String,
    #[diesel(sql_type = Text)]
    job_type: String,
    #[diesel(sql_type = Text)]
    status: String,
    #[diesel(sql_type = Nullable<Moment>)]
    completed_at: Option<i64>,
}

#[derive(QueryableByName)]
struct Event {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Moment)]
    at: i64,
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = Nullable<BigInt>)]
    number: Option<i64>,
}

/// The types that do not keep everything for ever.
type Rules = BTreeMap<&'static str, &'static JobPolicy>;

fn rules(policies: &'static [JobPolicy]) -> Rules {
    let forgets = |policy: &&JobPolicy| {
        let kept = [
            policy.keep_completed,
            policy.keep_failed,
            policy.keep_cancelled,
        ];
        kept.iter().any(Option::is_some)
    };
    let forgetful = policies.iter().filter(forgets);
    forgetful.map(|policy| (policy.job_type, policy)).collect()
}

/// The job's state, if it ended so long ago that its type does not keep it any more.
fn too_old(row: &Row, rules: &Rules, now: DateTime<Utc>) -> Result<Option<JobStatus>, StoreError> {
    let (Some(ended), Some(policy)) = (row.completed_at, rules.get(row.job_type.as_str())) else {
        return Ok(None);
    };
    let status = super::jobs::status(&row.status)?;
    let keep = match status {
        JobStatus::Completed => policy.keep_completed,
        JobStatus::Failed => policy.keep_failed,
        JobStatus::Cancelled => policy.keep_cancelled,
        _ => None,
    };
    let old = keep.is_some_and(|keep| ended.saturating_add(span(keep)) <= micros(now));
    Ok(old.then_some(status))
}

impl Engine {
    /// Looks at `limit` jobs from `after` on, and deletes those that are not kept any more.
    pub(in crate::store) async fn job_expire(
        &self,
        after: Option<i64>,
        limit: usize,
    ) -> Result<Expired, StoreError> {
        let rules = rules(self.policies);
        if rules.is_empty() {
            return Ok(Expired::default());
        }
        let now = self.clock.now();
        let page = {
            let rules = rules.clone();
            self.read(move |conn| {
                let rows: Vec<Row> = statement(PAGE)
                    .int(after.unwrap_or(0))
                    .int(i64::try_from(limit).unwrap_or(i64::MAX))
                    .load(conn)?;
                let breadth: Number = statement(BREADTH).get_result(conn)?;
                let more = rows.len() >= limit;
                let next = rows.last().map(|row| row.id).filter(|_| more);
                let mut old = Vec::new();
                for row in &rows {
                    if too_old(row, &rules, now)?.is_some() {
                        old.push(row.id);
                    }
                }
                Ok((old, next, breadth.number.unwrap_or(0)))
            })
        };
        let (old, next, breadth) = page.await?;
        let jobs = if old.is_empty() {
            0
        } else {
            self.write(Lane::Rest, move |tx| forget(tx, &old, &rules))
                .await?
        };
        Ok(Expired {
            jobs,
            next,
            breadth: breadth.unsigned_abs(),
        })
    }

    /// Looks at `limit` groups from `after` on, and deletes those that completed `age` ago and have no jobs any more.
    pub(in crate::store) async fn group_forget(
        &self,
        age: Duration,
        after: Option<i64>,
        limit: usize,
    ) -> Result<ForgottenGroups, StoreError> {
        let oldest = micros(self.clock.now()).saturating_sub(span(age));
        let groups: Vec<Group> = self
            .read(move |conn| {
                Ok(statement(GROUPS)
                    .at(oldest)
                    .int(after.unwrap_or(0))
                    .int(i64::try_from(limit).unwrap_or(i64::MAX))
                    .load(conn)?)
            })
            .await?;
        let more = groups.len() >= limit;
        let next = groups.last().map(|group| group.id).filter(|_| more);
        let old = groups.iter().filter(|group| group.old == Some(true));
        let old: Vec<i64> = old.map(|group| group.id).collect();
        let groups = if old.is_empty() {
            0
        } else {
            self.write(Lane::Rest, move |tx| {
                Ok(statement(DELETE_GROUPS)
                    .many(Many::ids(&old)?)
                    .at(oldest)
                    .execute(tx.conn)?)
            })
            .await?
        };
        Ok(ForgottenGroups { groups, next })
    }

    /// Deletes the oldest events: what is beyond the newest `keep`, or older than `age`. Looks at `limit` of them.
    pub(in crate::store) async fn event_trim(
        &self,
        keep: u32,
        age: Duration,
        limit: usize,
    ) -> Result<usize, StoreError> {
        let oldest = micros(self.clock.now()).saturating_sub(span(age));
        let last = self.read(move |conn| {
            let beyond: Option<Number> = statement(dialect::EVENTS_BEYOND)
                .int(i64::from(keep))
                .get_result(conn)
                .optional()?;
            let beyond = beyond.and_then(|beyond| beyond.number).unwrap_or(0);
            let events: Vec<Event> = statement(OLDEST_EVENTS)
                .int(i64::try_from(limit).unwrap_or(i64::MAX))
                .load(conn)?;
            let old = |event: &&Event| event.id <= beyond || event.at <= oldest;
            Ok(events.iter().take_while(old).last().map(|event| event.id))
        });
        let Some(last) = last.await? else {
            return Ok(0);
        };
        self.write(Lane::Rest, move |tx| {
            dialect::trimmed(tx.conn, last)?;
            Ok(statement(DELETE_EVENTS).int(last).execute(tx.conn)?)
        })
        .await
    }
}

/// Deletes them, with runs and logs, unless somebody brought them back meanwhile. What an ended job was tied to has been
/// told when it ended.
fn forget(tx: &mut Tx<'_>, old: &[i64], rules: &Rules) -> Result<usize, StoreError> {
    let rows: Vec<Row> = statement(AGAIN).many(Many::ids(old)?).load(tx.conn)?;
    let mut gone = Vec::new();
    for row in &rows {
        if let Some(status) = too_old(row, rules, tx.now)? {
            let kind = (row.queue.as_str(), row.job_type.as_str());
            tx.ledger.moved(row.id, kind, Some(status), None);
            gone.push(row.id);
        }
    }
    delete_rows(tx, &gone)?;
    Ok(gone.len())
}

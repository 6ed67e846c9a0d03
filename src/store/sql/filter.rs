//! Owns what a filter of jobs means in SQL.
//! Must not know: what is done with the jobs.

use diesel::{
    BoxableExpression, ExpressionMethods,
    dsl::sql,
    sql_types::{BigInt, Bool, Text},
};

use super::{Backend, dialect, time::at};
use crate::{
    model::{JobFilter, JobStatus},
    store::{StoreError, schema::job_queue},
};

/// One condition on a job.
pub(in crate::store) type Condition =
    Box<dyn BoxableExpression<job_queue::table, Backend, SqlType = Bool>>;

/// All that must hold for a job to be meant.
pub(in crate::store) fn conditions(filter: JobFilter) -> Result<Vec<Condition>, StoreError> {
    let mut conditions: Vec<Condition> = Vec::new();
    if !filter.ids.is_empty() {
        conditions.push(dialect::with_ids(&filter.ids)?);
    }
    if let Some(status) = filter.status {
        conditions.push(one_of(&[status]));
    }
    if let Some(job_type) = filter.job_type {
        conditions.push(Box::new(job_queue::job_type.eq(job_type)));
    }
    if let Some(queue) = filter.queue {
        conditions.push(Box::new(job_queue::queue.eq(queue)));
    }
    if let Some(tag) = filter.tag {
        conditions.push(dialect::with_tag(tag));
    }
    if let Some(group) = filter.group_id {
        let of = sql::<Bool>("job_queue.group_id = ");
        conditions.push(Box::new(of.bind::<BigInt, _>(group)));
    }
    if let Some(after) = filter.created_after {
        conditions.push(Box::new(job_queue::created_at.ge(at(after))));
    }
    if let Some(before) = filter.created_before {
        conditions.push(Box::new(job_queue::created_at.lt(at(before))));
    }
    if let Some(search) = filter.search {
        let has = sql::<Bool>(dialect::LIKE);
        conditions.push(Box::new(
            has.bind::<Text, _>(pattern(&search)).sql(r" ESCAPE '\'"),
        ));
    }
    Ok(conditions)
}

/// In one of these states. Literals, because only they make SQLite see that a partial index will do.
pub(in crate::store) fn one_of(statuses: &[JobStatus]) -> Condition {
    let quoted: Vec<String> = statuses
        .iter()
        .map(|status| format!("'{status}'"))
        .collect();
    let text = match quoted.as_slice() {
        [only] => format!("job_queue.status = {only}"),
        several => format!("job_queue.status IN ({})", several.join(", ")),
    };
    Box::new(sql::<Bool>(&text))
}

/// What has the text anywhere.
fn pattern(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 2);
    pattern.push('%');
    for character in text.chars() {
        if matches!(character, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern.push('%');
    pattern
}

//! Owns storing many new jobs that nobody else has a say in, without a question for each.
//! Must not know: who collected them.

use std::time::Duration;

use super::{dialect, new_row::NewRow, tx::Tx};
use crate::{model::NewJob, store::StoreError};

/// Stores plain jobs together, unless the depth of any queue is limited. Answers them with their numbers, in their order;
/// `None`: nothing is stored, and each is to be stored for itself.
pub(in crate::store) fn insert_many<'j>(
    tx: &mut Tx<'_>,
    jobs: &[&'j NewJob],
    ageing: Duration,
) -> Result<Option<Vec<(NewRow<'j>, i64)>>, StoreError> {
    if jobs.is_empty() {
        return Ok(Some(Vec::new()));
    }
    let rows: Vec<_> = jobs
        .iter()
        .map(|job| NewRow::of(job, tx.now, ageing))
        .collect();
    let Some(ids) = dialect::insert_jobs(tx, &rows)? else {
        return Ok(None);
    };
    if ids.len() != rows.len() {
        return Err(StoreError::internal("not all jobs were inserted"));
    }
    *tx.wake = true;
    for (row, id) in rows.iter().zip(&ids) {
        let kind = (row.job.queue.as_ref(), row.job.job_type.as_ref());
        tx.ledger.moved(*id, kind, None, Some(row.status));
    }
    Ok(Some(rows.into_iter().zip(ids).collect()))
}

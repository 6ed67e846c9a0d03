//! Owns many jobs at once as the contract's wire types: which are meant, and what became of them.
//! Must not know: who asks.

use std::collections::BTreeMap;

use super::{types, wire::WireError};
use crate::model::{BulkChange, BulkChanged, EnqueueOutcome, Enqueued, Fault, JobFilter};

/// Why one of many jobs was refused.
#[derive(Debug)]
pub struct Refusal {
    pub code: types::ErrorCode,
    pub message: String,
    /// Where in the request.
    pub pointer: String,
}

/// What became of all jobs of a request: those of `refused` were never tried, the others stand at `places`. `refusal`
/// says why one was not stored.
pub fn jobs<E>(
    places: &[usize],
    outcomes: &[Result<Enqueued, E>],
    refused: &BTreeMap<usize, Vec<Fault>>,
    refusal: impl Fn(usize, &E) -> Refusal,
) -> Result<types::BulkJobs, WireError> {
    let mut items = Vec::with_capacity(outcomes.len() + refused.len());
    for (place, outcome) in places.iter().zip(outcomes) {
        items.push(match outcome {
            Ok(enqueued) => stored(*place, enqueued)?,
            Err(error) => self::refused(*place, &refusal(*place, error))?,
        });
    }
    for (place, faults) in refused {
        let first = faults.first().cloned();
        let first = first.unwrap_or_else(|| Fault::new("", "it breaks the contract"));
        let refusal = Refusal {
            code: types::ErrorCode::InvalidRequest,
            message: first.message,
            pointer: first.pointer,
        };
        items.push(self::refused(*place, &refusal)?);
    }
    items.sort_by_key(|item| item.index);
    Ok(types::BulkJobs { items })
}

fn stored(place: usize, enqueued: &Enqueued) -> Result<types::BulkJob, WireError> {
    Ok(types::BulkJob {
        index: u32::try_from(place)?,
        outcome: match enqueued.outcome {
            EnqueueOutcome::Created => types::BulkOutcome::Created,
            EnqueueOutcome::Existing => types::BulkOutcome::Existing,
            EnqueueOutcome::Replaced => types::BulkOutcome::Replaced,
        },
        id: Some(job_id(enqueued.job.id)?),
        error: None,
    })
}

fn refused(place: usize, refusal: &Refusal) -> Result<types::BulkJob, WireError> {
    let cut = |text: &str, most| text.chars().take(most).collect::<String>();
    Ok(types::BulkJob {
        index: u32::try_from(place)?,
        outcome: types::BulkOutcome::Refused,
        id: None,
        error: Some(types::BulkRefusal {
            error_code: refusal.code,
            message: cut(&refusal.message, 2000).parse()?,
            pointer: cut(&refusal.pointer, 1000).parse()?,
        }),
    })
}

/// What became of a bulk change.
pub fn changed(changed: BulkChanged) -> Result<types::BulkChange, WireError> {
    Ok(types::BulkChange {
        matched: u32::try_from(changed.matched)?,
        changed: u32::try_from(changed.changed)?,
        skipped: u32::try_from(changed.skipped)?,
        next_after_id: changed.next.map(job_id).transpose()?,
    })
}

/// Which jobs a request means.
pub fn filter(selection: types::JobSelection) -> JobFilter {
    JobFilter {
        ids: selection.ids.iter().map(number).collect(),
        // Both lists of states are the contract's.
        status: selection
            .status
            .and_then(|status| status.to_string().parse().ok()),
        job_type: selection.job_type.map(Into::into),
        queue: selection.queue.map(Into::into),
        tag: selection.tag.map(Into::into),
        group_id: selection
            .group_id
            .map(|group| number(&types::JobId(group.0))),
        created_after: selection.created_after,
        created_before: selection.created_before,
        search: selection.search.map(Into::into),
    }
}

/// What `POST /bulk/…` takes.
pub fn change(change: &BulkChange) -> Result<types::BulkChangeRequest, WireError> {
    let filter = &change.filter;
    Ok(types::BulkChangeRequest {
        filter: types::JobSelection {
            ids: filter
                .ids
                .iter()
                .map(|id| job_id(*id))
                .collect::<Result<_, _>>()?,
            status: filter.status.map(super::wire::status),
            job_type: parsed(filter.job_type.as_deref())?,
            queue: parsed(filter.queue.as_deref())?,
            tag: parsed(filter.tag.as_deref())?,
            group_id: filter
                .group_id
                .map(|group| Ok::<_, WireError>(types::JobGroupId(job_id(group)?.0)))
                .transpose()?,
            created_after: filter.created_after,
            created_before: filter.created_before,
            search: parsed(filter.search.as_deref())?,
        },
        dry_run: change.dry_run,
        limit: std::num::NonZeroU32::try_from(u32::try_from(change.limit)?)?,
        after_id: change.after.map(job_id).transpose()?,
    })
}

/// What is beyond 63 bits is nobody's number.
pub fn number(id: &types::JobId) -> i64 {
    i64::try_from(id.0.get()).unwrap_or(i64::MAX)
}

fn job_id(id: i64) -> Result<types::JobId, WireError> {
    Ok(types::JobId(u64::try_from(id)?.try_into()?))
}

fn parsed<T>(text: Option<&str>) -> Result<Option<T>, WireError>
where
    T: std::str::FromStr<Err = types::error::ConversionError>,
{
    Ok(text.map(str::parse).transpose()?)
}

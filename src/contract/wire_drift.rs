//! Owns showing what jobs came to under a contract as wire types.
//! Must not know: who asks, or how it was found.

use std::num::{NonZeroU64, TryFromIntError};

use super::{types, wire::WireError};
use crate::drift::{Drift, TypeDrift};

/// What was found, and where the next call goes on.
pub fn drift(found: &Drift, next: Option<i64>) -> Result<types::Drift, WireError> {
    let job_types = found
        .job_types
        .iter()
        .map(|(job_type, sums)| of_type(job_type, sums));
    Ok(types::Drift {
        examined: found.examined.try_into()?,
        next_after_id: next.map(id).transpose()?,
        job_types: job_types.collect::<Result<_, _>>()?,
    })
}

fn of_type(job_type: &str, sums: &TypeDrift) -> Result<types::TypeDrift, WireError> {
    let first = sums.first.as_ref();
    Ok(types::TypeDrift {
        job_type: job_type.parse()?,
        queued: sums.queued.try_into()?,
        scheduled: sums.scheduled.try_into()?,
        failed: sums.failed.try_into()?,
        upcast: sums.upcast.try_into()?,
        unread: sums.unread.try_into()?,
        pointer: first.map(|fault| cut(&fault.pointer).parse()).transpose()?,
        message: first.map(|fault| cut(&fault.message).parse()).transpose()?,
        job_ids: sums
            .job_ids
            .iter()
            .map(|job| id(*job))
            .collect::<Result<_, _>>()?,
    })
}

fn id(id: i64) -> Result<NonZeroU64, TryFromIntError> {
    NonZeroU64::try_from(u64::try_from(id)?)
}

/// The contract's bound, in characters.
fn cut(text: &str) -> String {
    text.chars().take(2000).collect()
}

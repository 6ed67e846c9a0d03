//! Owns how moments and spans are kept: microseconds since 1970-01-01 UTC, as integers.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::types::At;

pub(in crate::store) fn micros(at: DateTime<Utc>) -> i64 {
    at.timestamp_micros()
}

/// The same, in an expression of Diesel's DSL.
pub(in crate::store) fn at(at: DateTime<Utc>) -> At {
    At(micros(at))
}

/// What is outside of chrono's years (±262,000) cannot have been written by this program; it reads as the epoch.
pub(in crate::store) fn moment(micros: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(micros).unwrap_or_default()
}

/// Spans beyond 292,000 years count as that.
pub(in crate::store) fn span(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

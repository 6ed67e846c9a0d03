//! Owns how moments and spans are kept: microseconds since 1970-01-01 UTC, as integers.

use std::time::Duration;

use chrono::{DateTime, Utc};

pub(super) fn micros(at: DateTime<Utc>) -> i64 {
    at.timestamp_micros()
}

/// What is outside of chrono's years (±262,000) cannot have been written by this program; it reads as the epoch.
pub(super) fn moment(micros: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(micros).unwrap_or_default()
}

/// Spans beyond 292,000 years count as that.
pub(super) fn span(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

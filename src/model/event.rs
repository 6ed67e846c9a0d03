//! Owns what the event log says, and the places in it.
//! Must not know: where the log is kept.

use std::{fmt, str::FromStr};

use chrono::{DateTime, Utc};

use super::JobStatus;

/// A job went from one state to another. From none: it is new; to none: it was deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobEvent {
    pub at: DateTime<Utc>,
    pub job_id: i64,
    pub queue: String,
    pub job_type: String,
    pub from: Option<JobStatus>,
    pub to: Option<JobStatus>,
}

/// A place between two events: so many events of one commit are behind it. The place behind the last event of a commit is
/// the one before the first of the next, so that it can be told whether anything after it was trimmed away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventCursor {
    pub commit: i64,
    pub events: u32,
}

/// The text is no place in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the id of an event")]
pub struct NoCursor;

impl fmt::Display for EventCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.commit, self.events)
    }
}

impl FromStr for EventCursor {
    type Err = NoCursor;

    fn from_str(text: &str) -> Result<Self, NoCursor> {
        let (commit, events) = text.split_once('-').ok_or(NoCursor)?;
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(commit) || !digits(events) {
            return Err(NoCursor);
        }
        Ok(Self {
            commit: commit.parse().map_err(|_| NoCursor)?,
            events: events.parse().map_err(|_| NoCursor)?,
        })
    }
}

/// Where to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventsFrom {
    /// With the oldest that is kept.
    Oldest,
    After(EventCursor),
    /// With what comes from now on.
    Now,
}

/// Which events. Filters combine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventFilter {
    pub job_type: Option<String>,
    pub job_id: Option<i64>,
}

impl EventFilter {
    /// Whether an event of this job passes.
    pub fn lets(&self, job_id: i64, job_type: &str) -> bool {
        self.job_id.is_none_or(|id| id == job_id)
            && self.job_type.as_deref().is_none_or(|name| name == job_type)
    }
}

/// A part of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventPage {
    /// Oldest first, each with the place behind it.
    pub events: Vec<(EventCursor, JobEvent)>,
    /// Where to go on, also when no event passed the filter.
    pub cursor: EventCursor,
    /// Events after the place that was asked for are not kept any more: this begins with the oldest.
    pub gap: bool,
    /// The log was not read to its end.
    pub more: bool,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_cursor_is_its_text(commit in 0_i64.., events: u32) {
            let cursor = EventCursor { commit, events };
            prop_assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }

        #[test]
        fn other_text_is_none(text in "[-+0-9]{0,12}|.{0,8}") {
            if let Ok(cursor) = text.parse::<EventCursor>() {
                prop_assert!(cursor.commit >= 0);
                prop_assert!(!text.contains('+'));
            }
        }
    }
}

//! Owns showing what happens to jobs as the contract's wire types: events, and the lines of a run.
//! Must not know: who asks.

use super::{
    types,
    wire::{self, WireError},
};
use crate::model::{EventCursor, EventPage, JobEvent, LogLine};

/// A part of the log.
pub fn page(page: &EventPage) -> Result<types::JobEvents, WireError> {
    let items = page.events.iter();
    Ok(types::JobEvents {
        items: items
            .map(|(cursor, event)| self::event(*cursor, event))
            .collect::<Result<_, _>>()?,
        cursor: page.cursor.to_string().parse()?,
        gap: page.gap,
        more: page.more,
    })
}

/// One transition, with the place behind it.
pub fn event(cursor: EventCursor, event: &JobEvent) -> Result<types::JobEvent, WireError> {
    Ok(types::JobEvent {
        id: cursor.to_string().parse()?,
        at: event.at,
        job_id: types::JobId(wire::id(event.job_id)?),
        queue: event.queue.parse()?,
        job_type: event.job_type.parse()?,
        from: event.from.map(wire::status),
        to: event.to.map(wire::status),
    })
}

/// What a run wrote down.
pub fn log(lines: &[LogLine]) -> Result<Vec<types::JobLogLine>, WireError> {
    let line = |line: &LogLine| {
        Ok(types::JobLogLine {
            at: line.at,
            message: line.message.parse()?,
        })
    };
    lines.iter().map(line).collect()
}

//! Owns reading the event log by request.
//! Must not know: where it is kept.

use super::{
    context::ApiContext,
    error::invalid,
    operation::Input,
    operations::{ListEvents, ListEventsOk},
    reply::Failure,
    wait::Wait,
};
use crate::{
    contract::{types, wire_events},
    model::{EventFilter, EventPage, EventsFrom, Fault},
};

pub(super) async fn list_events(
    context: &ApiContext,
    input: Input<ListEvents>,
) -> Result<ListEventsOk, Failure> {
    let query = input.query;
    let after = query.after.map(|after| after.to_string());
    let mut from = place(after.as_deref(), EventsFrom::Oldest, "/query/after")?;
    let filter = filter(query.job_type, query.job_id);
    let limit = usize::try_from(query.limit.get()).unwrap_or(usize::MAX);
    let mut wait = Wait::new(context, query.wait_seconds);
    let mut gap = false;
    loop {
        let page = context.store.events(from, filter.clone(), limit).await?;
        gap |= page.gap;
        from = EventsFrom::After(page.cursor);
        let look_on = page.events.is_empty() && !gap && query.wait_seconds > 0;
        if !look_on || !(page.more && wait.goes_on(context) || wait.again(context).await) {
            let page = EventPage { gap, ..page };
            return Ok(ListEventsOk::ok(&wire_events::page(&page)?));
        }
    }
}

pub(super) fn filter(
    job_type: Option<types::JobTypeName>,
    job_id: Option<types::JobId>,
) -> EventFilter {
    EventFilter {
        job_type: job_type.map(Into::into),
        job_id: job_id.map(|id| i64::try_from(id.0.get()).unwrap_or(i64::MAX)),
    }
}

/// What the contract's pattern lets through may still be too large a number.
pub(super) fn place(
    text: Option<&str>,
    otherwise: EventsFrom,
    pointer: &str,
) -> Result<EventsFrom, Failure> {
    match text {
        None => Ok(otherwise),
        Some("now") => Ok(EventsFrom::Now),
        Some(text) => text.parse().map(EventsFrom::After).map_err(|error| {
            let message = format!("{error}: take the id of an event, a cursor, or now");
            invalid(vec![Fault::new(pointer, message)])
        }),
    }
}

//! Owns `lockstep events`.
//! Must not know: whether a database or a server has the log.

use std::time::Duration;

use chrono::SecondsFormat;
use clap::Args;

use super::{Failure, Output, target::Target};
use crate::{
    contract::types,
    model::{EventFilter, EventsFrom},
};

/// Events of one question.
const PAGE: u32 = 1_000;
/// How long one question waits for an event.
const WAIT: Duration = Duration::from_secs(20);

#[derive(Debug, Args)]
pub(super) struct EventsCommand {
    /// Go on until interrupted. Without --after, begins with what comes from now on.
    #[arg(long, short)]
    follow: bool,
    /// Begin after this event, or at `now`; with the oldest that is kept when left out.
    #[arg(long, value_name = "ID", value_parser = place)]
    after: Option<EventsFrom>,
    /// Only jobs of this type.
    #[arg(long, value_name = "TYPE")]
    job_type: Option<String>,
    /// Only this job.
    #[arg(long, value_name = "ID", value_parser = clap::value_parser!(i64).range(1..))]
    job: Option<i64>,
    /// Most events to print, without --follow.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    limit: u32,
}

fn place(text: &str) -> Result<EventsFrom, String> {
    if text == "now" {
        return Ok(EventsFrom::Now);
    }
    let cursor = text.parse().map(EventsFrom::After);
    cursor.map_err(|_| "not the id of an event, nor `now`".to_owned())
}

impl EventsCommand {
    pub(super) async fn run(
        self,
        target: &impl Target,
        output: &mut Output,
    ) -> Result<(), Failure> {
        let (otherwise, wait) = if self.follow {
            (EventsFrom::Now, WAIT)
        } else {
            (EventsFrom::Oldest, Duration::ZERO)
        };
        let mut from = self.after.unwrap_or(otherwise);
        let filter = EventFilter {
            job_type: self.job_type,
            job_id: self.job,
        };
        let mut left = self.limit;
        while self.follow || left > 0 {
            let most = if self.follow { PAGE } else { left.min(PAGE) };
            let page = target.events(from, &filter, most, wait).await?;
            if page.gap {
                output.remark("lockstep: events before these are not kept any more");
            }
            for event in &page.items {
                output.line(event, line)?;
            }
            left = left.saturating_sub(u32::try_from(page.items.len()).unwrap_or(u32::MAX));
            if !page.more && !self.follow {
                break;
            }
            let cursor = page.cursor.parse().map(EventsFrom::After);
            from =
                cursor.map_err(|error| Failure::Internal("the cursor is none", Box::new(error)))?;
        }
        Ok(())
    }
}

fn line(event: &types::JobEvent) -> String {
    let at = event.at.to_rfc3339_opts(SecondsFormat::Millis, true);
    let (id, job, job_type) = (&*event.id, event.job_id.0, &*event.job_type);
    let change = match (event.from, event.to) {
        (None, Some(to)) => format!("new, {to}"),
        (Some(from), Some(to)) => format!("{from} → {to}"),
        (_, None) => "deleted".to_owned(),
    };
    format!("{id}  {at}  job {job}  {job_type}  {change}")
}

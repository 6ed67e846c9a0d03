//! Owns showing schedules and their history as the contract's wire types.
//! Must not know: who asks.

use std::num::{NonZeroU32, NonZeroU64};

use chrono::{DateTime, Utc};

use super::{
    types,
    wire::{WireError, id, payload, text},
};
use crate::model::{Misfire, Schedule, ScheduleOutcome, ScheduleRun, Timing};

/// Longest detail of a tick, in characters.
const DETAIL: usize = 1000;

/// A schedule, with the times of its next ticks if they are to be shown. What its job type declares as sensitive is masked.
pub fn schedule(
    schedule: &Schedule,
    next_times: Vec<DateTime<Utc>>,
) -> Result<types::Schedule, WireError> {
    let (cron, timezone, every) = match &schedule.timing {
        Timing::Cron {
            expression,
            timezone,
        } => (Some(expression.as_str()), Some(timezone.as_str()), None),
        Timing::Every(interval) => (None, None, Some(NonZeroU64::try_from(interval.as_secs())?)),
    };
    Ok(types::Schedule {
        id: id(schedule.id)?,
        name: schedule.name.parse()?,
        job_type: schedule.job_type.parse()?,
        payload: types::SchedulePayload(payload(&schedule.job_type, &schedule.payload)?),
        schema_fingerprint: schedule.schema_fingerprint.parse()?,
        cron: text(cron)?,
        timezone: text(timezone)?,
        every_seconds: every.map(types::ScheduleInterval),
        misfire: match schedule.misfire {
            Misfire::Skip => types::ScheduleMisfire::Skip,
            Misfire::Once => types::ScheduleMisfire::Once,
            Misfire::All => types::ScheduleMisfire::All,
        },
        misfire_limit: types::ScheduleMisfireLimit(NonZeroU32::try_from(schedule.misfire_limit)?),
        options: serde_json::from_str(&schedule.options)?,
        paused: schedule.paused,
        pause_reason: text(schedule.reason.as_deref())?,
        next_at: schedule.next_at.filter(|_| !schedule.paused),
        next_times,
        created_at: schedule.created_at,
        updated_at: schedule.updated_at,
    })
}

/// A row of a schedule's history.
pub fn schedule_run(run: &ScheduleRun) -> Result<types::ScheduleRun, WireError> {
    let detail: Option<String> = run
        .detail
        .as_ref()
        .map(|detail| detail.chars().take(DETAIL).collect());
    Ok(types::ScheduleRun {
        tick: run.tick,
        outcome: match run.outcome {
            ScheduleOutcome::Enqueued => types::ScheduleOutcome::Enqueued,
            ScheduleOutcome::Existing => types::ScheduleOutcome::Existing,
            ScheduleOutcome::Manual => types::ScheduleOutcome::Manual,
            ScheduleOutcome::Skipped => types::ScheduleOutcome::Skipped,
            ScheduleOutcome::Refused => types::ScheduleOutcome::Refused,
        },
        job_id: run.job_id.map(id).transpose()?.map(types::JobId),
        detail: text(detail.as_deref())?,
        ran_at: run.ran_at,
    })
}

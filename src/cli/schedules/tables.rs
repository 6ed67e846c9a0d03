//! Owns how schedules look in columns.
//! Must not know: where they came from.

use serde_json::{Map, Value};

use crate::{
    cli::{
        Rows,
        job_tables::{object, time},
    },
    contract::types,
};

pub(super) fn list(schedules: &[types::Schedule]) -> Rows {
    let columns = ["ID", "NAME", "TYPE", "TIMING", "NEXT", "MISFIRE", "PAUSED"];
    Rows::new(&columns).with(schedules, |schedule| {
        vec![
            schedule.id.to_string(),
            schedule.name.to_string(),
            schedule.job_type.to_string(),
            timing(schedule),
            time(schedule.next_at),
            schedule.misfire.to_string(),
            if schedule.paused { "paused" } else { "" }.to_owned(),
        ]
    })
}

pub(super) fn show(schedule: &types::Schedule) -> Rows {
    let next: Vec<_> = schedule
        .next_times
        .iter()
        .map(|at| time(Some(*at)))
        .collect();
    Rows::pairs([
        ("id", schedule.id.to_string()),
        ("name", schedule.name.to_string()),
        ("type", schedule.job_type.to_string()),
        ("timing", timing(schedule)),
        ("next", next.join(", ")),
        (
            "misfire",
            format!("{}, at most {}", schedule.misfire, *schedule.misfire_limit),
        ),
        ("payload", object(&schedule.payload)),
        ("options", options(&schedule.options)),
        ("paused", schedule.paused.to_string()),
        (
            "reason",
            schedule
                .pause_reason
                .as_deref()
                .map_or("", String::as_str)
                .to_owned(),
        ),
        ("created", time(Some(schedule.created_at))),
        ("updated", time(Some(schedule.updated_at))),
    ])
}

pub(super) fn runs(runs: &[types::ScheduleRun]) -> Rows {
    Rows::new(&["TICK", "OUTCOME", "JOB", "RAN", "DETAIL"]).with(runs, |run| {
        vec![
            time(Some(run.tick)),
            run.outcome.to_string(),
            run.job_id
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default(),
            time(Some(run.ran_at)),
            run.detail.as_deref().map_or("", String::as_str).to_owned(),
        ]
    })
}

fn timing(schedule: &types::Schedule) -> String {
    match (&schedule.cron, &schedule.timezone, &schedule.every_seconds) {
        (Some(cron), Some(zone), _) => format!("{} in {}", **cron, **zone),
        (_, _, Some(seconds)) => format!("every {} s", **seconds),
        _ => String::new(),
    }
}

fn options(options: &types::ScheduleOptions) -> String {
    match serde_json::to_value(options) {
        Ok(Value::Object(options)) => object(&options),
        _ => object(&Map::new()),
    }
}

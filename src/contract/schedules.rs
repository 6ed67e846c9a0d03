//! Owns what a caller says of a schedule, checked: job type, payload, timing and options, all faults at once.
//! Must not know: HTTP, or how schedules are stored. A fault's pointer is seen from the body: `/cron`, `/payload/message`.

use std::time::Duration;

use chrono::DateTime;
use serde_json::Value;

use super::{policy, types};
use crate::{
    model::{Fault, JobPolicy, Misfire, NewSchedule, Schedule, ScheduleChange, Timing},
    queue::{
        new_job,
        schedule::{ScheduleOptions, Timetable},
    },
    validation::Validator,
};

const MISFIRE_LIMIT: u32 = 100;

/// The schedule that the body of `POST /schedules` asks for.
pub fn new_schedule(
    request: types::ScheduleRequest,
    validator: &Validator,
) -> Result<NewSchedule, Vec<Fault>> {
    let mut faults = Vec::new();
    let asked = Asked {
        cron: request.cron.map(Into::into),
        timezone: request.timezone.map(Into::into),
        every_seconds: request.every_seconds.map(|every| every.0.get()),
    };
    let timing = gather(&mut faults, asked.first());
    let payload = Value::Object(request.payload.0);
    let options = request.options.as_ref().map(options).unwrap_or_default();
    let policy = policy(&request.job_type);
    match policy {
        Some(policy) => faults.extend(job_faults(policy, &payload, &options, validator)),
        None => faults.push(no_such_type()),
    }
    match (timing, policy) {
        (Some(timing), Some(policy)) if faults.is_empty() => Ok(NewSchedule {
            name: request.name.into(),
            job_type: policy.job_type.to_owned(),
            payload: payload.to_string(),
            schema_fingerprint: policy.schema_fingerprint.to_owned(),
            options: options.text(),
            timing,
            misfire: request.misfire.map_or(Misfire::Once, misfire),
            misfire_limit: request
                .misfire_limit
                .map_or(MISFIRE_LIMIT, |limit| limit.0.get()),
        }),
        _ => Err(faults),
    }
}

/// The change that the body of `PATCH /schedules/{id}` asks for.
pub fn schedule_change(
    current: &Schedule,
    patch: types::SchedulePatch,
    validator: &Validator,
) -> Result<ScheduleChange, Vec<Fault>> {
    let mut faults = Vec::new();
    let asked = Asked {
        cron: patch.cron.map(Into::into),
        timezone: patch.timezone.map(Into::into),
        every_seconds: patch.every_seconds.map(|every| every.0.get()),
    };
    let timing = gather(&mut faults, asked.instead_of(&current.timing)).flatten();
    let payload = patch.payload.map(|payload| Value::Object(payload.0));
    let options = patch.options.as_ref().map(options);
    let mut change = ScheduleChange {
        name: patch.name.map(Into::into),
        // The same timing again is no reason to give up a tick that is due.
        timing: timing.filter(|timing| *timing != current.timing),
        misfire: patch.misfire.map(misfire),
        misfire_limit: patch.misfire_limit.map(|limit| limit.0.get()),
        options: options.as_ref().map(ScheduleOptions::text),
        ..ScheduleChange::default()
    };
    if payload.is_some() || options.is_some() {
        let options = options.map_or_else(|| ScheduleOptions::read(&current.options), Ok)?;
        match policy(&current.job_type) {
            None => faults.push(Fault::new(
                "/payload",
                format!("{} is not a declared job type any more", current.job_type),
            )),
            Some(policy) => {
                // Options alone: the payload stays under the schema that accepted it.
                let stored = serde_json::from_str(&current.payload).unwrap_or_default();
                let of_job = match &payload {
                    Some(payload) => job_faults(policy, payload, &options, validator),
                    None => option_faults(policy, &stored, &options),
                };
                faults.extend(of_job);
                if let Some(payload) = payload {
                    change.payload = Some(payload.to_string());
                    change.schema_fingerprint = Some(policy.schema_fingerprint.to_owned());
                }
            }
        }
    }
    if faults.is_empty() {
        Ok(change)
    } else {
        Err(faults)
    }
}

/// What a caller says of the timing.
struct Asked {
    cron: Option<String>,
    timezone: Option<String>,
    every_seconds: Option<u64>,
}

impl Asked {
    fn first(self) -> Result<Timing, Fault> {
        if self.cron.is_none() && self.every_seconds.is_none() {
            let rule = "one of cron and every_seconds must be given";
            return Err(Fault::new("/cron", rule));
        }
        self.timing("UTC")
    }

    fn instead_of(self, current: &Timing) -> Result<Option<Timing>, Fault> {
        if self.cron.is_none() && self.every_seconds.is_none() && self.timezone.is_none() {
            return Ok(None);
        }
        match current {
            Timing::Cron {
                expression,
                timezone,
            } => {
                let cron = match self.every_seconds {
                    None => self.cron.or_else(|| Some(expression.clone())),
                    Some(_) => self.cron,
                };
                Self { cron, ..self }.timing(timezone)
            }
            Timing::Every(_) => self.timing("UTC"),
        }
        .map(Some)
    }

    fn timing(self, timezone: &str) -> Result<Timing, Fault> {
        let timing = match (self.cron, self.every_seconds) {
            (Some(_), Some(_)) => {
                let rule = "cron and every_seconds cannot both be given";
                return Err(Fault::new("/every_seconds", rule));
            }
            (Some(expression), None) => Timing::Cron {
                expression,
                timezone: self.timezone.unwrap_or_else(|| timezone.to_owned()),
            },
            (None, _) if self.timezone.is_some() => {
                return Err(Fault::new("/timezone", "timezone belongs to cron"));
            }
            (None, seconds) => Timing::Every(Duration::from_secs(seconds.unwrap_or_default())),
        };
        Timetable::new(&timing, DateTime::UNIX_EPOCH).map(|_| timing)
    }
}

fn gather<T>(faults: &mut Vec<Fault>, outcome: Result<T, Fault>) -> Option<T> {
    outcome.map_err(|fault| faults.push(fault)).ok()
}

fn no_such_type() -> Fault {
    let known = super::POLICIES.iter().map(|policy| policy.job_type);
    let known: Vec<_> = known.collect();
    let message = format!("job_type must be a declared job type: {}", known.join(", "));
    Fault::new("/job_type", message)
}

/// What its jobs would be refused for.
fn job_faults(
    policy: &'static JobPolicy,
    payload: &Value,
    options: &ScheduleOptions,
    validator: &Validator,
) -> Vec<Fault> {
    let mut faults = validator.check(policy.payload_schema, payload, "/payload");
    faults.extend(option_faults(policy, payload, options));
    faults
}

fn option_faults(
    policy: &'static JobPolicy,
    payload: &Value,
    options: &ScheduleOptions,
) -> Vec<Fault> {
    let job = new_job(policy, payload.to_string(), options.for_enqueue());
    let faults = job.err().unwrap_or_default();
    faults
        .into_iter()
        .map(|fault| fault.under("/options"))
        .collect()
}

/// Wire and row have the same names.
fn options(options: &types::ScheduleOptions) -> ScheduleOptions {
    serde_json::to_value(options)
        .and_then(serde_json::from_value)
        .unwrap_or_default()
}

const fn misfire(misfire: types::ScheduleMisfire) -> Misfire {
    match misfire {
        types::ScheduleMisfire::Skip => Misfire::Skip,
        types::ScheduleMisfire::Once => Misfire::Once,
        types::ScheduleMisfire::All => Misfire::All,
    }
}

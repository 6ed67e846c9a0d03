//! Owns the commands of `lockstep schedules`.
//! Must not know: whether a database or a server does the work.

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::{tables, target::ScheduleTarget};
use crate::{
    cli::{Failure, Output, enqueue::read_json, jobs::sentence},
    contract::types,
};

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum SchedulesCommand {
    /// List schedules, newest first.
    List {
        /// Most schedules to list.
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        limit: u32,
    },
    /// Show a schedule with its next ticks.
    Show { id: u64 },
    /// Enqueue a job by the clock from now on.
    #[command(
        after_help = "Examples:\n  lockstep schedules create weekly data_analysis --cron '30 7 * * MON' --timezone Europe/Berlin\n  \
                            lockstep schedules create export data_export --every 6h --payload '{\"formats\":[\"csv\"]}'\n  \
                            lockstep schedules create often data_analysis --every 90 --misfire all --misfire-limit 10"
    )]
    Create {
        /// Unique among schedules.
        name: String,
        /// Job type, as the contract declares it.
        job_type: String,
        #[command(flatten)]
        details: Details,
    },
    /// Change a schedule; what is left out stays.
    #[command(
        after_help = "Examples:\n  lockstep schedules update 3 --cron '0 8 * * *'\n  lockstep schedules update 3 --misfire skip"
    )]
    Update {
        id: u64,
        /// Another name.
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        details: Details,
    },
    /// No more ticks until it is resumed.
    Pause {
        id: u64,
        /// Why, for people.
        reason: Option<String>,
    },
    /// Tick again, from now on.
    Resume { id: u64 },
    /// Enqueue a job of the schedule now.
    Run { id: u64 },
    /// Delete a schedule and its history. Its jobs stay.
    Delete { id: u64 },
    /// What became of its ticks, newest first.
    Runs {
        id: u64,
        /// Most ticks to list.
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1_000))]
        limit: u32,
    },
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Details {
    /// Five cron fields: minute, hour, day of month, month, day of week.
    #[arg(long, value_name = "EXPRESSION")]
    cron: Option<String>,
    /// IANA time zone in which cron is read.
    #[arg(long, value_name = "ZONE")]
    timezone: Option<String>,
    /// In place of cron: seconds between ticks, or 15m, 12h, 7d.
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    every: Option<u64>,
    /// What becomes of missed ticks: skip, once, all.
    #[arg(long, value_name = "POLICY")]
    misfire: Option<String>,
    /// Most missed ticks that `all` makes up for.
    #[arg(long, value_name = "COUNT")]
    misfire_limit: Option<u32>,
    /// Payload of the jobs as JSON text, as @FILE, or as - for stdin.
    #[arg(long, value_name = "JSON|@FILE|-")]
    payload: Option<String>,
    /// What the jobs are enqueued with (queue, priority, tags and so on), in the same forms.
    #[arg(long, value_name = "JSON|@FILE|-")]
    options: Option<String>,
}

/// A count of seconds, or a number with a unit.
fn seconds(text: &str) -> Result<u64, String> {
    let units = [('s', 1), ('m', 60), ('h', 3600), ('d', 86_400)];
    let unit = units.into_iter().find(|(unit, _)| text.ends_with(*unit));
    let (number, factor) = match unit {
        Some((unit, factor)) => (text.trim_end_matches(unit), factor),
        None => (text, 1),
    };
    let number: u64 = number
        .parse()
        .map_err(|_| "it must be a number of seconds, or one with s, m, h or d".to_owned())?;
    number
        .checked_mul(factor)
        .ok_or_else(|| "that is too long".to_owned())
}

impl Details {
    fn into_body(self) -> Result<Map<String, Value>, Failure> {
        let json = |what: &str, given: Option<String>| {
            let read = given.as_deref().map(|text| read_json(what, text));
            read.transpose()
        };
        let properties = [
            ("cron", self.cron.map(Value::from)),
            ("timezone", self.timezone.map(Value::from)),
            ("every_seconds", self.every.map(Value::from)),
            ("misfire", self.misfire.map(Value::from)),
            ("misfire_limit", self.misfire_limit.map(Value::from)),
            ("payload", json("payload", self.payload)?),
            ("options", json("options", self.options)?),
        ];
        let given = |(name, value): (&str, Option<Value>)| Some((name.to_owned(), value?));
        Ok(properties.into_iter().filter_map(given).collect())
    }
}

impl SchedulesCommand {
    pub(in crate::cli) async fn run(
        self,
        target: &impl ScheduleTarget,
        output: &mut Output,
    ) -> Result<(), Failure> {
        match self {
            Self::List { limit } => {
                output.show(&target.schedules(limit).await?, |all| tables::list(all))
            }
            Self::Show { id } => output.show(&target.schedule(id).await?, tables::show),
            Self::Create {
                name,
                job_type,
                details,
            } => {
                let mut body = details.into_body()?;
                body.insert("name".to_owned(), name.into());
                body.insert("job_type".to_owned(), job_type.into());
                body.entry("payload").or_insert_with(|| json!({}));
                let schedule = target.schedule_create(body.into()).await?;
                output.show(&schedule, tables::show)
            }
            Self::Update { id, name, details } => {
                let mut body = details.into_body()?;
                body.extend(name.map(|name| ("name".to_owned(), name.into())));
                let schedule = target.schedule_update(id, body.into()).await?;
                output.show(&schedule, tables::show)
            }
            Self::Pause { id, reason } => {
                let body = reason.map_or_else(|| json!({}), |reason| json!({ "reason": reason }));
                let schedule = target.schedule_pause(id, body).await?;
                done(output, &schedule, "paused")
            }
            Self::Resume { id } => {
                let schedule = target.schedule_resume(id).await?;
                done(output, &schedule, "ticks")
            }
            Self::Run { id } => {
                let job = target.schedule_run(id).await?;
                let number = job.id.map(|id| id.to_string()).unwrap_or_default();
                let what = match job.outcome {
                    types::EnqueueOutcome::Existing => "exists already",
                    types::EnqueueOutcome::Replaced => "replaced",
                    _ => "enqueued",
                };
                output.show(&job, |_| sentence(&format!("job {number} {what}")))
            }
            Self::Delete { id } => {
                target.schedule_delete(id).await?;
                output.show(&json!({ "deleted": 1 }), |_| {
                    sentence(&format!("schedule {id} deleted"))
                })
            }
            Self::Runs { id, limit } => output
                .show(&target.schedule_runs(id, limit).await?, |runs| {
                    tables::runs(runs)
                }),
        }
    }
}

fn done(output: &mut Output, schedule: &types::Schedule, what: &str) -> Result<(), Failure> {
    output.show(schedule, |schedule| {
        sentence(&format!("schedule {} {what}", schedule.id))
    })
}

#[cfg(test)]
mod tests {
    use super::seconds;

    #[test]
    fn intervals_are_read_with_their_units() {
        for (text, expected) in [
            ("90", 90),
            ("90s", 90),
            ("15m", 900),
            ("12h", 43_200),
            ("7d", 604_800),
        ] {
            assert_eq!(seconds(text), Ok(expected), "{text}");
        }
        for wrong in ["", "m", "-5", "1.5h", "5w", "18446744073709551615d"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}

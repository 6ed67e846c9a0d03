//! Owns `lockstep jobs`.
//! Must not know: whether a database or a server does the work.

use std::time::Duration;

use clap::Subcommand;
use serde_json::json;

use super::{Failure, Output, enqueue::Enqueue, job_tables, target::Target};
use crate::{
    contract::types,
    model::{JobFilter, JobStatus},
};

#[derive(Debug, Subcommand)]
pub(super) enum JobsCommand {
    /// Count jobs by type and state.
    Stats,
    /// List jobs, newest first.
    #[command(
        after_help = "Examples:\n  lockstep jobs list\n  lockstep jobs list failed --job-type data_export\n  \
                            lockstep jobs list all --limit 100 -o json"
    )]
    List {
        /// State of the jobs, or all.
        #[arg(default_value = "pending", value_parser = status_or_all)]
        status: Wanted,
        /// Only jobs of this type.
        #[arg(long, value_name = "TYPE")]
        job_type: Option<String>,
        /// Most jobs to list.
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        limit: u32,
    },
    /// Show a job with its payload, result and runs.
    Show { id: u64 },
    /// Enqueue a job.
    #[command(
        after_help = "Examples:\n  lockstep jobs enqueue data_analysis 'Monthly report' 5\n  \
                            lockstep jobs enqueue data_export --payload '{\"formats\":[\"csv\"]}'\n  \
                            lockstep jobs enqueue email_notification --payload @mail.json --at 2030-01-01T08:00:00Z\n  \
                            lockstep jobs enqueue data_analysis --unique-key nightly --on-conflict replace --delay 60"
    )]
    Enqueue(Enqueue),
    /// Cancel a job. A running one is asked to stop.
    Cancel { id: u64 },
    /// Wait until a job has ended.
    #[command(
        after_help = "Exit codes: 0 it is completed, 1 it failed or was cancelled, 6 it has not ended in time.\n\
                      Example:\n  lockstep jobs wait 7 --timeout 60 -o json"
    )]
    Wait {
        id: u64,
        /// Longest wait, in seconds; as long as it takes when left out.
        #[arg(long, value_name = "SECONDS")]
        timeout: Option<u64>,
    },
    /// Run a failed or cancelled job again.
    Retry { id: u64 },
    /// Delete a job and its history. A running one must be cancelled first.
    Delete { id: u64 },
    /// Delete all jobs of one state.
    #[command(after_help = "Examples:\n  lockstep jobs clear\n  lockstep jobs clear failed --yes")]
    Clear {
        /// State of the jobs.
        #[arg(default_value = "completed", value_parser = clearable)]
        status: JobStatus,
        /// Do not ask.
        #[arg(long, short)]
        yes: bool,
    },
}

/// Which jobs a list is of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted(Option<JobStatus>);

fn status_or_all(text: &str) -> Result<Wanted, String> {
    if text == "all" {
        return Ok(Wanted(None));
    }
    text.parse()
        .map(|status| Wanted(Some(status)))
        .map_err(|error| format!("{error}, or all"))
}

fn clearable(text: &str) -> Result<JobStatus, String> {
    match text.parse() {
        Ok(JobStatus::Processing) => {
            Err("jobs that are being processed cannot be deleted; cancel them first".to_owned())
        }
        Ok(status) => Ok(status),
        Err(error) => Err(format!("{error}")),
    }
}

impl JobsCommand {
    pub(super) async fn run(
        self,
        target: &impl Target,
        output: &mut Output,
    ) -> Result<(), Failure> {
        match self {
            Self::Stats => output.show(&target.job_stats().await?, job_tables::stats),
            Self::List {
                status: Wanted(status),
                job_type,
                limit,
            } => {
                let filter = JobFilter { status, job_type };
                let jobs = target.jobs(filter, limit).await?;
                output.show(&jobs, |jobs| job_tables::list(jobs))
            }
            Self::Show { id } => {
                let job = target.job(id).await?;
                let attempts = target.job_attempts(id).await?;
                job_tables::show(&job, &attempts, output)
            }
            Self::Enqueue(enqueue) => enqueue.run(target, output).await,
            Self::Cancel { id } => {
                let job = target.job_cancel(id).await?;
                let what = match job.status {
                    types::JobStatus::Cancelled => "cancelled",
                    _ => "asked to stop",
                };
                done(output, &job, what)
            }
            Self::Wait { id, timeout } => {
                let limit = timeout.map(Duration::from_secs);
                wait(&target.job_wait(id, limit).await?, output)
            }
            Self::Retry { id } => done(output, &target.job_retry(id).await?, "pending again"),
            Self::Delete { id } => {
                target.job_delete(id).await?;
                output.show(&json!({ "deleted": 1 }), |_| {
                    sentence(&format!("job {id} deleted"))
                })
            }
            Self::Clear { status, yes } => clear(target, status, yes, output).await,
        }
    }
}

fn done(output: &mut Output, job: &types::Job, what: &str) -> Result<(), Failure> {
    output.show(job, |job| sentence(&format!("job {} {what}", job.id)))
}

/// The job goes to stdout, what is wrong with it to stderr.
fn wait(job: &types::Job, output: &mut Output) -> Result<(), Failure> {
    let status = job.status;
    done(output, job, &format!("is {status}"))?;
    let error = job.error_message.as_deref().map_or("", String::as_str);
    match status {
        types::JobStatus::Completed => Ok(()),
        types::JobStatus::Failed | types::JobStatus::Cancelled => {
            Err(Failure::No(format!("job {} is {status}: {error}", job.id)))
        }
        _ => Err(Failure::NotYet(format!("job {} has not ended", job.id))),
    }
}

pub(super) fn sentence(text: &str) -> super::Rows {
    super::Rows::pairs([(text, String::new())])
}

async fn clear(
    target: &impl Target,
    status: JobStatus,
    yes: bool,
    output: &mut Output,
) -> Result<(), Failure> {
    let counts = target.job_stats().await?.total;
    let count = job_tables::count(&counts, status);
    if count > 0 && !yes {
        let plural = if count == 1 { "" } else { "s" };
        if !output.confirm(&format!("Delete {count} {status} job{plural}?"))? {
            return Err(Failure::No("nothing was deleted".to_owned()));
        }
    }
    let deleted = if count > 0 {
        target.job_clear(status).await?
    } else {
        0
    };
    output.show(&json!({ "deleted": deleted }), |_| {
        sentence(&format!("{deleted} {status} jobs deleted"))
    })
}

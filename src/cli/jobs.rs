//! Owns `lockstep jobs`.
//! Must not know: whether a database or a server does the work.

use std::{path::PathBuf, time::Duration};

use clap::Subcommand;
use serde_json::json;

use super::{
    Failure, Output,
    bulk::{self, EnqueueMany},
    drift,
    enqueue::Enqueue,
    job_tables,
    selection::{Many, OneOrMany, Selection, Which},
    steer::{self, Steer},
    target::Target,
};
use crate::{
    contract::types,
    model::{BulkAction, JobFilter, JobStatus},
};

#[derive(Debug, Subcommand)]
pub(super) enum JobsCommand {
    /// Count jobs by type and state.
    Stats,
    /// List jobs, newest first.
    #[command(
        after_help = "Examples:\n  lockstep jobs list\n  lockstep jobs list failed --job-type data_export\n  \
                            lockstep jobs list all --limit 100 -o json\n  \
                            lockstep jobs list failed --search 'timed out' --created-after 2030-01-01T00:00:00Z"
    )]
    List {
        /// State of the jobs, or all.
        #[arg(default_value = "pending", value_parser = status_or_all)]
        status: Wanted,
        #[command(flatten)]
        selection: Selection,
        /// Most jobs to list.
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        limit: u32,
    },
    /// Show a job with its payload, result and runs.
    Show { id: u64 },
    /// Say why a job is not running: every cause that holds.
    Explain { id: u64 },
    /// Enqueue a job.
    #[command(
        after_help = "Examples:\n  lockstep jobs enqueue data_analysis 'Monthly report' 5\n  \
                            lockstep jobs enqueue data_export --payload '{\"formats\":[\"csv\"]}'\n  \
                            lockstep jobs enqueue email_notification --payload @mail.json --at 2030-01-01T08:00:00Z\n  \
                            lockstep jobs enqueue data_analysis --unique-key nightly --on-conflict replace --delay 60"
    )]
    Enqueue(Enqueue),
    /// Enqueue many jobs: all of them or none.
    #[command(after_help = "Examples:\n  lockstep jobs enqueue-many jobs.jsonl\n  \
                            make-jobs | lockstep jobs enqueue-many - --each\n\
                      Items of the answer count from 0, blank lines not counted.")]
    EnqueueMany(EnqueueMany),
    /// Cancel a job, or all that match. Running ones are asked to stop.
    #[command(after_help = "Examples:\n  lockstep jobs cancel 7\n  \
                            lockstep jobs cancel --all-matching --tag campaign-7")]
    Cancel(OneOrMany),
    /// Run a failed or cancelled job again, or all that match.
    #[command(after_help = "Examples:\n  lockstep jobs retry 7\n  \
                            lockstep jobs retry --all-matching --status failed --search 'timed out'")]
    Retry(OneOrMany),
    /// Delete a job and its history, or all that match. Running ones must be cancelled first.
    #[command(after_help = "Examples:\n  lockstep jobs delete 7\n  \
                            lockstep jobs delete --all-matching --created-before 2030-01-01T00:00:00Z --yes")]
    Delete(OneOrMany),
    /// List failed jobs, newest first: the dead letter.
    Dead {
        #[command(flatten)]
        selection: Selection,
        /// Most jobs to list.
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        limit: u32,
    },
    /// Delete failed jobs.
    #[command(
        after_help = "Examples:\n  lockstep jobs purge\n  lockstep jobs purge --job-type data_export --yes"
    )]
    Purge {
        #[command(flatten)]
        selection: Selection,
        /// Do not ask.
        #[arg(long, short)]
        yes: bool,
    },
    /// Count the jobs whose payload a contract could not read. Ask before a deploy.
    #[command(
        after_help = "Exit code 1 when there are any, 2 when the document cannot be used.\nExamples:\n  \
                            lockstep jobs drift\n  lockstep jobs drift --spec openapi.yaml -o json"
    )]
    Drift {
        /// The contract in this file; this program's own when left out. Not with --server.
        #[arg(long, value_name = "FILE")]
        spec: Option<PathBuf>,
    },
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
        target: &(impl Target + Steer),
        output: &mut Output,
    ) -> Result<(), Failure> {
        match self {
            Self::Stats => output.show(&target.job_stats().await?, job_tables::stats),
            Self::List {
                status: Wanted(status),
                selection,
                limit,
            } => list(target, selection.filter(status), limit, output).await,
            Self::Dead { selection, limit } => {
                let filter = selection.filter(Some(JobStatus::Failed));
                list(target, filter, limit, output).await
            }
            Self::Explain { id } => steer::explanation(&target.job_explain(id).await?, output),
            Self::Show { id } => {
                let job = target.job(id).await?;
                let attempts = target.job_attempts(id).await?;
                job_tables::show(&job, &attempts, output)
            }
            Self::Enqueue(enqueue) => enqueue.run(target, output).await,
            Self::EnqueueMany(many) => many.run(target, output).await,
            Self::Cancel(which) => act(target, BulkAction::Cancel, which, output).await,
            Self::Retry(which) => act(target, BulkAction::Retry, which, output).await,
            Self::Delete(which) => act(target, BulkAction::Delete, which, output).await,
            Self::Clear { status, yes } => {
                let filter = JobFilter::of_status(status);
                clear(target, filter, status, yes, output).await
            }
            Self::Purge { selection, yes } => {
                let status = JobStatus::Failed;
                clear(target, selection.filter(Some(status)), status, yes, output).await
            }
            Self::Drift { spec } => drift::run(spec.as_deref(), target, output).await,
            Self::Wait { id, timeout } => {
                let limit = timeout.map(Duration::from_secs);
                wait(&target.job_wait(id, limit).await?, output)
            }
        }
    }
}

async fn list(
    target: &impl Target,
    filter: JobFilter,
    limit: u32,
    output: &mut Output,
) -> Result<(), Failure> {
    let jobs = target.jobs(filter, limit).await?;
    output.show(&jobs, |jobs| job_tables::list(jobs))
}

async fn act(
    target: &impl Target,
    action: BulkAction,
    which: OneOrMany,
    output: &mut Output,
) -> Result<(), Failure> {
    let id = match which.which()? {
        Which::One(id) => id,
        Which::Many(many) => return bulk::run(target, action, many, output).await,
    };
    match action {
        BulkAction::Retry => done(output, &target.job_retry(id).await?, "pending again"),
        BulkAction::Cancel => {
            let job = target.job_cancel(id).await?;
            let what = match job.status {
                types::JobStatus::Cancelled => "cancelled",
                _ => "asked to stop",
            };
            done(output, &job, what)
        }
        BulkAction::Delete => {
            target.job_delete(id).await?;
            output.show(&json!({ "deleted": 1 }), |_| {
                sentence(&format!("job {id} deleted"))
            })
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
    filter: JobFilter,
    status: JobStatus,
    yes: bool,
    output: &mut Output,
) -> Result<(), Failure> {
    let many = Many {
        filter,
        dry_run: false,
        yes,
    };
    let question = |count| {
        let plural = if count == 1 { "" } else { "s" };
        format!("Delete {count} {status} job{plural}?")
    };
    let done = bulk::change(target, BulkAction::Delete, many, question, output).await?;
    let deleted = done.changed;
    output.show(&json!({ "deleted": deleted }), |_| {
        sentence(&format!("{deleted} {status} jobs deleted"))
    })
}

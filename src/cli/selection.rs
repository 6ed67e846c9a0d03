//! Owns the flags that say which jobs are meant.
//! Must not know: what is done with them.

use chrono::{DateTime, Utc};
use clap::{Args, value_parser};

use super::Failure;
use crate::model::{JobFilter, JobStatus};

/// Filters beside the state. They combine.
#[derive(Debug, Default, Args)]
pub(super) struct Selection {
    /// Only jobs of this type.
    #[arg(long, value_name = "TYPE")]
    job_type: Option<String>,
    /// Only jobs of this queue.
    #[arg(long, value_name = "QUEUE")]
    queue: Option<String>,
    /// Only jobs with this tag.
    #[arg(long, value_name = "TAG")]
    tag: Option<String>,
    /// Only jobs of this group.
    #[arg(long, value_name = "ID", value_parser = value_parser!(i64).range(1..))]
    group: Option<i64>,
    /// Only jobs that were stored then or later, such as 2030-01-01T08:00:00Z.
    #[arg(long, value_name = "TIME")]
    created_after: Option<DateTime<Utc>>,
    /// Only jobs that were stored earlier.
    #[arg(long, value_name = "TIME")]
    created_before: Option<DateTime<Utc>>,
    /// Only jobs whose error message has this text in it.
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
}

impl Selection {
    pub(super) fn filter(self, status: Option<JobStatus>) -> JobFilter {
        JobFilter {
            ids: Vec::new(),
            status,
            job_type: self.job_type,
            queue: self.queue,
            tag: self.tag,
            group_id: self.group,
            created_after: self.created_after,
            created_before: self.created_before,
            search: self.search,
        }
    }
}

/// One job by its number, or all that match.
#[derive(Debug, Args)]
pub(super) struct OneOrMany {
    /// The job.
    #[arg(
        required_unless_present = "all_matching",
        conflicts_with = "all_matching"
    )]
    id: Option<u64>,
    /// In place of one job: all that match the filters.
    #[arg(long)]
    all_matching: bool,
    /// Only jobs in this state.
    #[arg(long, value_name = "STATE")]
    status: Option<JobStatus>,
    #[command(flatten)]
    selection: Selection,
    /// Only count.
    #[arg(long)]
    dry_run: bool,
    /// Do not ask.
    #[arg(long, short)]
    yes: bool,
}

/// What [`OneOrMany`] comes to.
pub(super) enum Which {
    One(u64),
    Many(Many),
}

/// Jobs by filter, and whether to ask first.
pub(super) struct Many {
    pub(super) filter: JobFilter,
    pub(super) dry_run: bool,
    pub(super) yes: bool,
}

impl OneOrMany {
    pub(super) fn which(self) -> Result<Which, Failure> {
        let filter = self.selection.filter(self.status);
        match self.id {
            None => Ok(Which::Many(Many {
                filter,
                dry_run: self.dry_run,
                yes: self.yes,
            })),
            Some(id) if filter.is_empty() && !self.dry_run && !self.yes => Ok(Which::One(id)),
            Some(_) => Err(Failure::Usage(
                "a job by its number, or filters with --all-matching: not both".to_owned(),
            )),
        }
    }
}

//! Owns `lockstep groups`.
//! Must not know: whether a database or a server does the work.

use clap::Subcommand;

use super::{Failure, Output, Rows, enqueue::read_text, job_tables::time, target::Target};
use crate::contract::types;

#[derive(Debug, Subcommand)]
pub(super) enum GroupsCommand {
    /// List groups, newest first.
    List {
        /// Most groups to list.
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        limit: u32,
    },
    /// Show how the jobs of a group stand. `jobs list all --group-id ID` lists them.
    Show { id: u64 },
    /// Store a group of jobs, all of them or none.
    #[command(
        after_help = "The file holds what POST /groups takes, as JSON; - is stdin.\nExample:\n  \
                      lockstep groups create report.json -o json"
    )]
    Create { file: String },
    /// Cancel all jobs of a group that have not ended. Running ones are asked to stop.
    Cancel { id: u64 },
}

impl GroupsCommand {
    pub(super) async fn run(
        self,
        target: &impl Target,
        output: &mut Output,
    ) -> Result<(), Failure> {
        match self {
            Self::List { limit } => {
                let groups = target.groups(limit).await?;
                output.show(&groups, |groups| table(groups))
            }
            Self::Show { id } => {
                let group = target.group(id).await?;
                output.show(&group, |group| table(std::slice::from_ref(group)))
            }
            Self::Create { file } => {
                let body = serde_json::from_str(&read_text(&file)?)
                    .map_err(|error| Failure::Usage(format!("{file} is not JSON: {error}")))?;
                let created = target.group_create(body).await?;
                output.show(&created, |created| {
                    table(std::slice::from_ref(&created.group))
                })
            }
            Self::Cancel { id } => {
                let group = target.group_cancel(id).await?;
                output.show(&group, |group| table(std::slice::from_ref(group)))
            }
        }
    }
}

fn table(groups: &[types::JobGroup]) -> Rows {
    let columns = [
        "ID",
        "NAME",
        "JOBS",
        "PENDING",
        "COMPLETED",
        "FAILED",
        "CANCELLED",
        "DONE",
        "CALLBACK",
        "CREATED",
        "ENDED",
    ];
    Rows::new(&columns).with(groups, |group| {
        let callback = match (&group.callback_job_id, group.has_callback) {
            (Some(id), _) => format!("job {}", id.0),
            (None, true) => "waits".to_owned(),
            (None, false) => String::new(),
        };
        vec![
            group.id.0.to_string(),
            group.name.as_deref().map_or("", String::as_str).to_owned(),
            group.total.to_string(),
            group.pending.to_string(),
            group.completed.to_string(),
            group.failed.to_string(),
            group.cancelled.to_string(),
            format!("{:.0} %", group.percent),
            callback,
            time(Some(group.created_at)),
            time(group.completed_at),
        ]
    })
}

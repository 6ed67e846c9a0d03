//! Owns `lockstep queues`, `lockstep types` and `lockstep workers`.
//! Must not know: whether a database or a server does the work.

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::{
    super::{Failure, Output},
    Steer, tables,
};

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum QueuesCommand {
    /// List the queues with their jobs, pauses and limits.
    List,
    /// Start no job of a queue, in any process. What runs goes on.
    #[command(
        after_help = "Example:\n  lockstep queues pause mail --reason 'provider is down' --by ada"
    )]
    Pause {
        queue: String,
        #[command(flatten)]
        why: Why,
    },
    /// Start its jobs again.
    Resume { queue: String },
    /// Limit a queue. Limits that are left out are gone.
    #[command(
        after_help = "Examples:\n  lockstep queues limit mail --concurrency 5 --rate 100/60\n  \
                            lockstep queues limit mail --max-depth 10000\n  lockstep queues limit mail"
    )]
    Limit {
        queue: String,
        #[command(flatten)]
        limits: Limits,
        /// Jobs that may wait; who enqueues one more is refused.
        #[arg(long, value_name = "JOBS")]
        max_depth: Option<u64>,
    },
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum TypesCommand {
    /// List the job types with their pauses and the limits in force.
    List,
    /// Start no job of a type, in any process. What runs goes on.
    #[command(
        after_help = "Example:\n  lockstep types pause data_export --reason 'disk swap' --by ada"
    )]
    Pause {
        job_type: String,
        #[command(flatten)]
        why: Why,
    },
    /// Start its jobs again.
    Resume { job_type: String },
    /// Limit a job type. Limits that are left out are as the type declares them.
    #[command(after_help = "Example:\n  lockstep types limit data_export --concurrency 2")]
    Limit {
        job_type: String,
        #[command(flatten)]
        limits: Limits,
    },
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Why {
    /// Why.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Who says so.
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Limits {
    /// Jobs that run at the same time, in all processes.
    #[arg(long, value_name = "JOBS")]
    concurrency: Option<u32>,
    /// Runs that start in a time, such as 100/60 for a hundred a minute.
    #[arg(long, value_name = "RUNS/SECONDS", value_parser = rate)]
    rate: Option<(u32, u32)>,
}

fn rate(text: &str) -> Result<(u32, u32), String> {
    let parts = text.split_once('/');
    parts
        .and_then(|(runs, seconds)| Some((runs.parse().ok()?, seconds.parse().ok()?)))
        .ok_or_else(|| "not RUNS/SECONDS, such as 100/60".to_owned())
}

impl Why {
    fn body(self) -> Value {
        let mut body = Map::new();
        for (name, text) in [("reason", self.reason), ("by", self.by)] {
            if let Some(text) = text {
                body.insert(name.to_owned(), text.into());
            }
        }
        body.into()
    }
}

impl Limits {
    fn body(&self, max_depth: Option<u64>) -> Value {
        let mut body = Map::new();
        if let Some(most) = self.concurrency {
            body.insert("concurrency".to_owned(), most.into());
        }
        if let Some((limit, seconds)) = self.rate {
            let rate = json!({ "limit": limit, "period_seconds": seconds });
            body.insert("rate".to_owned(), rate);
        }
        if let Some(most) = max_depth {
            body.insert("max_depth".to_owned(), most.into());
        }
        body.into()
    }
}

impl QueuesCommand {
    pub(in crate::cli) async fn run(
        self,
        target: &impl Steer,
        output: &mut Output,
    ) -> Result<(), Failure> {
        let queue = match self {
            Self::List => {
                let queues = target.queues().await?.items;
                return output.show(&queues, |queues| tables::queues(queues));
            }
            Self::Pause { queue, why } => target.queue_pause(&queue, why.body()).await?,
            Self::Resume { queue } => target.queue_resume(&queue).await?,
            Self::Limit {
                queue,
                limits,
                max_depth,
            } => target.queue_limit(&queue, limits.body(max_depth)).await?,
        };
        output.show(&queue, |queue| tables::queues(std::slice::from_ref(queue)))
    }
}

impl TypesCommand {
    pub(in crate::cli) async fn run(
        self,
        target: &impl Steer,
        output: &mut Output,
    ) -> Result<(), Failure> {
        let job_type = match self {
            Self::List => {
                let types = target.job_types().await?.items;
                return output.show(&types, |types| tables::job_types(types));
            }
            Self::Pause { job_type, why } => target.type_pause(&job_type, why.body()).await?,
            Self::Resume { job_type } => target.type_resume(&job_type).await?,
            Self::Limit { job_type, limits } => {
                target.type_limit(&job_type, limits.body(None)).await?
            }
        };
        output.show(&job_type, |it| tables::job_types(std::slice::from_ref(it)))
    }
}

/// `lockstep workers`
pub(in crate::cli) async fn workers(
    target: &impl Steer,
    output: &mut Output,
) -> Result<(), Failure> {
    let workers = target.workers().await?.items;
    output.show(&workers, |workers| tables::workers(workers))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_runs_per_seconds() {
        assert_eq!(rate("100/60"), Ok((100, 60)));
        for wrong in ["", "100", "/", "100/", "/60", "a/b", "1/2/3", "-1/60"] {
            assert!(rate(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_left_out_is_not_in_the_body() {
        let limits = |concurrency, rate| Limits { concurrency, rate };
        assert_eq!(limits(None, None).body(None), json!({}));
        assert_eq!(
            limits(Some(2), Some((3, 4))).body(Some(0)),
            json!({"concurrency": 2, "rate": {"limit": 3, "period_seconds": 4}, "max_depth": 0})
        );
    }
}

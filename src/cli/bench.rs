//! Owns `lockstep bench`: its arguments, and the way to its report.
//! Must not know: how anything is measured, or shown.

use std::path::PathBuf;

use clap::{Args, value_parser};

use slog::Logger;
use tokio::runtime::{Builder, Runtime};

use super::{
    Failure, Output,
    arguments::Form,
    bench_tables::{about, tables},
    failure::with_causes,
};
use crate::{
    app::Signals,
    bench::{self, BenchError, Feature, Folder, Plan, Settings, Workload},
    config::{Environment, LogFormat, LogLevel},
    log,
    store::{
        StoreError,
        bench::{Engine, Server},
    },
};

#[derive(Debug, Args)]
pub(super) struct BenchArguments {
    /// Folder on the disk to measure; the bench makes one of its own in it, and removes that.
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    dir: PathBuf,
    /// Jobs in the table; several sizes are compared with each other.
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_values_t = [1_000, 1_000_000],
        value_parser = value_parser!(u64).range(1..))]
    rows: Vec<u64>,
    /// Jobs that each run enqueues, claims or settles.
    #[arg(long, value_name = "N", default_value_t = 20_000, value_parser = value_parser!(u64).range(1..))]
    jobs: u64,
    /// Runs that count; one before them does not.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = value_parser!(u16).range(1..))]
    runs: u16,
    /// Part of the table that is ready to be claimed.
    #[arg(long, value_name = "PERCENT", default_value_t = 50, value_parser = value_parser!(u64).range(0..=100))]
    ready: u64,
    /// Part of the table that is scheduled for later. What is left is completed.
    #[arg(long, value_name = "PERCENT", default_value_t = 25, value_parser = value_parser!(u64).range(0..=100))]
    scheduled: u64,
    /// These workloads alone: enqueue, bulk, claim, settle, cycle, drain, pickup, http, memory.
    #[arg(long, value_name = "WORKLOAD,…", value_delimiter = ',')]
    only: Vec<Workload>,
    /// Measure the same with this in force, too: limits (of jobs at the same time and of the queue's depth) or rates.
    #[arg(long, value_name = "FEATURE,…", value_delimiter = ',')]
    with: Vec<Feature>,
    /// Measure PostgreSQL, in databases of its own that it makes on this server and drops afterwards. A password is better
    /// in a file that the URL names as passwordfile, where `ps` does not show it.
    #[arg(long, value_name = "URL")]
    postgres: Option<String>,
    /// Jobs that a draining process runs at the same time.
    #[arg(long, value_name = "N", default_value_t = 512, value_parser = value_parser!(u16).range(1..))]
    slots: u16,
    /// How long the processor time of an idle server is watched.
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = value_parser!(u64).range(1..=3_600))]
    idle_seconds: u64,
    #[command(flatten)]
    pub(super) form: Form,
}

impl From<BenchError> for Failure {
    fn from(error: BenchError) -> Self {
        match error {
            // Also when the disk turns out to be too small after all: it cannot be run here, as it was asked for.
            BenchError::CannotRun(_)
            | BenchError::Store(StoreError::Unavailable { .. } | StoreError::Unusable { .. }) => {
                Self::Usage(with_causes(&error))
            }
            BenchError::Store(_) | BenchError::Broke(..) | BenchError::Wrong(_) => {
                Self::Internal("nothing was measured", Box::new(error))
            }
        }
    }
}

/// Measures, and shows all of it or nothing.
pub(super) fn run(
    arguments: BenchArguments,
    environment: &Environment,
    output: &mut Output,
) -> Result<(), Failure> {
    let engine = match arguments.postgres {
        None => Engine::Sqlite,
        Some(_) => Engine::Postgres,
    };
    let plan = Plan::new(Settings {
        engine,
        rows: arguments.rows,
        jobs: arguments.jobs,
        runs: usize::from(arguments.runs),
        warm_up: 1,
        ready_percent: arguments.ready,
        scheduled_percent: arguments.scheduled,
        only: arguments.only,
        with: arguments.with,
        slots: usize::from(arguments.slots),
        idle_seconds: arguments.idle_seconds,
    })?;
    let folder = Folder::new(&arguments.dir, &plan)?;
    let (log, guard) = log(environment);
    let runtime = runtime()?;
    let mut server = None;
    let measured = runtime.block_on(async {
        if let Some(url) = &arguments.postgres {
            server = Some(find(url).await?);
        }
        let mut signals = Signals::watch()
            .map_err(|error| Failure::Io("cannot watch for signals".to_owned(), error))?;
        let tell = |what: &str| output.remark(what);
        tokio::select! {
            report = bench::run(&plan, &folder, server.as_ref(), &log, tell) => Ok(report?),
            signal = signals.next() => Err(Failure::No(format!("{signal}: nothing was measured"))),
        }
    });
    let removed = runtime.block_on(async {
        match &server {
            Some(server) => server.remove().await,
            None => Ok(()),
        }
    });
    // Only when nobody works in it any more can the folder go.
    drop(runtime);
    drop(folder);
    drop(log);
    drop(guard);
    let report = measured?;
    removed.map_err(|error| Failure::of_store(error, "the databases of the bench"))?;
    output.show(&report, about)?;
    for table in tables(&report) {
        output.only_in_table(|| table)?;
    }
    Ok(())
}

/// The other process of a workload that wants two.
pub(super) fn run_child(environment: &Environment) -> Result<(), Failure> {
    let (log, guard) = log(environment);
    let runtime = runtime()?;
    let outcome = runtime.block_on(bench::run_child(&log));
    runtime.shutdown_background();
    drop(log);
    drop(guard);
    Ok(outcome?)
}

fn log(environment: &Environment) -> (Logger, log::Guard) {
    let colour = !environment.no_color();
    log::to_stderr(LogLevel::Warning, LogFormat::Auto, colour)
}

fn runtime() -> Result<Runtime, Failure> {
    Builder::new_multi_thread()
        .thread_name("lockstep")
        .enable_all()
        .build()
        .map_err(|error| Failure::Io("cannot start".to_owned(), error))
}

/// Where it cannot be measured, nothing is.
async fn find(url: &str) -> Result<Server, Failure> {
    let found = async {
        let server = Server::find(url).await?;
        server.probe().await?;
        Ok(server)
    };
    found.await.map_err(|error: StoreError| {
        Failure::Usage(format!(
            "cannot bench on PostgreSQL: {}",
            with_causes(&error)
        ))
    })
}

//! Owns `lockstep bench`: its arguments, and its report as a table.
//! Must not know: how anything is measured.

use std::path::PathBuf;

use clap::{Args, value_parser};

use super::{Failure, Output, Rows, arguments::Form, failure::with_causes};
use crate::{
    app::Signals,
    bench::{
        self, BenchError, Feature, Figure, Folder, Line, Plan, Ratio, Report, Settings, Workload,
    },
    config::{Environment, LogFormat, LogLevel},
    log,
    store::StoreError,
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
    /// One workload alone: enqueue, claim, settle or cycle.
    #[arg(long, value_name = "WORKLOAD")]
    only: Option<Workload>,
    /// Measure the same with this in force, too: limits (of jobs at the same time and of the queue's depth) or rates.
    #[arg(long, value_name = "FEATURE,…", value_delimiter = ',')]
    with: Vec<Feature>,
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
            BenchError::Store(_) | BenchError::Wrong(_) => {
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
    let plan = Plan::new(Settings {
        rows: arguments.rows,
        jobs: arguments.jobs,
        runs: usize::from(arguments.runs),
        warm_up: 1,
        ready_percent: arguments.ready,
        scheduled_percent: arguments.scheduled,
        only: arguments.only,
        with: arguments.with,
    })?;
    let folder = Folder::new(&arguments.dir, &plan)?;
    let colour = !environment.no_color();
    let (log, guard) = log::to_stderr(LogLevel::Warning, LogFormat::Auto, colour);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .thread_name("lockstep")
        .enable_all()
        .build()
        .map_err(|error| Failure::Io("cannot start".to_owned(), error))?;
    let measured = runtime.block_on(async {
        let mut signals = Signals::watch()
            .map_err(|error| Failure::Io("cannot watch for signals".to_owned(), error))?;
        tokio::select! {
            report = bench::run(&plan, &folder, &log, |what| output.remark(what)) => Ok(report?),
            signal = signals.next() => Err(Failure::No(format!("{signal}: nothing was measured"))),
        }
    });
    // Only when nobody works in it any more can the folder go.
    drop(runtime);
    drop(folder);
    drop(log);
    drop(guard);
    let report = measured?;
    output.show(&report, about)?;
    output.only_in_table(|| figures(&report))
}

fn about(report: &Report) -> Rows {
    let Report {
        machine, settings, ..
    } = report;
    let known = |what: &Option<String>| what.clone().unwrap_or_else(|| "unknown".to_owned());
    let load =
        |load: Option<f64>| load.map_or_else(|| "unknown".to_owned(), |load| load.to_string());
    Rows::pairs([
        (
            "machine",
            format!(
                "{} × {}, Linux {}, {}, load {} before and {} after",
                machine.cores,
                known(&machine.cpu),
                known(&machine.kernel),
                known(&machine.file_system),
                load(machine.load_before),
                load(machine.load_after)
            ),
        ),
        (
            "program",
            format!("{}, {} build", machine.program, machine.build),
        ),
        (
            "settings",
            format!(
                "SQLite, WAL, synchronous=FULL; {} % ready, {} % scheduled; {} jobs a run; runs: {} to warm up, {} that \
                 count",
                settings.ready_percent,
                settings.scheduled_percent,
                grouped(&settings.jobs.to_string()),
                settings.warm_up,
                settings.runs
            ),
        ),
        (
            "figures",
            "jobs per second, median (lowest–highest); ratios run by run".to_owned(),
        ),
    ])
}

fn figures(report: &Report) -> Rows {
    let smallest = report.lines.first().map_or(0, |line| line.rows);
    let flat = format!("OF {} ROWS", grouped(&smallest.to_string()));
    let mut columns = vec![
        "WORKLOAD",
        "ROWS",
        "PER SECOND",
        "OF THE LIMIT",
        &flat,
        "LIMIT PER SECOND",
        "LIMIT OF THAT",
    ];
    let features = !report.settings.with.is_empty();
    if features {
        columns.push("OF PLAIN");
    }
    let known = |part: Option<Ratio>| part.map_or_else(String::new, ratio);
    Rows::new(&columns).with(&report.lines, |line| {
        let mut cells = vec![
            name(line),
            grouped(&line.rows.to_string()),
            figure(&line.ours),
            ratio(line.of_limit),
            known(line.of_smallest),
            figure(&line.limit),
            known(line.limit_of_smallest),
        ];
        cells.extend(features.then(|| known(line.of_plain)));
        cells
    })
}

fn name(line: &Line) -> String {
    let by = |batch: usize| format!("{} by {batch}", line.workload);
    let plain = line.batch.map_or_else(|| line.workload.to_string(), by);
    match line.with {
        None => plain,
        Some(feature) => format!("{plain}, {feature}"),
    }
}

fn figure(figure: &Figure) -> String {
    let whole = |rate: f64| grouped(&format!("{rate:.0}"));
    format!(
        "{} ({}–{})",
        whole(figure.median),
        whole(figure.min),
        whole(figure.max)
    )
}

/// 1,000,000 in place of 1000000.
fn grouped(digits: &str) -> String {
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn ratio(ratio: Ratio) -> String {
    let percent = |part: f64| (part * 100.0).round();
    format!(
        "{} % ({}–{})",
        percent(ratio.median),
        percent(ratio.min),
        percent(ratio.max)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_numbers_are_grouped() {
        let of = |number: u64| grouped(&number.to_string());
        assert_eq!([of(7), of(999), of(1_000)], ["7", "999", "1,000"]);
        assert_eq!(of(1_234_567), "1,234,567");
    }
}

//! Owns the report of `lockstep bench` as tables.
//! Must not know: how anything is measured.

use super::Rows;
use crate::bench::{Figure, Line, Ratio, Report};

/// What was measured, where and how.
pub(super) fn about(report: &Report) -> Rows {
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
                "{}; {} % ready, {} % scheduled; {} jobs a run; {} slots; runs: {} to warm up, {} that count",
                engine(report),
                settings.ready_percent,
                settings.scheduled_percent,
                grouped(&settings.jobs.to_string()),
                settings.slots,
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

fn engine(report: &Report) -> String {
    match &report.machine.server {
        None => "SQLite, WAL, synchronous=FULL".to_owned(),
        Some(version) => format!("PostgreSQL {version}, synchronous_commit=on"),
    }
}

/// A table for each kind of figure.
pub(super) fn tables(report: &Report) -> Vec<Rows> {
    let mut tables = Vec::new();
    if !report.lines.is_empty() {
        tables.push(of_tables(report));
    }
    if !report.pickup.is_empty() {
        tables.push(pickup(report));
    }
    if !report.http.is_empty() {
        tables.push(http(report));
    }
    if !report.memory.is_empty() {
        tables.push(memory(report));
    }
    tables
}

fn pickup(report: &Report) -> Rows {
    let columns = [
        "PICK-UP BY",
        "P50 MS",
        "P99 MS",
        "P50 OF THE LIMIT",
        "AFTER THE ANSWER, P50 MS",
        "P99 MS",
        "LIMIT, P50 MS",
        "P99 MS",
    ];
    Rows::new(&columns).with(&report.pickup, |line| {
        vec![
            line.worker.to_owned(),
            millis(&line.from_call.p50_ms),
            millis(&line.from_call.p99_ms),
            ratio(line.p50_of_limit),
            millis(&line.from_answer.p50_ms),
            millis(&line.from_answer.p99_ms),
            millis(&line.limit.p50_ms),
            millis(&line.limit.p99_ms),
        ]
    })
}

fn http(report: &Report) -> Rows {
    let columns = [
        "REQUEST",
        "CONNECTIONS",
        "PER SECOND",
        "OF THE LIMIT",
        "P50 MS",
        "P99 MS",
        "P99 OF THE LIMIT",
        "LIMIT PER SECOND",
        "P50 MS",
        "P99 MS",
    ];
    Rows::new(&columns).with(&report.http, |line| {
        vec![
            line.request.to_owned(),
            line.connections.to_string(),
            figure(&line.ours),
            ratio(line.of_limit),
            millis(&line.latency.p50_ms),
            millis(&line.latency.p99_ms),
            ratio(line.p99_of_limit),
            figure(&line.limit),
            millis(&line.limit_latency.p50_ms),
            millis(&line.limit_latency.p99_ms),
        ]
    })
}

fn memory(report: &Report) -> Rows {
    Rows::new(&["PROCESS", "USES", "TARGET"]).with(&report.memory, |line| {
        let ours = &line.ours;
        vec![
            line.what.clone(),
            format!("{} {} ({}–{})", ours.median, line.unit, ours.min, ours.max),
            format!("{} {}", line.target, line.unit),
        ]
    })
}

fn millis(figure: &Figure) -> String {
    format!("{:.2} ({:.2}–{:.2})", figure.median, figure.min, figure.max)
}

fn of_tables(report: &Report) -> Rows {
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

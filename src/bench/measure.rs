//! Owns the order of things: tables first, then pass by pass and run by run, ours and the limit in turns.
//! Must not know: what a workload does.

use std::time::Duration;

use slog::Logger;

use super::{
    BenchError, Figure, Folder, Line, Machine, Plan, Report, Workload, http, memory, pickup,
    plan::{Pass, Rounds},
    table::{Place, Table},
};
use crate::store::bench::Server;

/// Times of one figure on one table, one for each run that counts.
#[derive(Debug, Clone)]
struct Times {
    /// By variant.
    ours: Vec<Vec<Duration>>,
    limit: Vec<Duration>,
}

/// Measures all that is planned. Says what it is at with `tell`. To be called on a runtime with several threads.
pub async fn run(
    plan: &Plan,
    folder: &Folder,
    server: Option<&Server>,
    log: &Logger,
    mut tell: impl FnMut(&str),
) -> Result<Report, BenchError> {
    if plan.wants(Workload::Memory) {
        memory::possible()?;
    }
    let mut machine = Machine::here(folder.file_system());
    machine.server = server.map(|server| server.version().to_owned());
    let place = server.map_or(Place::Folder(folder), Place::Server);
    let mut report = Report {
        machine,
        settings: plan.settings.clone(),
        lines: Vec::new(),
        pickup: Vec::new(),
        http: Vec::new(),
        memory: Vec::new(),
    };
    if plan.has_tables() {
        report.lines = of_tables(plan, place, log, &mut tell).await?;
    }
    if plan.wants(Workload::Pickup) {
        report.pickup = pickup::measure(plan, place, log, &mut tell).await?;
    }
    if plan.wants(Workload::Http) {
        report.http = http::measure(plan, folder, log, &mut tell).await?;
    }
    if plan.wants(Workload::Memory) {
        report.memory = memory::measure(plan, folder, &mut tell).await?;
    }
    report.machine = report.machine.afterwards();
    Ok(report)
}

async fn of_tables(
    plan: &Plan,
    place: Place<'_>,
    log: &Logger,
    tell: &mut impl FnMut(&str),
) -> Result<Vec<Line>, BenchError> {
    let mut tables = Vec::new();
    for (rows, filling) in &plan.tables {
        tell(&format!("filling a table of {rows} jobs"));
        tables.push(Table::make(place, plan.tasks(), *rows, *filling, log).await?);
    }
    let mut lines = Vec::new();
    for pass in plan.passes() {
        let name = |(workload, batch): (Workload, Option<usize>)| {
            batch.map_or_else(
                || workload.to_string(),
                |batch| format!("{workload} by {batch}"),
            )
        };
        let names: Vec<_> = pass.figures().into_iter().map(name).collect();
        tell(&format!("measuring {}", names.join(" and ")));
        let rounds = plan.rounds(pass);
        let times = measure(plan, place, pass, rounds, &mut tables).await?;
        lines.extend(report(plan, pass, rounds, &tables, &times));
    }
    for table in tables {
        table.close().await?;
    }
    Ok(lines)
}

/// By table, then by figure.
async fn measure(
    plan: &Plan,
    place: Place<'_>,
    pass: Pass,
    rounds: Rounds,
    tables: &mut [Table],
) -> Result<Vec<Vec<Times>>, BenchError> {
    let variants = plan.variants();
    let none = Times {
        ours: vec![Vec::new(); variants.len()],
        limit: Vec::new(),
    };
    let tasks = plan.tasks();
    let mut times = vec![vec![none; pass.figures().len()]; tables.len()];
    for run in 0..plan.settings.warm_up + plan.settings.runs {
        let counts = run >= plan.settings.warm_up;
        for (table, times) in tables.iter_mut().zip(&mut times) {
            table.tidy(place).await?;
            for variant in turns(variants.len(), run) {
                let ours = table.ours(variants[variant], pass, tasks, rounds).await?;
                for (times, time) in times.iter_mut().zip(ours).filter(|_| counts) {
                    times.ours[variant].push(time);
                }
            }
            let limit = table.limit(pass, tasks, rounds).await?;
            for (times, time) in times.iter_mut().zip(limit).filter(|_| counts) {
                times.limit.push(time);
            }
        }
    }
    Ok(times)
}

/// Who is measured first has the table as the limit's turn left it: each variant is first in its turn.
fn turns(variants: usize, run: usize) -> impl Iterator<Item = usize> {
    (0..variants).map(move |place| (place + run) % variants)
}

/// Lines by figure, then by variant, then by table.
fn report(
    plan: &Plan,
    pass: Pass,
    rounds: Rounds,
    tables: &[Table],
    measured: &[Vec<Times>],
) -> Vec<Line> {
    let jobs = rounds.count * rounds.jobs as u64;
    let mut lines = Vec::new();
    for (place, (workload, batch)) in pass.figures().into_iter().enumerate() {
        if !plan.wants(workload) {
            continue;
        }
        for (variant, with) in plan.variants().into_iter().enumerate() {
            let mut smallest: Option<(Figure, Figure)> = None;
            for (table, times) in tables.iter().zip(measured) {
                let times = &times[place];
                let ours = Figure::new(jobs, &times.ours[variant]);
                let limit = Figure::new(jobs, &times.limit);
                let of_plain = with.map(|_| ours.over(&Figure::new(jobs, &times.ours[0])));
                let ratios = smallest
                    .as_ref()
                    .map(|(first, first_limit)| (ours.over(first), limit.over(first_limit)));
                smallest.get_or_insert_with(|| (ours.clone(), limit.clone()));
                lines.push(Line {
                    workload,
                    batch,
                    with,
                    rows: table.rows,
                    ready: table.filling.ready,
                    scheduled: table.filling.scheduled,
                    completed: table.filling.completed,
                    jobs,
                    round: rounds.jobs,
                    of_limit: ours.over(&limit),
                    of_plain,
                    of_smallest: ratios.map(|(ours, _)| ours),
                    limit_of_smallest: ratios.map(|(_, limit)| limit),
                    ours,
                    limit,
                });
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_variant_is_first_once() {
        let order = |run| turns(3, run).collect::<Vec<_>>();
        assert_eq!(
            [order(0), order(1), order(2), order(3)],
            [[0, 1, 2], [1, 2, 0], [2, 0, 1], [0, 1, 2]]
        );
        assert_eq!(turns(1, 7).collect::<Vec<_>>(), [0]);
    }
}

//! Owns the order of things: tables first, then pass by pass and run by run, ours and the limit in turns.
//! Must not know: what a workload does.

use std::time::Duration;

use slog::Logger;

use super::{
    BenchError, Figure, Folder, Line, Machine, Plan, Report,
    plan::{Pass, Rounds},
    table::Table,
};

/// Times of one figure on one table, a pair for each run that counts.
#[derive(Debug, Clone, Default)]
struct Times {
    ours: Vec<Duration>,
    limit: Vec<Duration>,
}

/// Measures all that is planned. Says what it is at with `tell`. To be called on a runtime with several threads.
pub async fn run(
    plan: &Plan,
    folder: &Folder,
    log: &Logger,
    mut tell: impl FnMut(&str),
) -> Result<Report, BenchError> {
    let machine = Machine::here(folder.file_system());
    let mut tables = Vec::new();
    for (rows, filling) in &plan.tables {
        tell(&format!("filling a table of {rows} jobs"));
        tables.push(Table::make(folder, *rows, *filling, log).await?);
    }
    let mut lines = Vec::new();
    for pass in plan.passes() {
        let names = pass.figures().iter().map(|(workload, batch)| {
            batch.map_or_else(
                || workload.to_string(),
                |batch| format!("{workload} by {batch}"),
            )
        });
        tell(&format!(
            "measuring {}",
            names.collect::<Vec<_>>().join(" and ")
        ));
        let rounds = plan.rounds(pass);
        let times = measure(plan, pass, rounds, &mut tables).await?;
        lines.extend(report(plan, pass, rounds, &tables, &times));
    }
    for table in tables {
        table.close().await?;
    }
    Ok(Report {
        machine: machine.afterwards(),
        settings: plan.settings.clone(),
        lines,
    })
}

/// By table, then by figure.
async fn measure(
    plan: &Plan,
    pass: Pass,
    rounds: Rounds,
    tables: &mut [Table],
) -> Result<Vec<Vec<Times>>, BenchError> {
    let mut times = vec![vec![Times::default(); pass.figures().len()]; tables.len()];
    for run in 0..plan.settings.warm_up + plan.settings.runs {
        for (table, times) in tables.iter_mut().zip(&mut times) {
            let ours = table.ours(pass, rounds).await?;
            let limit = table.limit(pass, rounds).await?;
            if run < plan.settings.warm_up {
                continue;
            }
            for (times, (ours, limit)) in times.iter_mut().zip(ours.into_iter().zip(limit)) {
                times.ours.push(ours);
                times.limit.push(limit);
            }
        }
    }
    Ok(times)
}

/// Lines by figure, then by table: what is to be compared stands together.
fn report(
    plan: &Plan,
    pass: Pass,
    rounds: Rounds,
    tables: &[Table],
    times: &[Vec<Times>],
) -> Vec<Line> {
    let jobs = rounds.count * rounds.jobs as u64;
    let mut lines = Vec::new();
    for (place, (workload, batch)) in pass.figures().iter().enumerate() {
        if !plan.wants(*workload) {
            continue;
        }
        let mut smallest: Option<(Figure, Figure)> = None;
        for (table, times) in tables.iter().zip(times) {
            let ours = Figure::new(jobs, &times[place].ours);
            let limit = Figure::new(jobs, &times[place].limit);
            let ratios = smallest
                .as_ref()
                .map(|(first, first_limit)| (ours.over(first), limit.over(first_limit)));
            smallest.get_or_insert_with(|| (ours.clone(), limit.clone()));
            lines.push(Line {
                workload: *workload,
                batch: *batch,
                rows: table.rows,
                ready: table.filling.ready,
                scheduled: table.filling.scheduled,
                completed: table.filling.completed,
                jobs,
                round: rounds.jobs,
                of_limit: ours.over(&limit),
                of_smallest: ratios.map(|(ours, _)| ours),
                limit_of_smallest: ratios.map(|(_, limit)| limit),
                ours,
                limit,
            });
        }
    }
    lines
}

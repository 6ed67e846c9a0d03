//! Owns what is measured: workloads, table sizes, how much and how often.
//! Must not know: how it is measured.

use serde::Serialize;

use super::{BenchError, Feature, Workload};
use crate::store::bench::{Engine, Filling};

/// Jobs that one claim or settlement names.
pub(super) const BATCH: usize = 100;
/// The same where a whole cycle is measured. The last one is the largest.
pub(super) const CYCLE_BATCHES: [usize; 2] = [100, 500];
/// Callers that enqueue at the same time, each one job after the other: on SQLite, and on PostgreSQL, where each of the
/// limit's has a connection.
pub(super) const TASKS: [usize; 2] = [64, 32];
/// Jobs of one bulk enqueue.
pub(super) const BULK: usize = 1_000;
/// Most jobs that one claim of a worker takes.
const CLAIM: usize = 500;

/// What is measured in one go, and gives one figure or two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pass {
    Enqueue,
    /// Everything is claimed, then everything is settled: a figure each.
    ClaimThenSettle,
    Cycle(usize),
    Bulk,
    /// With so many slots.
    Drain(usize),
}

impl Pass {
    /// What its figures are of, in their order: workload and batch.
    pub(super) fn figures(self) -> Vec<(Workload, Option<usize>)> {
        match self {
            Self::Enqueue => vec![(Workload::Enqueue, None)],
            Self::Bulk => vec![(Workload::Bulk, Some(BULK))],
            Self::ClaimThenSettle => vec![
                (Workload::Claim, Some(BATCH)),
                (Workload::Settle, Some(BATCH)),
            ],
            Self::Cycle(batch) => vec![(Workload::Cycle, Some(batch))],
            Self::Drain(_) => vec![(Workload::Drain, Some(self.batch()))],
        }
    }

    /// Jobs of one claim, at most.
    pub(super) fn batch(self) -> usize {
        match self {
            Self::Cycle(batch) => batch,
            Self::Drain(slots) => slots.min(CLAIM),
            _ => BATCH,
        }
    }
}

/// As it was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Settings {
    /// What keeps the tables.
    pub engine: Engine,
    /// Jobs in the tables, one table each.
    pub rows: Vec<u64>,
    /// Jobs that each run enqueues, claims or settles, at least.
    pub jobs: u64,
    /// Runs that count.
    pub runs: usize,
    /// Runs before them that do not.
    pub warm_up: usize,
    /// Of the jobs in the table, these parts in a hundred are claimable and scheduled; the rest is completed.
    pub ready_percent: u64,
    pub scheduled_percent: u64,
    /// These workloads alone. None: all that the engine has.
    pub only: Vec<Workload>,
    /// Measured beside the plain store, each by itself.
    pub with: Vec<Feature>,
    /// Jobs that a draining process runs at the same time.
    pub slots: usize,
    /// How long an idle process is watched.
    pub idle_seconds: u64,
}

/// Settings that can be carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    pub(super) settings: Settings,
    /// For each table size, smallest first.
    pub(super) tables: Vec<(u64, Filling)>,
}

/// What is done without a break. After each round its jobs are put back, untimed, so that a small table stays small
/// while many jobs go through it. The same for all table sizes, or else their ratio would be one of rounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rounds {
    pub(super) count: u64,
    pub(super) jobs: usize,
}

impl Plan {
    pub fn new(mut settings: Settings) -> Result<Self, BenchError> {
        let cannot = |what: &str| Err(BenchError::CannotRun(what.to_owned()));
        if settings.ready_percent + settings.scheduled_percent > 100 {
            return cannot("--ready and --scheduled are parts of 100: together they are more");
        }
        settings.rows.sort_unstable();
        settings.rows.dedup();
        settings.with.sort_unstable();
        settings.with.dedup();
        let sqlite_alone = |workload: &Workload| {
            settings.engine == Engine::Postgres
                && matches!(workload, Workload::Http | Workload::Memory)
        };
        if let Some(workload) = settings.only.iter().copied().find(sqlite_alone) {
            return cannot(&format!(
                "{workload} is measured on SQLite only: leave --postgres out"
            ));
        }
        if settings.slots == 0 {
            return cannot("--slots must be at least 1");
        }
        if settings.rows.is_empty() || settings.jobs == 0 || settings.runs == 0 {
            return cannot("there is nothing to measure: rows, jobs and runs must be at least 1");
        }
        let most = Filling::MOST;
        if settings
            .rows
            .iter()
            .chain([&settings.jobs])
            .any(|number| *number > most)
        {
            return cannot(&format!("rows and jobs are at most {most}"));
        }
        let tables = settings
            .rows
            .iter()
            .map(|rows| (*rows, settings.filling(*rows)))
            .collect();
        Ok(Self { settings, tables })
    }

    pub(super) fn passes(&self) -> Vec<Pass> {
        let mut passes = vec![Pass::Enqueue, Pass::Bulk, Pass::ClaimThenSettle];
        passes.extend(CYCLE_BATCHES.map(Pass::Cycle));
        passes.push(Pass::Drain(self.settings.slots));
        passes.retain(|pass| {
            let mut figures = pass.figures().into_iter();
            figures.any(|(workload, _)| self.wants(workload))
        });
        passes
    }

    /// As what our store is measured: plain first, then with each feature.
    pub(super) fn variants(&self) -> Vec<Option<Feature>> {
        let features = self.settings.with.iter().copied().map(Some);
        std::iter::once(None).chain(features).collect()
    }

    pub(super) fn wants(&self, workload: Workload) -> bool {
        let only = &self.settings.only;
        if !only.is_empty() {
            return only.contains(&workload);
        }
        self.settings.engine == Engine::Sqlite
            || !matches!(workload, Workload::Http | Workload::Memory)
    }

    /// Whether anything is measured on tables of several sizes.
    pub(super) fn has_tables(&self) -> bool {
        let mut all = Workload::ALL.into_iter();
        all.any(|workload| workload.is_of_tables() && self.wants(workload))
    }

    pub(super) fn tasks(&self) -> usize {
        TASKS[usize::from(self.settings.engine == Engine::Postgres)]
    }

    pub(super) fn rounds(&self, pass: Pass) -> Rounds {
        let (most, step) = match pass {
            // A table does not grow to more than twice its size.
            Pass::Enqueue => (self.smallest(|_, rows| rows), self.tasks() as u64),
            Pass::Bulk => (self.smallest(|_, rows| rows), BULK as u64),
            // What is missing in a table is enqueued before: a worker that starts anew for every few jobs would measure
            // its start.
            Pass::Drain(_) => (self.settings.jobs, 1),
            Pass::ClaimThenSettle => (self.smallest(|filling, _| filling.ready), BATCH as u64),
            Pass::Cycle(batch) => (self.smallest(|filling, _| filling.ready), batch as u64),
        };
        // Whole batches.
        let jobs = (most.min(self.settings.jobs) / step).max(1) * step;
        Rounds {
            count: self.settings.jobs.div_ceil(jobs),
            jobs: usize::try_from(jobs).unwrap_or(usize::MAX),
        }
    }

    fn smallest(&self, of: impl Fn(&Filling, u64) -> u64) -> u64 {
        let all = self.tables.iter().map(|(rows, filling)| of(filling, *rows));
        all.min().unwrap_or(1)
    }

    /// Bytes that it takes on disk at most, by measurement with something to spare.
    pub(super) fn space(&self) -> u64 {
        const ROW: u64 = 1_000;
        /// A file without rows, and what belongs to it.
        const FILE: u64 = 4 << 20;
        /// Of the write-ahead log: checkpoints see to it that it stays below.
        const LOG: u64 = 256 << 20;
        const LOG_OF_JOB: u64 = 32 << 10;
        let Settings { jobs, runs, .. } = &self.settings;
        let log = LOG.min(jobs * LOG_OF_JOB);
        let drained = if self.wants(Workload::Drain) {
            jobs * ROW
        } else {
            0
        };
        let file = |(_, filling): &(u64, Filling)| FILE + log + filling.total() * ROW + drained;
        let tables = self.tables.iter().filter(|_| self.is_on_disk()).map(file);
        // Ours and the limit's.
        let tables = 2 * tables.sum::<u64>();
        // Nobody takes users back.
        let requests = 3 * jobs * (*runs as u64 + 1) * ROW;
        let of = |workload, bytes: u64| if self.wants(workload) { bytes } else { 0 };
        let http = of(Workload::Http, 2 * (FILE + log) + 2 * requests);
        let memory = of(Workload::Memory, 2 * (FILE + log) + jobs * ROW);
        let pickup = of(Workload::Pickup, 2 * (FILE + log));
        tables + http + memory + pickup
    }

    /// Whether the tables are in the folder. A server's disk is its own.
    fn is_on_disk(&self) -> bool {
        self.settings.engine == Engine::Sqlite && self.has_tables()
    }
}

impl Settings {
    /// There is a whole batch of ready jobs even in the smallest table.
    fn filling(&self, rows: u64) -> Filling {
        let part = |percent: u64| rows * percent / 100;
        let [_, largest] = CYCLE_BATCHES;
        let ready = part(self.ready_percent).max(largest as u64);
        let scheduled = part(self.scheduled_percent).min(rows.saturating_sub(ready));
        Filling {
            ready,
            scheduled,
            completed: rows.saturating_sub(ready + scheduled),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(rows: &[u64], jobs: u64) -> Settings {
        Settings {
            rows: rows.to_vec(),
            jobs,
            engine: Engine::Sqlite,
            runs: 1,
            warm_up: 0,
            ready_percent: 50,
            scheduled_percent: 25,
            only: Vec::new(),
            with: Vec::new(),
            slots: 512,
            idle_seconds: 1,
        }
    }

    #[test]
    fn a_table_has_the_kinds_that_were_asked_for_and_a_whole_batch() {
        let plan = Plan::new(settings(&[1_000_000, 1_000, 10], 20_000)).unwrap();
        let kinds = |filling: &Filling| (filling.ready, filling.scheduled, filling.completed);
        let found: Vec<_> = plan
            .tables
            .iter()
            .map(|(rows, filling)| (*rows, kinds(filling)))
            .collect();
        let expected = [
            (10, (500, 0, 0)),
            (1_000, (500, 250, 250)),
            (1_000_000, (500_000, 250_000, 250_000)),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn rounds_are_whole_batches_and_as_many_as_the_smallest_table_bears() {
        let plan = Plan::new(settings(&[1_000, 1_000_000], 20_000)).unwrap();
        let rounds = |pass| {
            let rounds = plan.rounds(pass);
            (rounds.count, rounds.jobs)
        };
        assert_eq!(rounds(Pass::Enqueue), (21, 960));
        assert_eq!(rounds(Pass::ClaimThenSettle), (40, 500));
        assert_eq!(rounds(Pass::Cycle(500)), (40, 500));
        let tiny = Plan::new(settings(&[1], 1)).unwrap();
        assert_eq!(tiny.rounds(Pass::Cycle(500)).jobs, 500);
        assert_eq!(tiny.rounds(Pass::Enqueue).jobs, 64);
        assert_eq!(tiny.rounds(Pass::Bulk).jobs, BULK);
        assert_eq!(rounds(Pass::Drain(512)), (1, 20_000));
    }

    #[test]
    fn one_workload_alone_needs_no_other_pass() {
        let mut only = settings(&[1_000], 100);
        only.only = vec![Workload::Settle];
        let plan = Plan::new(only).unwrap();
        assert_eq!(plan.passes(), [Pass::ClaimThenSettle]);
        assert!(!plan.wants(Workload::Claim));
    }

    #[test]
    fn the_plain_store_comes_before_each_feature() {
        let mut both = settings(&[1_000], 100);
        both.with = vec![Feature::Rates, Feature::Limits, Feature::Rates];
        let plan = Plan::new(both).unwrap();
        let expected = [None, Some(Feature::Limits), Some(Feature::Rates)];
        assert_eq!(plan.variants(), expected);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let refused = |change: fn(&mut Settings)| {
            let mut settings = settings(&[1_000], 100);
            change(&mut settings);
            assert!(Plan::new(settings).is_err());
        };
        refused(|settings| settings.rows.clear());
        refused(|settings| settings.ready_percent = 76);
        refused(|settings| settings.rows = vec![Filling::MOST + 1]);
        refused(|settings| settings.runs = 0);
        refused(|settings| {
            settings.engine = Engine::Postgres;
            settings.only = vec![Workload::Http];
        });
    }
}

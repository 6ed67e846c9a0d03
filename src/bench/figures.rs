//! Owns the arithmetic of a report: medians, ranges, ratios.
//! Must not know: how anything was measured.

use std::time::Duration;

use serde::Serialize;

use super::{Feature, Machine, Settings, Workload};

/// Everything that was measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    pub machine: Machine,
    pub settings: Settings,
    /// Of tables.
    pub lines: Vec<Line>,
    pub pickup: Vec<PickupLine>,
    pub http: Vec<HttpLine>,
    pub memory: Vec<MemoryLine>,
}

/// One workload on one table, plain or with a feature.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Line {
    pub workload: Workload,
    /// Jobs in one claim or settlement.
    pub batch: Option<usize>,
    /// What was in force. None: nothing.
    pub with: Option<Feature>,
    /// Jobs in the table, as asked for, and what they are.
    pub rows: u64,
    pub ready: u64,
    pub scheduled: u64,
    pub completed: u64,
    /// Jobs of one run, and how many go through without a break.
    pub jobs: u64,
    pub round: usize,
    pub ours: Figure,
    pub limit: Figure,
    /// Ours in parts of the limit's, run by run.
    pub of_limit: Ratio,
    /// Ours with the feature in parts of ours without, on the same table, run by run.
    pub of_plain: Option<Ratio>,
    /// Ours in parts of ours on the smallest table, run by run. None for that table itself.
    pub of_smallest: Option<Ratio>,
    /// The same of the limit: how flat the engine is by itself.
    pub limit_of_smallest: Option<Ratio>,
}

/// One request from many connections, ours beside a bare server.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HttpLine {
    pub request: &'static str,
    pub connections: usize,
    /// Of one run.
    pub requests: usize,
    pub ours: Figure,
    pub limit: Figure,
    pub of_limit: Ratio,
    pub latency: Latency,
    pub limit_latency: Latency,
    /// Ours in parts of the limit's, run by run. Less is faster.
    pub p99_of_limit: Ratio,
}

/// From the enqueue of one job to the start of its run by a worker that is idle.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PickupLine {
    /// Where the worker is.
    pub worker: &'static str,
    /// Jobs of one run.
    pub jobs: usize,
    /// From the call of the enqueue: both commits are in it.
    pub from_call: Latency,
    /// From the answer to the enqueue, when the job is on disk. A run that has started before counts as at once.
    pub from_answer: Latency,
    /// From the call: one commit that stores the job and one that claims it, by one connection.
    pub limit: Latency,
    /// Ours from the call in parts of the limit's, run by run. Less is faster.
    pub p50_of_limit: Ratio,
}

/// What a process keeps, or uses.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MemoryLine {
    pub what: String,
    pub unit: &'static str,
    pub ours: Figure,
    /// It should not be more.
    pub target: f64,
}

/// Of the requests, or jobs, of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Latency {
    pub p50_ms: Figure,
    pub p99_ms: Figure,
}

/// A value per run: jobs per second, where nothing else is said.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figure {
    pub median: f64,
    pub min: f64,
    pub max: f64,
    /// In their order.
    pub runs: Vec<f64>,
}

/// A part of something that was measured beside it. 1 is as fast.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Ratio {
    pub median: f64,
    pub min: f64,
    pub max: f64,
}

impl Latency {
    /// Of the times of each run, shortest first.
    pub(super) fn new(runs: &[Vec<Duration>]) -> Self {
        let at = |per_mille| Figure::millis(runs.iter().map(|run| at(run, per_mille)));
        Self {
            p50_ms: at(500),
            p99_ms: at(990),
        }
    }
}

/// Of sorted times, what so many of a thousand do not exceed.
fn at(sorted: &[Duration], per_mille: usize) -> Duration {
    let place = (sorted.len() * per_mille).div_ceil(1_000).max(1) - 1;
    sorted.get(place).copied().unwrap_or_default()
}

impl Figure {
    /// Of `jobs` in each of these times.
    pub(super) fn new(jobs: u64, times: &[Duration]) -> Self {
        #[expect(
            clippy::cast_precision_loss,
            reason = "far fewer jobs than a float can count"
        )]
        let rate = |time: &Duration| round(jobs as f64 / time.as_secs_f64().max(1e-9), 1.0);
        Self::of(times.iter().map(rate).collect())
    }

    /// Of durations, in milliseconds.
    pub(super) fn millis(times: impl Iterator<Item = Duration>) -> Self {
        Self::of(
            times
                .map(|time| round(time.as_secs_f64() * 1e3, 1e3))
                .collect(),
        )
    }

    /// Of a value per run.
    pub(super) fn of(runs: Vec<f64>) -> Self {
        let Ratio { median, min, max } = spread(&runs);
        Self {
            median,
            min,
            max,
            runs,
        }
    }

    /// This one in parts of another, run by run.
    pub(super) fn over(&self, other: &Self) -> Ratio {
        let pairs = self.runs.iter().zip(&other.runs);
        let ratios: Vec<f64> = pairs
            .map(|(ours, theirs)| ours / theirs.max(1e-9))
            .collect();
        let Ratio { median, min, max } = spread(&ratios);
        Ratio {
            median: round(median, 1e3),
            min: round(min, 1e3),
            max: round(max, 1e3),
        }
    }
}

fn round(value: f64, steps: f64) -> f64 {
    (value * steps).round() / steps
}

/// Of an even number, the median is the mean of the two in the middle.
fn spread(values: &[f64]) -> Ratio {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = |place: usize| sorted.get(place).copied().unwrap_or_default();
    let last = sorted.len().saturating_sub(1);
    Ratio {
        median: f64::midpoint(at(last / 2), at(last.div_ceil(2))),
        min: at(0),
        max: at(last),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-9, "{found} is not {expected}");
    }

    #[test]
    fn medians_and_ranges() {
        let of = |values: &[f64]| {
            let Ratio { median, min, max } = spread(values);
            (median, min, max)
        };
        assert_eq!(of(&[3.0, 1.0, 2.0]), (2.0, 1.0, 3.0));
        assert_eq!(of(&[4.0, 1.0, 2.0, 3.0]), (2.5, 1.0, 4.0));
        assert_eq!(of(&[7.0]), (7.0, 7.0, 7.0));
    }

    #[test]
    fn percentiles_are_of_the_whole() {
        let times: Vec<_> = (1..=200).map(Duration::from_millis).collect();
        assert_eq!(at(&times, 500), Duration::from_millis(100));
        assert_eq!(at(&times, 990), Duration::from_millis(198));
        assert_eq!(at(&times[..1], 990), Duration::from_millis(1));
        assert_eq!(at(&[], 500), Duration::ZERO);
    }

    #[test]
    fn a_ratio_is_of_runs_side_by_side() {
        let seconds = |times: &[u64]| {
            times
                .iter()
                .copied()
                .map(Duration::from_secs)
                .collect::<Vec<_>>()
        };
        // The machine was half as fast in the second run, for both.
        let ours = Figure::new(1_000, &seconds(&[2, 4, 2]));
        let limit = Figure::new(1_000, &seconds(&[1, 2, 1]));
        close(ours.median, 500.0);
        close(ours.min, 250.0);
        let Ratio { median, min, max } = ours.over(&limit);
        close(median, 0.5);
        close(min, 0.5);
        close(max, 0.5);
    }
}

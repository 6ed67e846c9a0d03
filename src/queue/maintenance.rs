//! Owns the chores of one process: waiting jobs become due, jobs of dead workers are taken back, statistics.
//! Must not know: what the jobs do, or how the store does its part.

use std::time::Duration;

use chrono::{DateTime, Utc};
use slog::{info, warn};
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep};

use super::{outcome, runner::Runner, wait::Wait};
use crate::model::JobCounts;

/// Rows per pass: small, so that nobody else waits long for the writer.
pub(super) const BATCH: usize = 500;

/// Longest sleep of the promoter, should a wake-up be lost or a clock be moved.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);

/// Between two looks for what can be tidied up.
const TIDY: Duration = Duration::from_secs(10);

/// Wake-ups closer together than this share one pass.
const SPACING: Duration = Duration::from_millis(20);

/// Runs until it is dropped.
pub(super) async fn run(runner: &Runner) {
    tokio::join!(
        promote(runner),
        rescue(runner),
        tidy(runner),
        statistics(runner)
    );
}

/// Moves due jobs over: sleeps until the next one is due, or until something may have become due.
async fn promote(runner: &Runner) {
    let mut wakeups = runner.store.subscribe();
    let mut wait = Wait::default();
    loop {
        let pause = match runner.store.job_promote(BATCH).await {
            Ok(promoted) if promoted.jobs >= BATCH => Duration::ZERO,
            Ok(promoted) => {
                wait = Wait::default();
                until(promoted.next_due, runner.clock.now())
            }
            Err(error) => {
                warn!(runner.log, "cannot look for due jobs"; "error" => outcome::with_causes(&error));
                sleep(wait.next()).await;
                continue;
            }
        };
        if pause.is_zero() {
            tokio::task::yield_now().await;
            continue;
        }
        tokio::select! {
            () = sleep(pause) => {}
            () = wakeups.changed() => sleep(SPACING).await,
        }
    }
}

/// From `now` to the next due row: at least a moment, so that a clock that stands still is no busy loop.
fn until(next_due: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Duration {
    next_due.map_or(LONGEST_SLEEP, |due| {
        (due - now)
            .to_std()
            .unwrap_or_default()
            .clamp(Duration::from_millis(1), LONGEST_SLEEP)
    })
}

/// Takes back the jobs of workers that died.
async fn rescue(runner: &Runner) {
    let mut ticks = ticks(runner.config.rescue);
    loop {
        ticks.tick().await;
        match runner.store.job_rescue(BATCH).await {
            Ok(rescued) if rescued.retaken + rescued.quarantined > 0 => {
                warn!(runner.log, "took back jobs whose worker was lost";
                    "retaken" => rescued.retaken, "quarantined" => rescued.quarantined);
            }
            Ok(_) => {}
            Err(error) => {
                warn!(runner.log, "cannot look for lost jobs"; "error" => outcome::with_causes(&error));
            }
        }
    }
}

/// What nobody waits for: limits by key that were raised, rows that count for nothing any more.
async fn tidy(runner: &Runner) {
    let mut ticks = ticks(TIDY);
    let mut gate = None;
    loop {
        ticks.tick().await;
        let released = runner.store.job_release_held(gate.take()).await;
        let purged = runner.store.purge(BATCH).await;
        match (released, purged) {
            (Ok(next), Ok(_)) => gate = next,
            (Err(error), _) | (_, Err(error)) => {
                warn!(runner.log, "cannot tidy up"; "error" => outcome::with_causes(&error));
            }
        }
    }
}

async fn statistics(runner: &Runner) {
    let mut ticks = ticks(runner.config.statistics);
    loop {
        ticks.tick().await;
        match runner.store.job_counts().await {
            Ok(counts) => {
                let mut all = JobCounts::default();
                for mut of_type in counts {
                    for status in crate::model::JobStatus::ALL {
                        *all.of(status) += *of_type.counts.of(status);
                    }
                }
                info!(runner.log, "job statistics";
                    "scheduled" => all.scheduled,
                    "pending" => all.pending,
                    "processing" => all.processing,
                    "retry_pending" => all.retry_pending,
                    "completed" => all.completed,
                    "failed" => all.failed,
                    "cancelled" => all.cancelled,
                );
            }
            Err(error) => {
                warn!(runner.log, "cannot read the statistics"; "error" => outcome::with_causes(&error));
            }
        }
    }
}

fn ticks(every: Duration) -> tokio::time::Interval {
    let every = every.max(Duration::from_millis(1));
    let mut ticks = interval_at(Instant::now() + every, every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

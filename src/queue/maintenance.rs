//! Owns the chores of one process: waiting jobs become due, schedules tick, jobs of dead workers are taken back, old ones
//! are forgotten, statistics.
//! Must not know: what the jobs do, or how the store does its part.

use std::time::Duration;

use chrono::{DateTime, Utc};
use slog::{info, warn};
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep, timeout};

use super::{outcome, runner::Runner, ticks, wait::Wait};
use crate::{model::JobCounts, store::StoreError};

/// Rows per pass: small, so that nobody else waits long for the writer.
pub(super) const BATCH: usize = 500;

/// Longest sleep of the promoter, should a wake-up be lost or a clock be moved.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);

/// Between two looks for what can be tidied up.
const TIDY: Duration = Duration::from_secs(10);

/// Between two looks for what is not kept any more, while some is found.
const FORGETTING: Duration = Duration::from_millis(50);

/// Once around all jobs, at the latest when the table is long.
const AROUND: Duration = Duration::from_hours(1);

/// What is kept of the events.
const EVENTS: u32 = 100_000;
const EVENTS_AGE: Duration = Duration::from_hours(7 * 24);

/// How long the counts of a group can be read after its end, though its jobs were deleted at once. With jobs that are kept
/// longer it stays longer.
const GROUPS_AGE: Duration = Duration::from_hours(7 * 24);

/// Wake-ups closer together than this share one pass.
const SPACING: Duration = Duration::from_millis(20);

/// How often this process says that it lives: three times before it counts as gone.
const PRESENCE: Duration = Duration::from_secs(10);

/// What only one process does at a time, and for how long unless it asks again: a dead leader is followed within twice that.
pub(super) const LEADER: &str = "maintenance";
const TERM: Duration = Duration::from_secs(4);

/// Runs until it is dropped.
pub(super) async fn run(runner: &Runner) {
    let leads = watch::Sender::new(false);
    tokio::join!(
        presence(runner),
        promote(runner),
        ticks::run(runner),
        lead(runner, &leads),
        rescue(runner, leads.subscribe()),
        tidy(runner, leads.subscribe()),
        forget(runner, leads.subscribe()),
        statistics(runner)
    );
}

/// Asks to be the one process that takes jobs back, tidies up and forgets.
async fn lead(runner: &Runner, leads: &watch::Sender<bool>) {
    loop {
        let holder = runner.config.worker_id.clone();
        let asked = runner.store.lead(LEADER, holder, TERM);
        let led = timeout(TERM / 2, asked)
            .await
            .unwrap_or(Err(StoreError::Unavailable {
                reason: "it did not answer in time",
                source: None,
            }));
        // Nobody may follow as long as the term lasts; who cannot ask must not go on for longer than it.
        let leading = led.unwrap_or_else(|error| {
            warn!(runner.log, "cannot ask who does the chores"; "error" => outcome::with_causes(&error));
            false
        });
        leads.send_if_modified(|leads| std::mem::replace(leads, leading) != leading);
        sleep(TERM / 4).await;
    }
}

/// Returns when this process is the leader.
async fn leading(leads: &mut watch::Receiver<bool>) {
    // The sender lives as long as the loops.
    let _ = leads.wait_for(|leads| *leads).await;
}

/// Says that this process runs jobs, for as long as it does.
async fn presence(runner: &Runner) {
    loop {
        if let Err(error) = runner.store.worker_seen(runner.card()).await {
            warn!(runner.log, "cannot say that this process runs jobs"; "error" => outcome::with_causes(&error));
        }
        sleep(PRESENCE).await;
    }
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
pub(super) fn until(next_due: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Duration {
    next_due.map_or(LONGEST_SLEEP, |due| {
        (due - now)
            .to_std()
            .unwrap_or_default()
            .clamp(Duration::from_millis(1), LONGEST_SLEEP)
    })
}

/// Takes back the jobs of workers that died.
async fn rescue(runner: &Runner, mut leads: watch::Receiver<bool>) {
    let mut ticks = ticks(runner.config.rescue);
    loop {
        ticks.tick().await;
        leading(&mut leads).await;
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
async fn tidy(runner: &Runner, mut leads: watch::Receiver<bool>) {
    let mut ticks = ticks(TIDY);
    let mut gate = None;
    loop {
        ticks.tick().await;
        leading(&mut leads).await;
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

/// Walks around all jobs, a page at a time, and deletes what is older than its type keeps it; all groups likewise; and old events.
async fn forget(runner: &Runner, mut leads: watch::Receiver<bool>) {
    let mut after = None;
    let mut after_group = None;
    let mut pause = FORGETTING;
    loop {
        sleep(pause).await;
        leading(&mut leads).await;
        let expired = runner.store.job_expire(after.take(), BATCH).await;
        let groups = runner
            .store
            .group_forget(GROUPS_AGE, after_group.take(), BATCH);
        let groups = groups.await;
        let trimmed = runner.store.event_trim(EVENTS, EVENTS_AGE, BATCH).await;
        pause = match (expired, groups, trimmed) {
            (Ok(expired), Ok(forgotten), Ok(events)) => {
                after = expired.next;
                after_group = forgotten.next;
                let found = expired.jobs > 0 || forgotten.groups > 0 || events >= BATCH;
                if found {
                    FORGETTING
                } else {
                    stroll(expired.breadth)
                }
            }
            (Err(error), ..) | (_, Err(error), _) | (_, _, Err(error)) => {
                warn!(runner.log, "cannot delete what is not kept any more"; "error" => outcome::with_causes(&error));
                TIDY
            }
        };
    }
}

/// Between two pages of which nothing is to be deleted: slow, unless the way around would take too long.
fn stroll(breadth: u64) -> Duration {
    let pages = u32::try_from(breadth / BATCH as u64).unwrap_or(u32::MAX);
    (AROUND / pages.max(1)).clamp(FORGETTING, TIDY)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_around_takes_an_hour_at_most_while_that_is_cheap() {
        let cases = [
            (0, TIDY),
            (499, TIDY),
            (180_000, TIDY),
            (1_800_000, Duration::from_secs(1)),
            (u64::MAX, FORGETTING),
        ];
        for (breadth, pause) in cases {
            assert_eq!(stroll(breadth), pause, "{breadth}");
        }
    }
}

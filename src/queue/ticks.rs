//! Owns the chore of schedules: sleeps until the next one is due, then has the store enqueue what its ticks come to.
//! Must not know: when schedules tick (schedule/), or how the store makes a tick happen once.

use std::time::Duration;

use slog::{info, warn};
use tokio::time::sleep;

use super::{
    maintenance::{BATCH, until},
    outcome,
    runner::Runner,
    schedule::plan,
    wait::Wait,
};
use crate::store::{StoreError, Ticked};

/// Wake-ups closer together than this share one look. Most are about jobs: a look must cost next to nothing.
const SPACING: Duration = Duration::from_millis(200);

/// Runs until it is dropped.
pub(super) async fn run(runner: &Runner) {
    let mut wakeups = runner.store.subscribe();
    let mut wait = Wait::default();
    loop {
        let pause = match look(runner).await {
            Ok(pause) => {
                wait = Wait::default();
                pause
            }
            Err(error) => {
                warn!(runner.log, "cannot look for due schedules"; "error" => outcome::with_causes(&error));
                sleep(wait.next()).await;
                continue;
            }
        };
        tokio::select! {
            () = sleep(pause) => {}
            () = wakeups.changed() => sleep(SPACING.min(pause)).await,
        }
    }
}

/// Writes only when a schedule is due. Answers how long nothing is.
async fn look(runner: &Runner) -> Result<Duration, StoreError> {
    let now = runner.clock.now();
    let next = runner.store.schedule_next_due().await?;
    if next.is_none_or(|next| next > now) {
        return Ok(until(next, now));
    }
    let ticked = tick(runner).await?;
    if ticked.refused > 0 {
        warn!(runner.log, "schedules ticked without a job: their history says why";
            "refused" => ticked.refused, "enqueued" => ticked.enqueued);
    } else {
        info!(runner.log, "schedules ticked"; "enqueued" => ticked.enqueued);
    }
    Ok(until(ticked.next_due, runner.clock.now()))
}

/// One write of bounded length.
async fn tick(runner: &Runner) -> Result<Ticked, StoreError> {
    let registry = runner.registry.clone();
    let planner = move |schedule: &_, now| plan(schedule, |name| registry.policy(name), now);
    runner.store.schedule_tick(planner, BATCH).await
}

/// Until none is due by the store's clock.
pub(super) async fn tick_all(runner: &Runner) -> Result<(), StoreError> {
    let due = |next: Option<_>| next.is_some_and(|next| next <= runner.clock.now());
    let mut next = runner.store.schedule_next_due().await?;
    while due(next) {
        next = tick(runner).await?.next_due;
    }
    Ok(())
}

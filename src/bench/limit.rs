//! Owns the workloads as the engine itself would do them, at the least.
//! Must not know: SQL, or our store.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{
    sync::Barrier,
    task::{JoinSet, block_in_place},
};

use super::{
    BenchError,
    ours::{CHUNK, expect, share},
    plan::{BATCH, BULK, Pass},
    table::Undo,
    tasks::time_from_tasks,
};
use crate::store::{
    StoreError,
    bench::{Connection, GroupCommit, Item, Limit, Plain},
};

/// Does `jobs` jobs of a pass from `tasks` tasks, and takes them back. Answers a time for each of its figures.
pub(super) async fn round(
    mut limit: Limit,
    pass: Pass,
    tasks: usize,
    jobs: usize,
    undo: Undo,
) -> Result<(Limit, Vec<Duration>), BenchError> {
    let times = match pass {
        Pass::Enqueue => {
            let (back, time) = enqueue(limit, tasks, jobs).await?;
            limit = back;
            vec![time]
        }
        Pass::Bulk => {
            let began = Instant::now();
            for _ in 0..jobs / BULK {
                limit.bulk(BULK).await?;
            }
            vec![began.elapsed()]
        }
        Pass::ClaimThenSettle => claim_then_settle(&mut limit, jobs, undo).await?,
        Pass::Cycle(batch) => vec![cycle(&mut limit, jobs, batch, undo).await?],
        Pass::Drain(_) => vec![drain(&mut limit, pass, jobs, undo).await?],
    };
    if matches!(pass, Pass::Enqueue | Pass::Bulk) {
        let gone = limit.undo_enqueues(undo.last_id).await?;
        expect("stored", gone, jobs)?;
    }
    Ok((limit, times))
}

/// The same tasks as ours has.
async fn enqueue(limit: Limit, tasks: usize, jobs: usize) -> Result<(Limit, Duration), BenchError> {
    match limit {
        Limit::Sqlite(plain) => {
            let (plain, time) = group_commit(*plain, tasks, jobs).await?;
            Ok((Limit::Sqlite(Box::new(plain)), time))
        }
        Limit::Postgres(all) => {
            let (all, time) = one_by_one(all, jobs).await?;
            Ok((Limit::Postgres(all), time))
        }
    }
}

/// A thread that commits for whoever came meanwhile.
async fn group_commit(
    plain: Plain,
    tasks: usize,
    jobs: usize,
) -> Result<(Plain, Duration), BenchError> {
    let group = GroupCommit::start(plain)?;
    let caller = group.caller();
    let call = move || {
        let caller = caller.clone();
        async move { caller.store(Item::Job).await.map(drop) }
    };
    let time = time_from_tasks(tasks, jobs, call).await;
    // The thread knows better what went wrong than its callers.
    let plain = block_in_place(|| group.stop())?;
    Ok((plain, time?))
}

/// A transaction for each, on a connection for each task.
async fn one_by_one(
    all: Vec<Connection>,
    jobs: usize,
) -> Result<(Vec<Connection>, Duration), BenchError> {
    let taken = Arc::new(AtomicUsize::new(0));
    let start = Arc::new(Barrier::new(all.len() + 1));
    let mut running = JoinSet::new();
    for mut connection in all {
        let (taken, start) = (taken.clone(), start.clone());
        running.spawn(async move {
            start.wait().await;
            while taken.fetch_add(1, Ordering::Relaxed) < jobs {
                connection.enqueue().await?;
            }
            Ok::<_, StoreError>(connection)
        });
    }
    start.wait().await;
    let began = Instant::now();
    let mut all = Vec::new();
    while let Some(ended) = running.join_next().await {
        all.push(ended.map_err(|error| BenchError::Wrong(error.to_string()))??);
    }
    Ok((all, began.elapsed()))
}

async fn claim_then_settle(
    limit: &mut Limit,
    jobs: usize,
    undo: Undo,
) -> Result<Vec<Duration>, BenchError> {
    let began = Instant::now();
    let mut claimed = Vec::with_capacity(jobs);
    while claimed.len() < jobs {
        claimed.extend(claim(limit, BATCH).await?);
    }
    let claim = began.elapsed();
    let began = Instant::now();
    for batch in claimed.chunks(BATCH) {
        expect("settled", limit.settle(batch).await?, batch.len())?;
    }
    let settle = began.elapsed();
    restore(limit, &claimed, undo).await?;
    Ok(vec![claim, settle])
}

async fn cycle(
    limit: &mut Limit,
    jobs: usize,
    batch: usize,
    undo: Undo,
) -> Result<Duration, BenchError> {
    let (time, done) = claim_and_settle(limit, jobs, batch).await?;
    restore(limit, &done, undo).await?;
    Ok(time)
}

/// The same cycle on a table that has as many ready jobs as ours.
async fn drain(
    limit: &mut Limit,
    pass: Pass,
    jobs: usize,
    undo: Undo,
) -> Result<Duration, BenchError> {
    let batch = pass.batch();
    // Whole batches.
    let jobs_of_batches = jobs.div_ceil(batch) * batch;
    let mut missing = jobs_of_batches.saturating_sub(undo.ready);
    while missing > 0 {
        limit.bulk(missing.min(BULK)).await?;
        missing = missing.saturating_sub(BULK);
    }
    limit.checkpoint()?;
    let (time, done) = claim_and_settle(limit, jobs_of_batches, batch).await?;
    restore(limit, &done, undo).await?;
    limit.undo_enqueues(undo.last_id).await?;
    Ok(share(time, jobs, jobs_of_batches))
}

async fn claim_and_settle(
    limit: &mut Limit,
    jobs: usize,
    batch: usize,
) -> Result<(Duration, Vec<(i64, i64)>), BenchError> {
    let began = Instant::now();
    let mut done = Vec::with_capacity(jobs);
    while done.len() < jobs {
        let claimed = claim(limit, batch).await?;
        expect("settled", limit.settle(&claimed).await?, batch)?;
        done.extend(claimed);
    }
    Ok((began.elapsed(), done))
}

async fn claim(limit: &mut Limit, batch: usize) -> Result<Vec<(i64, i64)>, BenchError> {
    let claimed = limit.claim(batch).await?;
    expect("claimed at once", claimed.len(), batch)?;
    Ok(claimed)
}

async fn restore(limit: &mut Limit, done: &[(i64, i64)], undo: Undo) -> Result<(), StoreError> {
    let ids = undo.of_the_filling(done.iter().map(|(id, _)| *id));
    for ids in ids.chunks(CHUNK) {
        limit.undo_runs(ids, undo.later).await?;
    }
    Ok(())
}

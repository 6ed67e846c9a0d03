//! Owns the workloads as the engine itself would do them, at the least.
//! Must not know: SQL, or our store.

use std::time::{Duration, Instant};

use tokio::task::block_in_place;

use super::{
    BenchError,
    ours::expect,
    plan::{BATCH, Pass, TASKS},
    table::Undo,
    tasks::time_from_tasks,
};
use crate::store::{
    StoreError,
    bench::{GroupCommit, Lease, Limit},
};

/// Does `jobs` jobs of a pass, and takes them back. Answers a time for each of its figures.
pub(super) async fn round(
    mut limit: Limit,
    pass: Pass,
    jobs: usize,
    undo: Undo,
) -> Result<(Limit, Vec<Duration>), BenchError> {
    if pass == Pass::Enqueue {
        let (mut limit, time) = enqueue(limit, jobs).await?;
        let gone = block_in_place(|| limit.undo_enqueues(undo.last_id))?;
        expect("stored", gone, jobs)?;
        return Ok((limit, vec![time]));
    }
    let times = block_in_place(|| match pass {
        Pass::Cycle(batch) => cycle(&mut limit, jobs, batch, undo),
        _ => claim_then_settle(&mut limit, jobs, undo),
    })?;
    Ok((limit, times))
}

/// The same tasks as ours has, and a thread that commits for whoever came meanwhile.
async fn enqueue(limit: Limit, jobs: usize) -> Result<(Limit, Duration), BenchError> {
    let group = GroupCommit::start(limit)?;
    let caller = group.caller();
    let call = move || {
        let caller = caller.clone();
        async move { caller.enqueue().await }
    };
    let time = time_from_tasks(TASKS, jobs, call).await;
    // The thread knows better what went wrong than its callers.
    let limit = block_in_place(|| group.stop())?;
    Ok((limit, time?))
}

fn claim_then_settle(
    limit: &mut Limit,
    jobs: usize,
    undo: Undo,
) -> Result<Vec<Duration>, BenchError> {
    let began = Instant::now();
    let mut claimed = Vec::with_capacity(jobs);
    while claimed.len() < jobs {
        claimed.extend(claim(limit, BATCH)?);
    }
    let claim = began.elapsed();
    let began = Instant::now();
    for batch in claimed.chunks(BATCH) {
        expect("settled", limit.settle(batch)?, batch.len())?;
    }
    let settle = began.elapsed();
    restore(limit, &claimed, undo)?;
    Ok(vec![claim, settle])
}

fn cycle(
    limit: &mut Limit,
    jobs: usize,
    batch: usize,
    undo: Undo,
) -> Result<Vec<Duration>, BenchError> {
    let began = Instant::now();
    let mut done = Vec::with_capacity(jobs);
    while done.len() < jobs {
        let claimed = claim(limit, batch)?;
        expect("settled", limit.settle(&claimed)?, batch)?;
        done.extend(claimed);
    }
    let time = began.elapsed();
    restore(limit, &done, undo)?;
    Ok(vec![time])
}

fn claim(limit: &mut Limit, batch: usize) -> Result<Vec<(i64, i64)>, BenchError> {
    let claimed = limit.claim(batch)?;
    expect("claimed at once", claimed.len(), batch)?;
    let lease = |lease: &Lease| (lease.id, lease.token);
    Ok(claimed.iter().map(lease).collect())
}

fn restore(limit: &mut Limit, done: &[(i64, i64)], undo: Undo) -> Result<(), StoreError> {
    let ids: Vec<i64> = done.iter().map(|(id, _)| *id).collect();
    limit.undo_runs(&ids, undo.later)
}

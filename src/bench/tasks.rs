//! Owns calls from many tasks at once.
//! Must not know: what is called.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::task::JoinSet;

use super::BenchError;
use crate::store::StoreError;

/// How long `jobs` calls take from `tasks` tasks, each of which waits for one before it makes the next.
pub(super) async fn time_from_tasks<C, F>(
    tasks: usize,
    jobs: usize,
    call: C,
) -> Result<Duration, BenchError>
where
    C: Fn() -> F + Clone + Send + 'static,
    F: Future<Output = Result<(), StoreError>> + Send + 'static,
{
    let taken = Arc::new(AtomicUsize::new(0));
    let began = Instant::now();
    let mut running = JoinSet::new();
    for _ in 0..tasks {
        let (taken, call) = (taken.clone(), call.clone());
        running.spawn(async move {
            while taken.fetch_add(1, Ordering::Relaxed) < jobs {
                call().await?;
            }
            Ok::<_, StoreError>(())
        });
    }
    while let Some(ended) = running.join_next().await {
        ended.map_err(|error| BenchError::Wrong(error.to_string()))??;
    }
    Ok(began.elapsed())
}

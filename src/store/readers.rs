//! Owns the reading connections of an engine: a few, opened when they are first needed, lent with a deadline; and, where
//! reads are short, one for each thread that reads.
//! Must not know: what is read, or from which engine.

use std::{
    pin::pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use crossbeam_utils::CachePadded;
use thread_local::ThreadLocal;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task,
    time::{timeout, timeout_at},
};

use super::{StoreError, error::NOBODY};

const DEADLINE: Duration = Duration::from_secs(3);
/// How long a read waits for a server that is away.
const PATIENCE: Duration = Duration::from_secs(5);
/// Between two tries to connect.
const PAUSE: Duration = Duration::from_millis(100);

/// A thread's own connection, beside those that are lent: whoever lends one to another thread has its processor fetch a
/// hundred lines of memory from the other's caches, which takes longer than a short read. Nobody else locks it.
type Own<C> = CachePadded<Mutex<Option<C>>>;
type Open<C> = dyn Fn() -> Result<C, StoreError> + Send + Sync;

/// Cheap to clone.
pub(super) struct Readers<C: Send> {
    open: Arc<Open<C>>,
    free: Arc<Semaphore>,
    idle: Arc<Mutex<Vec<C>>>,
    own: Arc<ThreadLocal<Own<C>>>,
    /// Nobody was there when a connection was last asked for.
    away: Arc<AtomicBool>,
}

impl<C: Send> Clone for Readers<C> {
    fn clone(&self) -> Self {
        Self {
            open: Arc::clone(&self.open),
            free: Arc::clone(&self.free),
            idle: Arc::clone(&self.idle),
            own: Arc::clone(&self.own),
            away: Arc::clone(&self.away),
        }
    }
}

impl<C: Send + 'static> Readers<C> {
    /// Lends at most `connections` at the same time. Beside them, each of the threads that call `read_here` keeps one.
    pub(super) fn new(
        connections: usize,
        open: impl Fn() -> Result<C, StoreError> + Send + Sync + 'static,
    ) -> Self {
        Self {
            open: Arc::new(open),
            free: Arc::new(Semaphore::new(connections)),
            idle: Arc::default(),
            own: Arc::default(),
            away: Arc::default(),
        }
    }

    /// Runs `query` on a blocking thread with a connection of its own; again, where the server was away meanwhile.
    pub(super) async fn read<F, T>(&self, query: F) -> Result<T, StoreError>
    where
        F: Fn(&mut C) -> Result<T, StoreError> + Send + 'static,
        T: Send + 'static,
    {
        // In a box: whoever holds this is smaller without it, and who reads by `read_here` seldom needs it.
        Box::pin(self.within(PATIENCE, query)).await
    }

    /// The same, for whoever wants to know whether the server is there now.
    pub(super) async fn read_now<F, T>(&self, query: F) -> Result<T, StoreError>
    where
        F: Fn(&mut C) -> Result<T, StoreError> + Send + 'static,
        T: Send + 'static,
    {
        self.within(Duration::ZERO, query).await
    }

    async fn within<F, T>(&self, patience: Duration, query: F) -> Result<T, StoreError>
    where
        F: Fn(&mut C) -> Result<T, StoreError> + Send + 'static,
        T: Send + 'static,
    {
        let deadline = Instant::now() + patience;
        let permit = self.permit(deadline).await?;
        let readers = self.clone();
        let answer = task::spawn_blocking(move || {
            // The permit lives as long as the query, also when the caller has gone away.
            let _permit = permit;
            readers.ask(deadline, query)
        });
        answer
            .await
            .map_err(|error| StoreError::Internal(Box::new(error)))?
    }

    /// Those who have one keep it while they wait for the server: so does everybody else.
    async fn permit(&self, deadline: Instant) -> Result<OwnedSemaphorePermit, StoreError> {
        let mut free = pin!(Arc::clone(&self.free).acquire_owned());
        let mut permit = timeout(DEADLINE, &mut free).await;
        if permit.is_err() && self.away.load(Ordering::Relaxed) {
            permit = timeout_at(deadline.into(), free).await;
        }
        match permit {
            Ok(Ok(permit)) => Ok(permit),
            _ if self.away.load(Ordering::Relaxed) => Err(StoreError::unavailable(NOBODY)),
            _ => Err(StoreError::unavailable("too many reads are waiting")),
        }
    }

    /// Asks until somebody answers, or says more than that nobody is there.
    fn ask<T>(
        &self,
        deadline: Instant,
        query: impl Fn(&mut C) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        loop {
            let idle = lock(&self.idle).pop();
            let used = idle.is_some();
            let answer = idle.map_or_else(|| (self.open)(), Ok).and_then(|mut conn| {
                let answer = query(&mut conn);
                // One whose server is gone is of no use to the next.
                if !matches!(&answer, Err(error) if error.retryable()) {
                    lock(&self.idle).push(conn);
                }
                answer
            });
            match answer {
                Err(error) if error.is_away() => {
                    // The others were made before, too.
                    self.close_idle();
                    if used {
                        continue;
                    }
                    self.away.store(true, Ordering::Relaxed);
                    if Instant::now() >= deadline {
                        return Err(error);
                    }
                    thread::sleep(PAUSE);
                }
                answer => {
                    self.away.store(false, Ordering::Relaxed);
                    return answer;
                }
            }
        }
    }

    /// Runs a query that takes microseconds on the calling thread, by a connection of that thread's: a blocking thread costs
    /// more than it. For engines whose readers wait for nobody.
    pub(super) async fn read_here<F, T>(&self, query: F) -> Result<T, StoreError>
    where
        F: Fn(&mut C) -> Result<T, StoreError> + Send + 'static,
        T: Send + 'static,
    {
        match self.of_this_thread(&query) {
            Some(answer) => answer,
            None => self.read(query).await,
        }
    }

    /// Nothing, where this thread has no connection yet and none is idle: the next time, one is.
    fn of_this_thread<T>(
        &self,
        query: impl Fn(&mut C) -> Result<T, StoreError>,
    ) -> Option<Result<T, StoreError>> {
        let mut own = lock(self.own.get_or_default());
        // Out of its place: one in which a query panicked is not used again.
        let mut conn = own.take().or_else(|| lock(&self.idle).pop())?;
        let answer = query(&mut conn);
        if !matches!(&answer, Err(error) if error.retryable()) {
            *own = Some(conn);
        }
        Some(answer)
    }

    /// Closes those that nobody reads from.
    pub(super) fn close_idle(&self) {
        lock(&self.idle).clear();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::{
        panic::{AssertUnwindSafe, catch_unwind},
        sync::atomic::AtomicUsize,
    };

    use super::*;

    /// Connections that say how many there are.
    struct Counted(Arc<AtomicUsize>);

    impl Counted {
        fn open(all: &Arc<AtomicUsize>) -> Self {
            all.fetch_add(1, Ordering::Relaxed);
            Self(Arc::clone(all))
        }
    }

    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.fetch_sub(1, Ordering::Relaxed);
        }
    }

    fn readers() -> (Readers<Counted>, Arc<AtomicUsize>) {
        let all = Arc::new(AtomicUsize::new(0));
        let opened = Arc::clone(&all);
        (Readers::new(2, move || Ok(Counted::open(&opened))), all)
    }

    #[tokio::test]
    async fn a_thread_keeps_its_connection_and_all_go_with_the_readers() {
        let (readers, all) = readers();
        for _ in 0..10 {
            readers.read_here(|_| Ok(())).await.unwrap();
        }
        assert_eq!(all.load(Ordering::Relaxed), 1);
        assert!(lock(&readers.idle).is_empty(), "it is nobody else's");
        readers.read(|_| Ok(())).await.unwrap();
        assert_eq!(all.load(Ordering::Relaxed), 2);
        drop(readers);
        assert_eq!(all.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn one_that_failed_for_the_moment_or_whose_query_panicked_is_not_used_again() {
        let (readers, all) = readers();
        let ok = || readers.read_here(|_| Ok(()));
        ok().await.unwrap();
        ok().await.unwrap();
        let failed = readers.of_this_thread(|_| Err::<(), _>(StoreError::unavailable("busy")));
        assert!(matches!(failed, Some(Err(_))));
        assert_eq!(all.load(Ordering::Relaxed), 0);
        ok().await.unwrap();
        ok().await.unwrap();
        let panics = AssertUnwindSafe(|| readers.of_this_thread::<()>(|_| panic!("on purpose")));
        assert!(catch_unwind(panics).is_err());
        assert_eq!(all.load(Ordering::Relaxed), 0);
        ok().await.unwrap();
        let refused = readers.of_this_thread(|_| Err::<(), _>(StoreError::internal("no such row")));
        assert!(matches!(refused, Some(Err(_))));
        assert_eq!(all.load(Ordering::Relaxed), 1, "nothing is wrong with it");
    }
}

//! Owns a writing thread's end of its queue: how much of what comes shares a commit (docs/decisions/0003).
//! Must not know: what the units do, or how they are committed.

use std::{
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use tokio::sync::mpsc;

use super::unit::Unit;

/// Units in one commit at most: bounds the wait of the first one.
pub(in crate::store) const BATCH: usize = 512;
/// How long callers that were just answered are expected back at most. Much less than a commit takes.
const EXPECTED: Duration = Duration::from_micros(300);
/// How long after one that came the next is waited for: callers in this process come every few µs, those over HTTP seldom
/// sooner than this, and are not waited for.
const QUIET: Duration = Duration::from_micros(40);

/// Where a writing thread takes from. Several threads may have one of the same queue.
#[derive(Clone)]
pub(in crate::store) struct Waiting {
    queue: Arc<Mutex<mpsc::Receiver<Box<dyn Unit>>>>,
    /// How many units this thread took last.
    last: usize,
}

impl Waiting {
    pub(super) fn new(queue: mpsc::Receiver<Box<dyn Unit>>) -> Self {
        let queue = Arc::new(Mutex::new(queue));
        Self { queue, last: 0 }
    }

    /// All that waits, once there is something. False, when nothing will come any more.
    ///
    /// To be called when the last batch has been answered. Without waiting for those callers, the first of them that comes
    /// back would have a commit of its own, and all others would wait for that.
    pub(in crate::store) fn take(&mut self, batch: &mut Vec<Box<dyn Unit>>) -> bool {
        let answered = Instant::now();
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.blocking_recv_many(batch, BATCH);
        let mut back = Back::new(self.last, answered, batch.len(), Instant::now());
        while back.more(batch.len() + queue.len(), Instant::now()) {
            thread::yield_now();
        }
        while batch.len() < BATCH
            && let Ok(unit) = queue.try_recv()
        {
            batch.push(unit);
        }
        self.last = batch.len();
        !batch.is_empty()
    }
}

/// Whether callers come back that were just answered.
struct Back {
    /// So many were answered.
    expected: usize,
    until: Instant,
    here: usize,
    /// When the last one came.
    came: Instant,
}

impl Back {
    fn new(expected: usize, answered: Instant, here: usize, now: Instant) -> Self {
        Self {
            expected,
            until: answered + EXPECTED,
            here,
            came: now,
        }
    }

    /// Whether it is worth it to wait for more than are here.
    fn more(&mut self, here: usize, now: Instant) -> bool {
        if here > self.here {
            (self.here, self.came) = (here, now);
        }
        self.here < self.expected && now < self.until && now < self.came + QUIET
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::StoreError;

    struct Nothing;

    impl Unit for Nothing {
        fn run(&mut self, _tx: &mut super::super::tx::Tx<'_>) -> bool {
            true
        }

        fn failure(&self) -> Option<&StoreError> {
            None
        }

        fn answer(self: Box<Self>, _failure: Option<&super::super::unit::Failure>) {}
    }

    fn micros(count: u64) -> Duration {
        Duration::from_micros(count)
    }

    #[test]
    fn those_who_were_answered_are_waited_for_while_they_come() {
        let now = Instant::now();
        let mut back = Back::new(9, now, 1, now);
        assert!(back.more(1, now + micros(39)), "one may follow at once");
        assert!(back.more(2, now + micros(39)));
        assert!(back.more(2, now + micros(78)));
        assert!(!back.more(2, now + micros(79)), "nobody follows");
        assert!(back.more(3, now + micros(79)), "one has come after all");
        assert!(!back.more(9, now + micros(79)), "all are back");
    }

    #[test]
    fn nobody_is_waited_for_for_ever() {
        let now = Instant::now();
        let mut back = Back::new(usize::MAX, now, 1, now);
        let mut come = 1;
        let waited = (0..).take_while(|at| {
            come += 1;
            back.more(come, now + micros(*at))
        });
        assert_eq!(waited.count(), 300);
    }

    #[test]
    fn a_lone_caller_waits_for_nobody() {
        let now = Instant::now();
        for last in [0, 1] {
            assert!(!Back::new(last, now, 1, now).more(1, now));
        }
        // Nor does one that comes when the others have had their time.
        let late = now + micros(300);
        assert!(!Back::new(9, now, 1, late).more(1, late));
    }

    #[test]
    fn threads_of_one_queue_take_each_unit_once_and_no_more_than_a_batch() {
        let (queue, waiting) = mpsc::channel::<Box<dyn Unit>>(9_999);
        let mut waiting = Waiting::new(waiting);
        for _ in 0..BATCH + 3 {
            assert!(queue.try_send(Box::new(Nothing)).is_ok());
        }
        let mut batch = Vec::new();
        assert!(waiting.take(&mut batch));
        assert_eq!(batch.len(), BATCH);
        let threads: Vec<_> = [0; 2]
            .map(|_| {
                let mut waiting = waiting.clone();
                thread::spawn(move || {
                    let (mut taken, mut batch) = (0, Vec::new());
                    while waiting.take(&mut batch) {
                        taken += batch.drain(..).len();
                    }
                    taken
                })
            })
            .into();
        for _ in 0..1_000 {
            assert!(queue.try_send(Box::new(Nothing)).is_ok());
        }
        drop((queue, waiting));
        let taken: usize = threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum();
        assert_eq!(taken, 1_003);
    }
}

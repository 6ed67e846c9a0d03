//! Owns a writing thread's end of its queue: how much of what comes shares a commit (docs/decisions/0003).
//! Must not know: what the units do, or how they are committed.

use std::{
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Waker},
    thread,
    time::{Duration, Instant},
};

use tokio::sync::mpsc;

use super::unit::{BATCH, Unit};

/// How long callers that were just answered are expected back: so much of the time that their commit took, and no longer.
const SHARE: u32 = 4;
const LONGEST: Duration = Duration::from_micros(300);
/// How long after one that came the next is waited for. Callers in this process come every few µs, those over HTTP every 20 to
/// 50: few of them are waited for.
const QUIET: Duration = Duration::from_micros(40);

/// Where a writing thread takes from. Several threads may have one of the same queue.
pub(in crate::store) struct Waiting {
    queue: Arc<Mutex<mpsc::Receiver<Box<dyn Unit>>>>,
    /// How many callers this thread took last, and when.
    last: (usize, Instant),
}

impl Waiting {
    pub(super) fn new(queue: mpsc::Receiver<Box<dyn Unit>>) -> Self {
        Self::of(Arc::new(Mutex::new(queue)))
    }

    fn of(queue: Arc<Mutex<mpsc::Receiver<Box<dyn Unit>>>>) -> Self {
        let last = (0, Instant::now());
        Self { queue, last }
    }

    /// For another thread.
    #[allow(dead_code, reason = "SQLite has one writer")]
    pub(in crate::store) fn shared(&self) -> Self {
        Self::of(Arc::clone(&self.queue))
    }

    /// All that waits, once there is something. False, when nothing will come any more.
    ///
    /// To be called when the last batch has been answered. Without waiting for those callers, the first of them that comes
    /// back would have a commit of its own, and all others would wait for that.
    pub(in crate::store) fn take(&mut self, batch: &mut Vec<Box<dyn Unit>>) -> bool {
        let answered = Instant::now();
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if queue.blocking_recv_many(batch, BATCH) == 0 {
            return false;
        }
        let mut back = Back::new(self.last, answered, batch.len(), Instant::now());
        while back.more(batch.len() + queue.len(), Instant::now()) {
            thread::yield_now();
        }
        let here = &mut Context::from_waker(Waker::noop());
        let _ = queue.poll_recv_many(here, batch, BATCH - batch.len());
        // Nobody comes back for a nudge, or for what stands.
        let callers = batch.iter().filter(|unit| !unit.is_standing());
        self.last = (callers.count(), Instant::now());
        true
    }
}

/// Whether callers come back that were just answered.
struct Back {
    expected: usize,
    until: Instant,
    here: usize,
    /// When the last one came.
    came: Instant,
}

impl Back {
    /// `callers` were taken at `taken` and answered at `answered`.
    fn new(
        (callers, taken): (usize, Instant),
        answered: Instant,
        here: usize,
        now: Instant,
    ) -> Self {
        let share = answered.saturating_duration_since(taken) / SHARE;
        Self {
            expected: callers,
            until: answered + share.min(LONGEST),
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
    use futures::FutureExt;

    use super::{
        super::{
            standing::Nudge,
            tx::Tx,
            unit::{Failure, Units},
        },
        *,
    };
    use crate::store::StoreError;

    struct Nothing;

    impl Unit for Nothing {
        fn run(&mut self, _tx: &mut Tx<'_>) -> bool {
            true
        }

        fn failure(&self) -> Option<&StoreError> {
            None
        }

        fn answer(self: Box<Self>, _failure: Option<&Failure>) {}
    }

    fn micros(count: u64) -> Duration {
        Duration::from_micros(count)
    }

    /// Of so many callers, whose commit took longer than it is waited for.
    fn back(callers: usize) -> (Back, Instant) {
        let taken = Instant::now();
        let answered = taken + LONGEST * SHARE;
        (Back::new((callers, taken), answered, 1, answered), answered)
    }

    #[test]
    fn those_who_were_answered_are_waited_for_while_they_come() {
        let (mut back, now) = back(9);
        assert!(back.more(1, now + micros(39)), "one may follow at once");
        assert!(back.more(2, now + micros(39)));
        assert!(back.more(2, now + micros(78)));
        assert!(!back.more(2, now + micros(79)), "nobody follows");
        assert!(back.more(3, now + micros(79)), "one has come after all");
        assert!(!back.more(9, now + micros(79)), "all are back");
    }

    #[test]
    fn nobody_is_waited_for_longer_than_a_part_of_a_commit() {
        let taken = Instant::now();
        for (commit, longest) in [(10_000, 300), (1_200, 300), (400, 100), (0, 0)] {
            let now = taken + micros(commit);
            let mut back = Back::new((usize::MAX, taken), now, 1, now);
            let mut come = 1;
            let waited = (0..).take_while(|at| {
                come += 1;
                back.more(come, now + micros(*at))
            });
            assert_eq!(waited.count(), longest);
        }
    }

    #[test]
    fn a_lone_caller_waits_for_nobody() {
        for callers in [0, 1] {
            let (mut back, now) = back(callers);
            assert!(!back.more(1, now));
        }
        // Nor does one that comes when the others have had their time.
        let (mut back, now) = back(9);
        assert!(!back.more(1, now + LONGEST));
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
        assert_eq!((batch.len(), waiting.last.0), (BATCH, BATCH));
        let threads = [0; 2].map(|_| {
            let mut waiting = waiting.shared();
            thread::spawn(move || {
                let (mut taken, mut batch) = (0, Vec::new());
                while waiting.take(&mut batch) {
                    assert!(batch.len() <= BATCH);
                    taken += batch.drain(..).len();
                }
                taken
            })
        });
        for _ in 0..1_000 {
            assert!(queue.try_send(Box::new(Nothing)).is_ok());
        }
        drop((queue, waiting));
        let taken = threads.map(|thread| thread.join().unwrap());
        assert_eq!(taken.into_iter().sum::<usize>(), 1_003);
    }

    /// They would be waited for in vain.
    #[test]
    fn a_nudge_is_no_caller() {
        let (units, mut waiting) = Units::new();
        let nudged = units.nudge(Nudge::LookAgain);
        assert!(nudged.now_or_never().unwrap().is_ok());
        let mut batch = Vec::new();
        assert!(waiting.take(&mut batch));
        assert_eq!((batch.len(), waiting.last.0), (1, 0));
    }
}

//! Owns when this process tells others that there may be something to claim, due or to be stopped, and how they know whom a hint
//! comes from.
//! Must not know: connections.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::Notify;

/// The channel of all processes on one database.
pub(super) const CHANNEL: &str = "lockstep";
/// Between two hints to others: what comes meanwhile goes with the next.
const SETTLING: Duration = Duration::from_millis(2);

/// The hints of one process.
#[derive(Debug)]
pub(super) struct Hints {
    /// Names this process.
    sender: String,
    /// The command that tells the others.
    tell: String,
    /// Somebody has something to tell.
    waiting: Notify,
    /// When others may be told again.
    next: Mutex<Instant>,
}

impl Hints {
    pub(super) fn new() -> Self {
        let sender = format!("{:016x}", rand::random::<u64>());
        Self {
            tell: format!("NOTIFY {CHANNEL}, '{sender}'"),
            sender,
            waiting: Notify::new(),
            next: Mutex::new(Instant::now()),
        }
    }

    /// Others are to be told soon. Does not block.
    pub(super) fn soon(&self) {
        self.waiting.notify_one();
    }

    /// Waits until there is something to tell; answers from when on it may be told.
    pub(super) async fn due(&self) -> Instant {
        self.waiting.notified().await;
        *self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The command. From now on, others are told for some time.
    pub(super) fn tell(&self) -> &str {
        *self.next.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now() + SETTLING;
        &self.tell
    }

    /// Whether others were not told just now, so that a transaction had better take a hint along: the command, and from whom.
    pub(super) fn to_go_along(&self) -> Option<(&str, &str)> {
        let next = *self.next.lock().unwrap_or_else(PoisonError::into_inner);
        (Instant::now() >= next).then(|| (self.tell(), self.sender.as_str()))
    }

    /// Whether a hint is one of this process's own: it knows already what it tells others.
    pub(super) fn is_own(&self, payload: &str) -> bool {
        payload == self.sender
    }
}

//! Owns telling those who wait that jobs may be claimable, due or to be stopped: at once within the process, by a
//! datagram between processes on one file. Hints only: a slow poll stands behind them (sqlite/background.rs).
//! Must not know: what was committed.

mod socket;
#[cfg(test)]
mod tests;

use std::{
    path::Path,
    sync::{Arc, Mutex, Once, OnceLock, PoisonError, Weak},
    time::Duration,
};

use slog::{Logger, warn};
use tokio::{
    sync::{Notify, watch},
    time::{Instant, sleep_until},
};

use socket::{Folder, Inbox, Peers};

/// Between two tellings of a change: whoever waits asks the database at most that often.
const SETTLING: Duration = Duration::from_millis(20);

/// Cheap to clone.
#[derive(Clone)]
pub(in crate::store) struct Wake(Arc<Shared>);

struct Shared {
    others: Others,
    changes: watch::Sender<u64>,
    /// Somebody has begun to wait for changes.
    subscribed: Notify,
    /// Every commit that moved jobs, whether or not there is anything to claim.
    transitions: watch::Sender<u64>,
    /// Has the claims asked again that wait with the store.
    nudge: OnceLock<Box<dyn Fn() + Send + Sync>>,
    warned: Once,
    log: Logger,
}

/// How other processes are told.
enum Others {
    /// By datagrams, on this machine.
    Sockets {
        folder: Folder,
        peers: Mutex<Peers>,
        /// Bound while anybody in this process subscribes.
        inbox: Mutex<Weak<Inbox>>,
    },
    /// By the engine itself.
    Engine(Box<dyn Fn() + Send + Sync>),
}

impl Wake {
    /// `database` names the file; nothing is opened yet.
    pub(in crate::store) fn new(database: &Path, log: &Logger) -> Self {
        let folder = Folder::of(database);
        let others = Others::Sockets {
            peers: Mutex::new(Peers::new(folder.clone())),
            folder,
            inbox: Mutex::default(),
        };
        Self::with(others, log)
    }

    /// One whose engine has a way of its own to other processes: `tell` must not block.
    pub(in crate::store) fn telling(tell: impl Fn() + Send + Sync + 'static, log: &Logger) -> Self {
        Self::with(Others::Engine(Box::new(tell)), log)
    }

    fn with(others: Others, log: &Logger) -> Self {
        Self(Arc::new(Shared {
            others,
            changes: watch::Sender::new(0),
            subscribed: Notify::new(),
            transitions: watch::Sender::new(0),
            nudge: OnceLock::new(),
            warned: Once::new(),
            log: log.clone(),
        }))
    }

    /// How claims that wait with the store are asked again: `nudge` must not block.
    pub(in crate::store) fn nudges(&self, nudge: impl Fn() + Send + Sync + 'static) {
        // It is said once, by whoever opens the store.
        let _ = self.0.nudge.set(Box::new(nudge));
    }

    pub(in crate::store) fn nudge(&self) {
        if let Some(nudge) = self.0.nudge.get() {
            nudge();
        }
    }

    /// After a commit: wakes this process and the others. Whose commit it is knows whether claims must be asked again.
    pub(in crate::store) fn committed(&self) {
        self.told();
        match &self.0.others {
            Others::Sockets { peers, inbox, .. } => {
                let own = lock(inbox).upgrade();
                lock(peers).notify(own.as_deref().map(Inbox::path));
            }
            Others::Engine(tell) => tell(),
        }
    }

    /// Somebody else has committed something, perhaps.
    pub(in crate::store) fn hint(&self) {
        self.nudge();
        self.told();
    }

    /// Wakes this process.
    pub(in crate::store) fn told(&self) {
        self.0
            .changes
            .send_modify(|changes| *changes = changes.wrapping_add(1));
    }

    /// After a commit that moved jobs, of this process or perhaps of another.
    pub(in crate::store) fn moved(&self) {
        if self.is_watched() {
            self.0
                .transitions
                .send_modify(|moves| *moves = moves.wrapping_add(1));
        }
    }

    /// Whether anybody waits for what happens to jobs.
    pub(in crate::store) fn is_watched(&self) -> bool {
        self.0.transitions.receiver_count() > 0
    }

    /// From now on, every commit that moves jobs is seen by [`Changes::changed`].
    pub(in crate::store) fn watch(&self) -> Changes {
        Changes {
            moves: self.0.transitions.subscribe(),
            last: None,
            seen: false,
        }
    }

    /// From now on, every change is seen by [`Wakeups::changed`].
    pub(in crate::store) fn subscribe(&self) -> Wakeups {
        let bound = match &self.0.others {
            Others::Engine(_) => None,
            Others::Sockets { folder, inbox, .. } => {
                let mut inbox = lock(inbox);
                let bound = inbox.upgrade().or_else(|| self.bind(folder).map(Arc::new));
                *inbox = bound.as_ref().map_or_else(Weak::new, Arc::downgrade);
                bound
            }
        };
        let changes = self.0.changes.subscribe();
        self.0.subscribed.notify_one();
        Wakeups {
            changes,
            _inbox: bound,
        }
    }

    /// Returns when anybody waits for changes. For one caller at a time.
    pub(in crate::store) async fn subscribed(&self) {
        while self.0.changes.receiver_count() == 0 {
            self.0.subscribed.notified().await;
        }
    }

    /// Returns when nobody waits for changes.
    pub(in crate::store) async fn deserted(&self) {
        self.0.changes.closed().await;
    }

    fn bind(&self, folder: &Folder) -> Option<Inbox> {
        let wake = self.clone();
        match Inbox::bind(folder, move || wake.hint()) {
            Ok(inbox) => Some(inbox),
            Err(error) => {
                self.0.warned.call_once(|| {
                    warn!(self.0.log, "other processes cannot wake this one at once; it looks every second";
                        "error" => %error);
                });
                None
            }
        }
    }
}

/// Waits for changes.
pub struct Wakeups {
    changes: watch::Receiver<u64>,
    /// Keeps the socket bound.
    _inbox: Option<Arc<Inbox>>,
}

impl std::fmt::Debug for Wakeups {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wakeups").finish_non_exhaustive()
    }
}

impl Wakeups {
    /// Returns when something changed since the last call (the first: since the subscription). Nothing is lost while
    /// nobody waits: query after subscribing, then wait. Cancel-safe. Waits for ever once the store is closed.
    pub async fn changed(&mut self) {
        if self.changes.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// What changed until now needs no look any more: one that sees it is on its way.
    pub fn seen(&mut self) {
        self.changes.mark_unchanged();
    }
}

/// Waits for commits that moved jobs.
#[derive(Debug)]
pub struct Changes {
    moves: watch::Receiver<u64>,
    last: Option<Instant>,
    /// Seen, and not told yet.
    seen: bool,
}

impl Changes {
    /// Returns when jobs may have moved since the last call (the first: since the subscription), but not more often than
    /// every 20 ms: query after subscribing, then wait. Cancel-safe. Waits for ever once the store is closed.
    pub async fn changed(&mut self) {
        if !self.seen && self.moves.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
        self.seen = true;
        if let Some(last) = self.last {
            sleep_until(last + SETTLING).await;
        }
        // What came meanwhile is told with it.
        self.moves.mark_unchanged();
        self.seen = false;
        self.last = Some(Instant::now());
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

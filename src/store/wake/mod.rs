//! Owns telling those who wait that jobs may be claimable, due or to be stopped: at once within the process, by a
//! datagram between processes on one file. Hints only: a slow poll stands behind them (sqlite/background.rs).
//! Must not know: what was committed.

mod socket;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, Weak},
};

use slog::{Logger, warn};
use tokio::sync::watch;

use socket::{Inbox, Peers};

/// Cheap to clone.
#[derive(Clone)]
pub(in crate::store) struct Wake(Arc<Shared>);

struct Shared {
    folder: PathBuf,
    changes: watch::Sender<u64>,
    peers: Mutex<Peers>,
    /// Bound while anybody in this process subscribes.
    inbox: Mutex<Weak<Inbox>>,
    log: Logger,
}

impl Wake {
    /// `database` names the file; nothing is opened yet.
    pub(in crate::store) fn new(database: &Path, log: &Logger) -> Self {
        let folder = socket::folder(database);
        Self(Arc::new(Shared {
            peers: Mutex::new(Peers::new(folder.clone())),
            folder,
            changes: watch::Sender::new(0),
            inbox: Mutex::default(),
            log: log.clone(),
        }))
    }

    /// After a commit: wakes this process and the others.
    pub(in crate::store) fn committed(&self) {
        self.hint();
        let own = lock(&self.0.inbox).upgrade();
        lock(&self.0.peers).notify(own.as_deref().map(Inbox::path));
    }

    /// Wakes this process.
    pub(in crate::store) fn hint(&self) {
        self.0
            .changes
            .send_modify(|changes| *changes = changes.wrapping_add(1));
    }

    /// From now on, every change is seen by [`Wakeups::changed`].
    pub(in crate::store) fn subscribe(&self) -> Wakeups {
        let mut inbox = lock(&self.0.inbox);
        let bound = inbox.upgrade().or_else(|| self.bind().map(Arc::new));
        *inbox = bound.as_ref().map_or_else(Weak::new, Arc::downgrade);
        Wakeups {
            changes: self.0.changes.subscribe(),
            _inbox: bound,
        }
    }

    fn bind(&self) -> Option<Inbox> {
        let changes = self.0.changes.clone();
        let woken = move || changes.send_modify(|changes| *changes = changes.wrapping_add(1));
        match Inbox::bind(&self.0.folder, woken) {
            Ok(inbox) => Some(inbox),
            Err(error) => {
                warn!(self.0.log, "other processes cannot wake this one at once; it looks every second";
                    "error" => %error);
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
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wake(database: &Path) -> Wake {
        Wake::new(database, &Logger::root(slog::Discard, slog::o!()))
    }

    #[tokio::test]
    async fn a_commit_before_the_wait_is_not_lost() {
        let folder = tempfile::tempdir().unwrap();
        let wake = wake(&folder.path().join("users.db"));
        let mut wakeups = wake.subscribe();
        wake.committed();
        wakeups.changed().await;
    }

    #[tokio::test]
    async fn another_process_is_woken_and_cleans_up_after_itself() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("users.db");
        let (here, there) = (wake(&database), wake(&database));
        let mut wakeups = there.subscribe();
        here.committed();
        wakeups.changed().await;
        drop(wakeups);
        assert_eq!(
            std::fs::read_dir(socket::folder(&database))
                .unwrap()
                .count(),
            0
        );
    }

    #[tokio::test]
    async fn a_killed_process_leaves_a_socket_that_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("users.db");
        let sockets = socket::folder(&database);
        std::fs::create_dir(&sockets).unwrap();
        drop(std::os::unix::net::UnixDatagram::bind(sockets.join("1-dead.sock")).unwrap());
        wake(&database).committed();
        assert_eq!(std::fs::read_dir(sockets).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn files_of_somebody_else_are_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("users.db");
        let sockets = socket::folder(&database);
        std::fs::create_dir(&sockets).unwrap();
        std::fs::write(sockets.join("notes.txt"), "mine").unwrap();
        wake(&database).committed();
        assert!(sockets.join("notes.txt").exists());
    }

    #[tokio::test]
    async fn a_path_too_long_for_a_socket_works() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("d".repeat(150));
        std::fs::create_dir(&deep).unwrap();
        let database = deep.join("users.db");
        let (here, there) = (wake(&database), wake(&database));
        let mut wakeups = there.subscribe();
        here.committed();
        wakeups.changed().await;
    }
}

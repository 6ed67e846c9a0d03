//! Owns telling those who wait that jobs may be claimable, due or to be stopped: at once within the process, by a
//! datagram between processes on one file. Hints only: a slow poll stands behind them (sqlite/background.rs).
//! Must not know: what was committed.

mod socket;

use std::{
    path::Path,
    sync::{Arc, Mutex, Once, PoisonError, Weak},
};

use slog::{Logger, warn};
use tokio::sync::watch;

use socket::{Folder, Inbox, Peers};

/// Cheap to clone.
#[derive(Clone)]
pub(in crate::store) struct Wake(Arc<Shared>);

struct Shared {
    folder: Folder,
    changes: watch::Sender<u64>,
    peers: Mutex<Peers>,
    /// Bound while anybody in this process subscribes.
    inbox: Mutex<Weak<Inbox>>,
    warned: Once,
    log: Logger,
}

impl Wake {
    /// `database` names the file; nothing is opened yet.
    pub(in crate::store) fn new(database: &Path, log: &Logger) -> Self {
        let folder = Folder::of(database);
        Self(Arc::new(Shared {
            peers: Mutex::new(Peers::new(folder.clone())),
            folder,
            changes: watch::Sender::new(0),
            inbox: Mutex::default(),
            warned: Once::new(),
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
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::{
        os::unix::{fs::PermissionsExt, net::UnixDatagram},
        path::PathBuf,
        sync::{
            atomic::{AtomicUsize, Ordering},
            mpsc::RecvTimeoutError,
        },
        time::Duration,
    };

    use super::*;

    fn wake(database: &Path) -> Wake {
        Wake::new(database, &Logger::root(slog::Discard, slog::o!()))
    }

    fn database(folder: &Path) -> PathBuf {
        let path = folder.join("users.db");
        std::fs::write(&path, "").unwrap();
        path
    }

    /// As this module makes it, whatever the umask.
    fn private(folder: &Path) {
        std::fs::create_dir(folder).unwrap();
        std::fs::set_permissions(folder, PermissionsExt::from_mode(0o700)).unwrap();
    }

    /// Counts what is logged.
    struct Lines(Arc<AtomicUsize>);

    impl slog::Drain for Lines {
        type Ok = ();
        type Err = slog::Never;

        fn log(&self, _: &slog::Record<'_>, _: &slog::OwnedKVList) -> Result<(), slog::Never> {
            self.0.fetch_add(1, Ordering::SeqCst);
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_commit_before_the_wait_is_not_lost() {
        let folder = tempfile::tempdir().unwrap();
        let wake = wake(&database(folder.path()));
        let mut wakeups = wake.subscribe();
        wake.committed();
        wakeups.changed().await;
    }

    #[tokio::test]
    async fn another_process_is_woken_and_cleans_up_after_itself() {
        let folder = tempfile::tempdir().unwrap();
        let database = database(folder.path());
        let (here, there) = (wake(&database), wake(&database));
        let mut wakeups = there.subscribe();
        here.committed();
        wakeups.changed().await;
        drop(wakeups);
        assert_eq!(
            std::fs::read_dir(Folder::of(&database).path)
                .unwrap()
                .count(),
            0
        );
    }

    #[tokio::test]
    async fn a_killed_process_leaves_a_socket_that_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let database = database(folder.path());
        let sockets = Folder::of(&database).path;
        private(&sockets);
        drop(UnixDatagram::bind(sockets.join("1-dead.sock")).unwrap());
        wake(&database).committed();
        assert_eq!(std::fs::read_dir(sockets).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn files_of_somebody_else_are_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let database = database(folder.path());
        let sockets = Folder::of(&database).path;
        private(&sockets);
        std::fs::write(sockets.join("notes.txt"), "mine").unwrap();
        wake(&database).committed();
        assert!(sockets.join("notes.txt").exists());
    }

    #[tokio::test]
    async fn a_path_too_long_for_a_socket_works() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("d".repeat(150));
        std::fs::create_dir(&deep).unwrap();
        let database = database(&deep);
        let (here, there) = (wake(&database), wake(&database));
        let mut wakeups = there.subscribe();
        here.committed();
        wakeups.changed().await;
        drop(wakeups);
        // Not inside the test's own folder. Refused unless it is empty.
        std::fs::remove_dir(Folder::of(&database).path).unwrap();
    }

    #[tokio::test]
    async fn a_folder_that_is_a_link_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let database = database(folder.path());
        let elsewhere = folder.path().join("elsewhere");
        std::fs::create_dir(&elsewhere).unwrap();
        drop(UnixDatagram::bind(elsewhere.join("theirs")).unwrap());
        std::os::unix::fs::symlink(&elsewhere, Folder::of(&database).path).unwrap();
        let wake = wake(&database);
        let mut wakeups = wake.subscribe();
        wake.committed();
        wakeups.changed().await;
        assert_eq!(names(&elsewhere), ["theirs"]);
    }

    #[tokio::test]
    async fn a_folder_that_others_can_write_to_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let database = database(folder.path());
        let sockets = Folder::of(&database).path;
        private(&sockets);
        std::fs::set_permissions(&sockets, PermissionsExt::from_mode(0o777)).unwrap();
        let lines = Arc::new(AtomicUsize::new(0));
        let log = Logger::root(Lines(Arc::clone(&lines)), slog::o!());
        let wake = Wake::new(&database, &log);
        let (mut wakeups, _another) = (wake.subscribe(), wake.subscribe());
        assert!(names(&sockets).is_empty());
        assert_eq!(lines.load(Ordering::SeqCst), 1);
        wake.committed();
        wakeups.changed().await;
    }

    #[tokio::test]
    async fn queued_datagrams_are_one_wake_up() {
        let folder = tempfile::tempdir().unwrap();
        let database = database(folder.path());
        let (here, there) = (wake(&database), wake(&database));
        let Wakeups {
            mut changes,
            _inbox: inbox,
        } = there.subscribe();
        for _ in 0..5 {
            here.committed();
        }
        // Ends the receiver behind the five datagrams, so all of them have arrived.
        drop(inbox);
        changes.changed().await.unwrap();
        assert!(!changes.has_changed().unwrap());
    }

    #[test]
    fn the_receiver_ends_even_when_its_socket_was_removed() {
        let folder = tempfile::tempdir().unwrap();
        let sockets = Folder::of(&database(folder.path()));
        let (alive, ended) = std::sync::mpsc::channel();
        let inbox = Inbox::bind(&sockets, move || alive.send(()).unwrap()).unwrap();
        std::fs::remove_dir_all(&sockets.path).unwrap();
        drop(inbox);
        assert_eq!(
            ended.recv_timeout(Duration::from_secs(10)),
            Err(RecvTimeoutError::Disconnected)
        );
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }
}

//! Owns testing wake-ups: nothing lost, other processes, folders and sockets that are not ours.

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

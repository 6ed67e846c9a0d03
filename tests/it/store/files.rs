//! What is SQLite's own: files that are refused, settings, backup, migrations.

use std::{fs, os::unix::fs::MetadataExt, path::Path, process::Stdio, sync::Arc};

use diesel::{
    Connection, QueryableByName, RunQueryDsl, SqliteConnection,
    connection::SimpleConnection,
    dsl::sql,
    sql_query,
    sql_types::{Integer, Text},
};
use lockstep::{
    clock::SystemClock,
    processors::user_created::job_for,
    store::{Store, StoreConfig, StoreError},
};
use slog::Logger;
use tokio::task::{spawn_blocking, yield_now};

use crate::support::place::Place;
use crate::{
    cli::binary::Home,
    support::{
        database::{Database, ada, analysis},
        process::until,
    },
};

async fn open(path: &Path) -> Result<Store, StoreError> {
    let log = Logger::root(slog::Discard, slog::o!());
    Store::open(
        &StoreConfig::new(path.to_str().unwrap()),
        Arc::new(SystemClock),
        &log,
    )
    .await
}

async fn refusal(path: &Path) -> String {
    let before = fs::read(path).ok();
    let error = open(path).await.expect_err("refused").to_string();
    assert!(
        fs::read(path).ok() == before,
        "a refused file is not written to"
    );
    error
}

/// `.cargo/config.toml` reached the compiler (docs/decisions/0019).
#[test]
fn sqlite_is_compiled_as_this_project_wants_it() {
    let mut conn = SqliteConnection::establish(":memory:").unwrap();
    let options = sql::<Text>("PRAGMA compile_options").load::<String>(&mut conn);
    let options = options.unwrap();
    let has = |wanted: &str| options.iter().any(|option| option == wanted);
    assert!(has("THREADSAFE=2"), "{options:?}");
    assert!(has("DEFAULT_MEMSTATUS=0"), "{options:?}");
    assert!(has("DEFAULT_PCACHE_INITSZ=0"), "{options:?}");
    assert!(has("OMIT_SHARED_CACHE"), "{options:?}");
    assert!(has("OMIT_PROGRESS_CALLBACK"), "{options:?}");
    assert!(!has("ENABLE_MEMORY_MANAGEMENT"), "{options:?}");
}

#[tokio::test]
async fn files_that_are_not_ours_are_refused_untouched() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("notes.txt");
    fs::write(&text, "not a database at all, but long enough to have a header of one hundred bytes, or a few more").unwrap();
    assert!(refusal(&text).await.contains("is not a SQLite database"));
    let foreign = folder.path().join("foreign.db");
    Place::File(foreign.clone()).execute("CREATE TABLE theirs (id INTEGER)");
    assert!(refusal(&foreign).await.contains("of another program"));
    assert!(
        refusal(folder.path().join("no/such/folder.db").as_ref())
            .await
            .contains("does not exist")
    );
    assert!(
        open(folder.path())
            .await
            .expect_err("refused")
            .to_string()
            .contains("is a folder")
    );
    for url in ["postgres://localhost/db", ":memory:", "", "sqlite://"] {
        let error = open(url.as_ref()).await.expect_err("refused");
        assert!(
            matches!(error, StoreError::Unusable { .. }),
            "{url}: {error}"
        );
    }
}

#[tokio::test]
async fn a_newer_schema_is_refused_untouched() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.db");
    open(&path).await.unwrap().close().await;
    Place::File(path.clone())
        .execute("INSERT INTO __diesel_schema_migrations (version) VALUES ('29991231000001')");
    assert!(refusal(&path).await.contains("29991231000001"));
}

#[tokio::test]
async fn a_corrupt_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.db");
    let store = open(&path).await.unwrap();
    for number in 0..50 {
        let user = lockstep::model::NewUser {
            email: format!("u{number}@example.com"),
            ..ada()
        };
        store
            .user_create(user.clone(), job_for(&user))
            .await
            .unwrap();
    }
    store.close().await;
    let mut bytes = fs::read(&path).unwrap();
    for page in 1..bytes.len() / 8192 {
        bytes[page * 8192..page * 8192 + 64].fill(0xa5);
    }
    fs::write(&path, bytes).unwrap();
    assert!(refusal(&path).await.contains("corrupt"));
}

#[tokio::test]
async fn a_backup_holds_what_was_acknowledged_and_overwrites_nothing() {
    let database = Database::new().await;
    database
        .store
        .user_create(ada(), job_for(&ada()))
        .await
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("copy.db");
    let bytes = database.store.backup(target.clone()).await.unwrap();
    assert_eq!(bytes, fs::metadata(&target).unwrap().len());
    assert!(database.store.backup(target.clone()).await.is_err());
    let copy = open(&target).await.unwrap();
    assert_eq!(
        copy.user_get(1).await.unwrap().unwrap().email,
        "Ada@Example.com"
    );
    assert_eq!(copy.findings().await.unwrap(), [] as [String; 0]);
    copy.close().await;
    assert_eq!(
        fs::read_dir(folder.path())
            .unwrap()
            .filter(|entry| {
                entry
                    .as_ref()
                    .unwrap()
                    .file_name()
                    .to_string_lossy()
                    .contains("partial")
            })
            .count(),
        0
    );
    database.close().await;
}

#[tokio::test]
async fn migrations_go_up_down_and_up() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.db");
    let config = StoreConfig::new(path.to_str().unwrap());
    let known = Store::migrations(&config).await.unwrap();
    assert!(known.iter().all(|migration| !migration.applied));
    assert_eq!(Store::migrate_up(&config).await.unwrap(), known.len());
    assert_eq!(Store::migrate_up(&config).await.unwrap(), 0);
    for migration in known.iter().rev() {
        assert_eq!(
            Store::migrate_down(&config).await.unwrap().as_ref(),
            Some(&migration.version)
        );
    }
    assert_eq!(Store::migrate_down(&config).await.unwrap(), None);
    assert_eq!(Store::migrate_up(&config).await.unwrap(), known.len());
}

#[tokio::test]
async fn names_that_look_like_urls_or_options_are_names() {
    let folder = tempfile::tempdir().unwrap();
    for name in [
        "with space.db",
        "what?mode=memory",
        "a#b.db",
        "50%.db",
        "ünïcode.db",
    ] {
        let path = folder.path().join(name);
        open(&path).await.unwrap().close().await;
        assert!(path.is_file(), "{name}");
    }
}

#[tokio::test]
async fn asking_about_migrations_makes_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.db");
    let config = StoreConfig::new(path.to_str().unwrap());
    let known = Store::migrations(&config).await.unwrap();
    assert!(known.iter().all(|migration| !migration.applied));
    assert_eq!(Store::migrate_down(&config).await.unwrap(), None);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

/// A server and its workers, started together for the first time.
#[test]
fn many_processes_may_make_the_same_new_database() {
    for _ in 0..5 {
        let home = Home::new();
        let children: Vec<_> = (0..6)
            .map(|_| {
                let mut command = home.command(&["jobs", "enqueue", "data_analysis", "hi"]);
                command.stderr(Stdio::piped()).stdout(Stdio::null());
                command.spawn().unwrap()
            })
            .collect();
        for child in children {
            let output = child.wait_with_output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success(), "{said}");
        }
    }
}

#[tokio::test]
async fn a_start_does_not_wait_for_the_lock_of_another_that_writes() {
    let database = Database::new().await;
    let lock = database.place().locked();
    let began = std::time::Instant::now();
    let other = database.another().await;
    assert_eq!(other.job_counts().await.unwrap(), []);
    // It would have waited five seconds.
    assert!(began.elapsed().as_secs() < 4);
    drop(lock);
    other.close().await;
    database.close().await;
}

/// Whether any reader keeps its place in the WAL: a lock on one of five bytes of the index beside it (SQLite's walformat).
fn is_read(path: &Path) -> bool {
    let index = fs::metadata(format!("{}-shm", path.display())).unwrap();
    let locks = fs::read_to_string("/proc/locks").unwrap();
    locks.lines().any(|lock| {
        let words: Vec<&str> = lock.split_whitespace().collect();
        let place = words[5].rsplit(':').next().unwrap();
        let (first, last) = (words[6].parse(), words[7].parse());
        words[3] == "READ"
            && place == index.ino().to_string()
            && matches!((first, last), (Ok(123_u64..=127), Ok(123_u64..=127)))
    })
}

async fn read_often(store: &Store) {
    for _ in 0..300 {
        assert!(store.user_get(1).await.unwrap().is_none());
    }
}

async fn read_for_ever(store: Store) {
    loop {
        read_often(&store).await;
        yield_now().await;
    }
}

/// Between them, when nobody reads: it is the process that keeps it.
#[tokio::test]
async fn many_reads_share_a_lock_that_goes_when_they_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.db");
    let store = open(&path).await.unwrap();
    assert!(!is_read(&path));
    until("the lock is kept", || async {
        read_often(&store).await;
        is_read(&path)
    })
    .await;
    until("the lock is given up", || async { !is_read(&path) }).await;
    store.close().await;
}

#[derive(QueryableByName)]
struct Checkpoint {
    #[diesel(sql_type = Integer)]
    busy: i32,
}

/// Makes a commit, and carries all into the file, for which every reader must be out of the way. False, if it could not.
fn carry(path: &Path) -> bool {
    let mut conn = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    conn.batch_execute("PRAGMA busy_timeout = 5000; CREATE TABLE more (id); DROP TABLE more")
        .unwrap();
    let done: Checkpoint = sql_query("PRAGMA wal_checkpoint(TRUNCATE)")
        .get_result(&mut conn)
        .unwrap();
    done.busy == 0
}

/// With a new file that is read all the time.
async fn among_many_reads(work: impl AsyncFnOnce(&Path, &Store)) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.db");
    let store = open(&path).await.unwrap();
    let reads = tokio::spawn(read_for_ever(store.clone()));
    work(&path, &store).await;
    reads.abort();
    let _ = reads.await;
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_comes_through_among_many_reads() {
    among_many_reads(async |path: &Path, _: &Store| {
        until("the lock is kept", || async { is_read(path) }).await;
        for _ in 0..20 {
            // The store's own may be under way: then this one is refused at once.
            until("the checkpoint comes through", || {
                let path = path.to_owned();
                async { spawn_blocking(move || carry(&path)).await.unwrap() }
            })
            .await;
        }
    })
    .await;
}

/// The WAL starts over when all of it is in the file and nobody reads it: among many reads, too, while commits come one after
/// the other. Else it would hold all that they wrote.
#[tokio::test(flavor = "multi_thread")]
async fn the_log_starts_over_among_many_reads_and_commits() {
    among_many_reads(async |path: &Path, store: &Store| {
        for _ in 0..6_000 {
            store.job_enqueue(analysis()).await.unwrap();
        }
        let log = fs::metadata(format!("{}-wal", path.display())).unwrap();
        assert!(log.len() < 160 << 20, "{}", log.len());
    })
    .await;
}

/// Promoting nothing is no write.
#[tokio::test]
async fn a_look_for_due_jobs_waits_for_no_writer() {
    let database = Database::new().await;
    let locked = database.place().locked();
    assert_eq!(database.store.job_promote(9).await.unwrap().jobs, 0);
    drop(locked);
    database.close().await;
}

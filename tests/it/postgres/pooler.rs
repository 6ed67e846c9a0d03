//! Behind PgBouncer in transaction mode each transaction may have another session: with `statement_cache=off` everything is
//! as without it, but that workers look by themselves.

use std::{
    fs,
    net::TcpListener,
    os::unix::fs::MetadataExt,
    path::Path,
    process::{Child, Command, Stdio},
};

use futures::future::join_all;
use lockstep::{
    model::{OnConflict, Settled, Settlement},
    processors::user_created::job_for,
    store::StoreError,
};
use tokio::net::TcpStream;

use super::{conventions::open, faults::claim};
use crate::support::{
    database::{ada, analysis, unique},
    place::{Place, server},
    process::until,
};

/// Fewer sessions than two stores would have by themselves.
const SESSIONS: u8 = 3;

struct Pooler {
    child: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Pooler {
    /// In front of the server of the tests, for all of its databases.
    async fn start() -> Self {
        let program = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer", "/usr/local/bin/pgbouncer"]
            .into_iter()
            .find(|path| Path::new(path).is_file())
            .expect("this test needs PgBouncer: `tests/postgres` installs it, or: apt-get install pgbouncer");
        let folder = tempfile::tempdir().unwrap();
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let server = server();
        let (user, rest) = server
            .strip_prefix("postgres://")
            .unwrap()
            .rsplit_once('@')
            .unwrap();
        let (user, password) = user.split_once(':').unwrap();
        let (host, server_port) = rest.split_once('/').unwrap().0.split_once(':').unwrap();
        let settings = format!(
            "[databases]\n* = host={host} port={server_port} user={user} password={password}\n[pgbouncer]\n\
             listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n\
             pool_mode = transaction\ndefault_pool_size = {SESSIONS}\n"
        );
        let file = folder.path().join("pgbouncer.ini");
        fs::write(&file, settings).unwrap();
        let mut command = Command::new(program);
        if folder.path().metadata().unwrap().uid() == 0 {
            // It refuses to run as root.
            command.args(["-u", "nobody"]);
        }
        let child = command
            .arg("-q")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let pooler = Self {
            child,
            port,
            _folder: folder,
        };
        until("the pooler answers", async || {
            TcpStream::connect(("127.0.0.1", port)).await.is_ok()
        })
        .await;
        pooler
    }

    fn url(&self, place: &Place) -> String {
        format!(
            "postgres://anybody@127.0.0.1:{}/{}?sslmode=disable&statement_cache=off",
            self.port,
            place.name()
        )
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_works_through_a_pooler() {
    let place = Place::new_postgres();
    let pooler = Pooler::start().await;
    let through = Place::Url(pooler.url(&place));
    let (one, other) = (open(&through).await, open(&through).await);
    let mut wakeups = other.subscribe();

    let enqueued = join_all((0..200).map(|_| one.job_enqueue(analysis()))).await;
    assert!(enqueued.iter().all(Result::is_ok), "{enqueued:?}");
    // No hint comes through: it looks by itself, within a second or so.
    wakeups.changed().await;
    let holder = one
        .job_enqueue(unique(OnConflict::Reject))
        .await
        .unwrap()
        .job
        .id;
    let refused = other.job_enqueue(unique(OnConflict::Reject)).await;
    assert!(matches!(refused, Err(StoreError::DuplicateJob { id }) if id == holder));
    let user = one.user_create(ada(), job_for(&ada())).await.unwrap().user;
    let again = other.user_create(ada(), job_for(&ada())).await;
    assert!(matches!(again, Err(StoreError::EmailTaken)), "{again:?}");
    assert_eq!(other.user_get(user.id).await.unwrap(), Some(user));

    let (mine, theirs) = tokio::join!(claim(&one, 150), claim(&other, 150));
    for (store, runs) in [(&one, mine), (&other, theirs)] {
        let done = |(id, lease)| (id, lease, Settlement::Complete { result: None });
        let settled = store
            .job_settle(runs.into_iter().map(done).collect())
            .await
            .unwrap();
        assert!(
            settled
                .iter()
                .all(|one| matches!(one, Settled::Accepted(_))),
            "{settled:?}"
        );
    }
    assert_eq!(place.count("job_queue WHERE status = 'completed'"), 202);
    let sessions =
        "pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'lockstep%'";
    assert!(place.count(sessions) <= SESSIONS.into());
    assert_eq!(one.job_counts_check().await.unwrap(), []);
    one.close().await;
    other.close().await;
    drop(pooler);
    place.remove();
}

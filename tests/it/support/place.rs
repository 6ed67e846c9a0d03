//! Owns where a test's database is: a file of its own, or a PostgreSQL database of its own. What a test does behind the
//! store's back goes through here. `LOCKSTEP_TEST_ENGINE=postgres` runs a test on PostgreSQL.

use std::{
    env,
    path::{Path, PathBuf},
    sync::{OnceLock, mpsc},
    thread,
};

use chrono::{DateTime, Utc};
use diesel::{
    Connection, QueryableByName, RunQueryDsl, SqliteConnection, connection::SimpleConnection,
    sql_query, sql_types::BigInt,
};
use lockstep::store::{Store, StoreConfig};
use tokio_postgres::{Client, NoTls};

#[allow(clippy::disallowed_methods, reason = "what tests/run tells the tests")]
fn variable(name: &str) -> Option<String> {
    env::var(name).ok()
}

/// Whether the tests that run on either engine run on PostgreSQL.
pub(crate) fn on_postgres() -> bool {
    variable("LOCKSTEP_TEST_ENGINE").is_some_and(|engine| engine == "postgres")
}

/// The server that tests may make databases on.
pub(crate) fn server() -> String {
    variable("LOCKSTEP_TEST_POSTGRES").expect(
        "this test needs PostgreSQL: run it as `tests/postgres cargo test …`, which starts a private one",
    )
}

/// Where a database is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    File(PathBuf),
    Url(String),
}

impl Place {
    /// A new database; on PostgreSQL with our tables. `folder` is where a file would be.
    pub(crate) fn new(folder: &Path, name: &str) -> Self {
        if on_postgres() {
            Self::new_postgres()
        } else {
            Self::File(folder.join(name))
        }
    }

    pub(crate) fn new_postgres() -> Self {
        static TEMPLATE: OnceLock<String> = OnceLock::new();
        let template = TEMPLATE.get_or_init(|| {
            let name = format!("template_{:08x}", rand::random::<u32>());
            admin(&format!("CREATE DATABASE {name}"));
            let url = of_database(&name);
            apart(async move { Store::migrate_up(&StoreConfig::new(url)).await.unwrap() });
            name
        });
        Self::made_as(&format!("TEMPLATE {template}"))
    }

    /// A database without our tables.
    pub(crate) fn bare_postgres() -> Self {
        Self::made_as("")
    }

    /// One that is created in another way.
    pub(crate) fn made_as(how: &str) -> Self {
        let name = format!("test_{:016x}", rand::random::<u64>());
        admin(&format!("CREATE DATABASE {name} {how}"));
        Self::Url(of_database(&name))
    }

    /// Of PostgreSQL: the database's name.
    pub(crate) fn name(&self) -> String {
        let url = self.url();
        let (address, _) = url.split_once('?').unwrap_or((&url, ""));
        address.rsplit_once('/').unwrap().1.to_owned()
    }

    /// What `DATABASE_URL` is for it.
    pub(crate) fn url(&self) -> String {
        match self {
            Self::File(path) => path.to_str().unwrap().to_owned(),
            Self::Url(url) => url.clone(),
        }
    }

    #[track_caller]
    pub(crate) fn file(&self) -> PathBuf {
        match self {
            Self::File(path) => path.clone(),
            Self::Url(url) => panic!("{url} is not a file"),
        }
    }

    /// Runs statements, as somebody else's program would.
    pub(crate) fn execute(&self, sql: &str) {
        match self {
            Self::File(path) => open(path).batch_execute(sql).unwrap(),
            Self::Url(url) => {
                let (url, sql) = (url.clone(), sql.to_owned());
                apart(async move { client(&url).await.batch_execute(&sql).await.unwrap() });
            }
        }
    }

    /// Rows of a table, or of a table `WHERE …`.
    pub(crate) fn count(&self, of: &str) -> i64 {
        let query = format!("SELECT count(*) AS rows FROM {of}");
        match self {
            Self::File(path) => {
                let counted = sql_query(query);
                counted.get_result::<Count>(&mut open(path)).unwrap().rows
            }
            Self::Url(url) => {
                let url = url.clone();
                apart(async move {
                    let row = client(&url).await.query_one(&query, &[]).await.unwrap();
                    row.get(0)
                })
            }
        }
    }

    /// Every row that is inserted into a table is refused, before or after it is there, until [`Self::insert_again`].
    pub(crate) fn refuse_inserts(&self, when: &str, table: &str) {
        self.execute(&match self {
            // FAIL leaves the row that it complains of.
            Self::File(_) => {
                let how = if when == "AFTER" { "FAIL" } else { "ABORT" };
                format!(
                    "CREATE TRIGGER broken {when} INSERT ON {table} BEGIN SELECT RAISE({how}, 'broken'); END"
                )
            }
            Self::Url(_) => format!(
                "CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS \
                 $$ BEGIN RAISE EXCEPTION 'broken'; END $$; \
                 CREATE TRIGGER broken {when} INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION broken()"
            ),
        });
    }

    pub(crate) fn insert_again(&self, table: &str) {
        self.execute(&match self {
            Self::File(_) => "DROP TRIGGER broken".to_owned(),
            Self::Url(_) => format!("DROP TRIGGER broken ON {table}; DROP FUNCTION broken()"),
        });
    }

    /// Of PostgreSQL: all rows go, and numbers begin anew. Cheaper than another database.
    pub(crate) fn empty(&self) {
        self.execute(
            "DO $$ DECLARE name text; BEGIN \
             FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' \
                 AND tablename NOT IN ('__diesel_schema_migrations', 'turns', 'event_log') LOOP \
                 EXECUTE format('DELETE FROM %I', name); END LOOP; \
             FOR name IN SELECT sequencename FROM pg_sequences WHERE schemaname = 'public' LOOP \
                 PERFORM setval(name::regclass, 1, false); END LOOP; END $$",
        );
    }

    /// A moment, as SQL.
    pub(crate) fn moment(&self, at: DateTime<Utc>) -> String {
        match self {
            Self::File(_) => at.timestamp_micros().to_string(),
            Self::Url(_) => format!("TIMESTAMPTZ '{}'", at.to_rfc3339()),
        }
    }

    /// Nobody else can write until what this answers is dropped.
    pub(crate) fn locked(&self) -> Lock {
        match self {
            Self::File(path) => {
                let mut conn = open(path);
                // A store may be in the middle of a commit.
                conn.batch_execute("PRAGMA busy_timeout = 10000; BEGIN IMMEDIATE")
                    .unwrap();
                Lock::File(conn)
            }
            Self::Url(url) => {
                let url = url.clone();
                let (locked, is_locked) = mpsc::channel();
                let (release, released) = tokio::sync::oneshot::channel::<()>();
                let holder = thread::spawn(move || {
                    runtime().block_on(async {
                        let client = client(&url).await;
                        let lock =
                            "BEGIN; LOCK TABLE job_queue, users, turns, workers IN EXCLUSIVE MODE";
                        client.batch_execute(lock).await.unwrap();
                        locked.send(()).unwrap();
                        let _ = released.await;
                        let _ = client.batch_execute("ROLLBACK").await;
                    });
                });
                is_locked.recv().unwrap();
                Lock::Server {
                    release: Some(release),
                    holder: Some(holder),
                }
            }
        }
    }

    /// What remains on the server is removed. Nobody waits for it: the server does so only when each of its connections
    /// has logged in, and one of them may belong to the runtime that would wait.
    pub(crate) fn remove(&self) {
        if let Self::Url(url) = self {
            let name = self.name();
            let drop = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
            let server = url.replace(&format!("/{name}?"), "/postgres?");
            thread::spawn(move || {
                runtime().block_on(async {
                    if let Ok((client, connection)) = tokio_postgres::connect(&server, NoTls).await
                    {
                        tokio::spawn(connection);
                        let _ = client.batch_execute(&drop).await;
                    }
                });
            });
        }
    }
}

/// Keeps others from writing.
pub(crate) enum Lock {
    File(#[expect(dead_code, reason = "held, not read")] SqliteConnection),
    Server {
        release: Option<tokio::sync::oneshot::Sender<()>>,
        holder: Option<thread::JoinHandle<()>>,
    },
}

impl Drop for Lock {
    fn drop(&mut self) {
        if let Self::Server { release, holder } = self {
            drop(release.take());
            if let Some(holder) = holder.take() {
                let _ = holder.join();
            }
        }
    }
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    rows: i64,
}

fn open(path: &Path) -> SqliteConnection {
    SqliteConnection::establish(path.to_str().unwrap()).unwrap()
}

/// The server's URL with another database in it.
fn of_database(name: &str) -> String {
    let server = server();
    let (address, parameters) = server.split_once('?').unwrap_or((&server, ""));
    let (host, _) = address.rsplit_once('/').unwrap();
    format!("{host}/{name}?{parameters}")
}

/// Runs a statement on the server's own database.
pub(crate) fn admin(sql: &str) {
    let sql = sql.to_owned();
    apart(async move { client(&server()).await.batch_execute(&sql).await.unwrap() });
}

/// A plain connection, for what a test asks behind the store's back. Must be called on a runtime.
pub(crate) async fn client(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// On a thread of its own: tests are synchronous here, and have runtimes of their own.
pub(crate) fn apart<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    thread::spawn(move || runtime().block_on(work))
        .join()
        .unwrap()
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

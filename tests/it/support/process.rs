//! Owns running the real binary beside a test, and looking at its database meanwhile.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use super::place::Place;
use lockstep::{
    clock::SystemClock,
    store::{Store, StoreConfig},
};
use serde_json::{Value, json};
use slog::Logger;
use tokio::time::{Instant, MissedTickBehavior, interval};

/// Bounds a wait whose end nobody can announce; far longer than anything here takes.
const DEADLINE: Duration = Duration::from_secs(30);

/// Asks until the answer is yes.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, mut asked: impl FnMut() -> F) {
    let began = Instant::now();
    let mut ticks = interval(Duration::from_millis(5));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while !asked().await {
        assert!(began.elapsed() < DEADLINE, "waited in vain: {what}");
        ticks.tick().await;
    }
}

/// A folder, and a database that processes share.
pub(crate) struct Home {
    folder: tempfile::TempDir,
    place: Place,
    /// The database goes with the test.
    own: bool,
}

impl Home {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::new(folder.path(), "users.db");
        Self::with(folder, place, true)
    }

    /// On PostgreSQL, whatever the other tests run on.
    pub(crate) fn on_postgres() -> Self {
        Self::with(tempfile::tempdir().unwrap(), Place::new_postgres(), true)
    }

    /// On a database that somebody else sees to.
    pub(crate) fn at(place: Place) -> Self {
        Self::with(tempfile::tempdir().unwrap(), place, false)
    }

    fn with(folder: tempfile::TempDir, place: Place, own: bool) -> Self {
        Self { folder, place, own }
    }

    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The database as one more process would have it.
    pub(crate) async fn store(&self) -> Store {
        let config = StoreConfig::new(self.place.url());
        let log = Logger::root(slog::Discard, slog::o!());
        Store::open(&config, Arc::new(SystemClock), &log)
            .await
            .unwrap()
    }

    /// Starts the program and waits until it is ready. Leases are as short as they can be.
    pub(crate) async fn start(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Process {
        let name = format!("{:08x}", rand::random::<u32>());
        let (ready, log) = (
            self.path().join(format!("{name}.ready")),
            self.path().join(format!("{name}.log")),
        );
        let child = Command::new(env!("CARGO_BIN_EXE_lockstep"))
            .args(arguments)
            .arg("--ready-file")
            .arg(&ready)
            .current_dir(self.path())
            .env_clear()
            .env("DATABASE_URL", self.place.url())
            .env("LEASE_SECONDS", "1")
            .env("LOG_FORMAT", "json")
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let mut process = Process {
            child,
            url: String::new(),
            log,
        };
        until("ready", async || ready.exists()).await;
        std::fs::read_to_string(ready)
            .unwrap()
            .trim()
            .clone_into(&mut process.url);
        process
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if self.own {
            self.place.remove();
        }
    }
}

/// Killed when dropped.
pub(crate) struct Process {
    child: Child,
    url: String,
    log: PathBuf,
}

impl Process {
    /// The JSON answer to a POST: `None` when the server was gone before it had answered in full.
    pub(crate) async fn post(
        http: &reqwest::Client,
        url: &str,
        body: &Value,
    ) -> Option<(u16, Value)> {
        let answer = http.post(url).json(body).send().await.ok()?;
        let status = answer.status().as_u16();
        Some((status, answer.json().await.ok()?))
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// Enqueues a job by HTTP; answers its id.
    pub(crate) async fn enqueue(
        &self,
        http: &reqwest::Client,
        job_type: &str,
        payload: Value,
    ) -> i64 {
        let body = json!({ "job_type": job_type, "payload": payload });
        let answer = Self::post(http, &self.url("/jobs"), &body).await.unwrap();
        assert_eq!(answer.0, 201, "{}", answer.1);
        answer.1["id"].as_i64().unwrap()
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// By name, such as STOP.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .arg(format!("-{name}"))
            .arg(self.id().to_string())
            .status();
        assert!(sent.unwrap().success());
    }

    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn said(&self, words: &str) -> bool {
        std::fs::read_to_string(&self.log).unwrap().contains(words)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have been killed already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

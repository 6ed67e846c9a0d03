//! The network between a worker and the database is cut for longer than a lease: somebody else does the job, the late
//! outcome changes nothing, and the worker goes on by itself.

use std::sync::{Mutex, mpsc};

use lockstep::{
    model::{AttemptOutcome, JobStatus, NewJob},
    queue::{self, EnqueueOptions},
    store::Store,
};
use tokio::sync::Semaphore;

use super::proxy::{Proxy, Trap};
use crate::support::{
    database::{analysis, policy},
    process::{Home, Process, until},
    smtp::{Reply, SmtpServer},
};

/// Jobs that the worker does once it is back.
const FURTHER: usize = 20;
/// At the commit of a settlement, by what it says first on a connection, before it is a prepared statement.
fn trap(heard: bool) -> Trap {
    Trap {
        after: "INSERT INTO job_attempts",
        at: "COMMIT",
        heard,
    }
}

/// One worker behind a network that can be cut, in the middle of a job.
struct Stage {
    home: Home,
    store: Store,
    proxy: Proxy,
    far: Process,
    job: i64,
    smtp: SmtpServer,
    /// Lets the far worker's mail through.
    release: mpsc::Sender<()>,
}

impl Stage {
    async fn new() -> Self {
        let (release, released) = mpsc::channel::<()>();
        let reached = std::sync::Arc::new(Semaphore::new(0));
        let smtp = first_waits(released, std::sync::Arc::clone(&reached)).await;
        let home = Home::on_postgres();
        let store = home.store().await;
        let proxy = Proxy::new(&home.place().url()).await;
        let (database, mail) = (proxy.url(&home.place().url()), smtp.url());
        let variables = [("DATABASE_URL", database.as_str()), ("SMTP_URL", &mail)];
        let far = home.start(&["worker"], &variables).await;
        let job = store.job_enqueue(letter()).await.unwrap().job.id;
        reached.acquire().await.unwrap().forget();
        Self {
            home,
            store,
            proxy,
            far,
            job,
            smtp,
            release,
        }
    }

    /// A worker that the network is whole for.
    async fn near(&self) -> Process {
        let mail = self.smtp.url();
        self.home.start(&["worker"], &[("SMTP_URL", &mail)]).await
    }

    async fn outcomes(&self) -> Vec<AttemptOutcome> {
        let runs = self.store.job_attempts(self.job, 100).await.unwrap();
        runs.into_iter().map(|run| run.outcome.unwrap()).collect()
    }

    async fn has_completed(&self) -> bool {
        let job = self.store.job_get(self.job).await.unwrap().unwrap();
        job.status == JobStatus::Completed
    }

    /// The far worker, alone again, does what there is.
    async fn heals(self) {
        let mut jobs = Vec::new();
        for _ in 0..FURTHER {
            jobs.push(self.store.job_enqueue(analysis()).await.unwrap().job.id);
        }
        let worker = format!("{}-", self.far.id());
        for job in jobs {
            until("the worker that was cut off works", async || {
                let job = self.store.job_get(job).await.unwrap().unwrap();
                job.status == JobStatus::Completed && job.worker.unwrap().starts_with(&worker)
            })
            .await;
        }
        assert_eq!(self.store.job_counts_check().await.unwrap(), []);
    }
}

/// A mail server that keeps the first mail's sender waiting until it is released.
async fn first_waits(
    released: mpsc::Receiver<()>,
    reached: std::sync::Arc<Semaphore>,
) -> SmtpServer {
    let first = Mutex::new(Some(released));
    SmtpServer::with_script(move |step, _| {
        if step == "."
            && let Some(released) = first.lock().unwrap().take()
        {
            reached.add_permits(1);
            let _ = tokio::task::block_in_place(|| released.recv());
        }
        Reply::Accept
    })
    .await
}

/// A job that sends one mail.
pub(super) fn letter() -> NewJob {
    let payload = r#"{"message":"hi","recipients":["ada@example.com"]}"#.to_owned();
    queue::new_job(
        policy("email_notification"),
        payload,
        EnqueueOptions::default(),
    )
    .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn what_a_worker_did_while_it_was_cut_off_is_refused() {
    let stage = Stage::new().await;
    stage.proxy.cut();
    stage.release.send(()).unwrap();
    let near = stage.near().await;
    until("another worker does the job", async || {
        stage.has_completed().await
    })
    .await;
    let done = stage.store.job_get(stage.job).await.unwrap();
    stage.proxy.restore();
    until("the late outcome is refused", async || {
        stage.far.said("outcome refused")
    })
    .await;
    assert_eq!(stage.store.job_get(stage.job).await.unwrap(), done);
    let outcomes = [AttemptOutcome::Lost, AttemptOutcome::Completed];
    assert_eq!(stage.outcomes().await, outcomes);
    near.kill();
    stage.heals().await;
}

/// The server has the settlement but for its commit, and the job is locked by it.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_settlement_whose_commit_is_cut_off_is_taken_back() {
    let stage = Stage::new().await;
    stage.proxy.set(trap(false));
    stage.release.send(()).unwrap();
    stage.proxy.sprung().await;
    let near = stage.near().await;
    until("another worker does the job", async || {
        stage.has_completed().await
    })
    .await;
    let done = stage.store.job_get(stage.job).await.unwrap();
    stage.proxy.restore();
    until("the late outcome is refused", async || {
        stage.far.said("outcome refused")
    })
    .await;
    assert_eq!(stage.store.job_get(stage.job).await.unwrap(), done);
    let outcomes = [AttemptOutcome::Lost, AttemptOutcome::Completed];
    assert_eq!(stage.outcomes().await, outcomes);
    near.kill();
    stage.heals().await;
}

/// Nobody answers a commit that was done: the worker finds out that it was.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_settlement_whose_commit_was_not_answered_is_not_sent_twice() {
    let stage = Stage::new().await;
    stage.proxy.set(trap(true));
    stage.release.send(()).unwrap();
    stage.proxy.sprung().await;
    until("the outcome is stored", async || {
        stage.has_completed().await
    })
    .await;
    let done = stage.store.job_get(stage.job).await.unwrap();
    stage.proxy.restore_anew();
    until("the worker knows", async || stage.far.said("job completed")).await;
    assert!(!stage.far.said("outcome refused"));
    assert_eq!(stage.store.job_get(stage.job).await.unwrap(), done);
    assert_eq!(stage.outcomes().await, [AttemptOutcome::Completed]);
    stage.heals().await;
}

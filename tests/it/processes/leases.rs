//! One worker dies with a job, another is stopped past its lease: each job has one accepted outcome.

use std::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering},
    mpsc,
};

use lockstep::{
    model::{AttemptOutcome, JobStatus},
    store::Store,
};
use serde_json::json;
use tokio::sync::Semaphore;

use crate::support::process::{Home, Process, until};
use crate::support::smtp::{Reply, SmtpServer};

/// Jobs beside the two that are watched.
const OTHERS: usize = 10;

/// Mails that have been sent as far as their end.
static REACHED: Semaphore = Semaphore::const_new(0);

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn each_job_has_one_accepted_outcome_though_a_worker_dies_and_one_wakes_up_late() {
    let (release, released) = mpsc::channel::<()>();
    let smtp = scripted(released).await;
    let (home, http, url) = (Home::new(), reqwest::Client::new(), smtp.url());
    let server = home
        .start(&["serve", "--port", "0", "--no-workers"], &[])
        .await;
    let work = async || home.start(&["worker"], &[("SMTP_URL", &url)]).await;
    let workers = vec![work().await, work().await];
    let store = home.store().await;
    let mail = json!({"message": "hi", "recipients": ["ada@example.com"]});
    let mut jobs = Vec::new();
    let mut others = async || {
        for number in 0..OTHERS {
            let payload = json!({"message": format!("n{number}")});
            jobs.push(server.enqueue(&http, "data_analysis", payload).await);
        }
    };

    others().await;
    let first = server
        .enqueue(&http, "email_notification", mail.clone())
        .await;
    REACHED.acquire().await.unwrap().forget();
    let (holder, other) = holder_of(&store, first, workers).await;
    holder.kill();
    until("the dead worker's job ends", async || {
        has_completed(&store, first).await
    })
    .await;
    REACHED.acquire().await.unwrap().forget();

    let workers = vec![other, work().await];
    let second = server.enqueue(&http, "email_notification", mail).await;
    REACHED.acquire().await.unwrap().forget();
    let (late, _other) = holder_of(&store, second, workers).await;
    late.signal("STOP");
    others().await;
    until("the stopped worker's job ends", async || {
        has_completed(&store, second).await
    })
    .await;
    let accepted = store.job_get(second).await.unwrap();
    release.send(()).unwrap();
    late.signal("CONT");
    until("the late outcome is refused", async || {
        late.said("outcome refused") || late.said("its outcome not sent")
    })
    .await;

    assert_eq!(store.job_get(second).await.unwrap(), accepted);
    for watched in [first, second] {
        let outcomes = [AttemptOutcome::Lost, AttemptOutcome::Completed];
        assert_eq!(outcomes_of(&store, watched).await, outcomes);
    }
    for job in jobs {
        until("every job ends", async || has_completed(&store, job).await).await;
        let mut outcomes = outcomes_of(&store, job).await;
        // A killed or stopped worker may have held it, too.
        outcomes.retain(|outcome| *outcome != AttemptOutcome::Lost);
        assert_eq!(outcomes, [AttemptOutcome::Completed], "job {job}");
    }
    assert_eq!(store.job_counts_check().await.unwrap(), []);
}

/// Keeps the first mail's worker waiting for ever and the third's until it is released.
async fn scripted(released: mpsc::Receiver<()>) -> SmtpServer {
    let (mails, released) = (AtomicUsize::new(0), Mutex::new(released));
    SmtpServer::with_script(move |step, _| {
        if step != "." {
            return Reply::Accept;
        }
        let mail = mails.fetch_add(1, Ordering::SeqCst);
        REACHED.add_permits(1);
        match mail {
            // Its worker is killed.
            0 => Reply::Silence,
            // Its worker is stopped before it hears that the mail was taken.
            2 => {
                let _ = tokio::task::block_in_place(|| released.lock().unwrap().recv());
                Reply::Accept
            }
            _ => Reply::Accept,
        }
    })
    .await
}

/// The worker that has the job, and the other one.
async fn holder_of(store: &Store, job: i64, mut workers: Vec<Process>) -> (Process, Process) {
    let holder = store.job_get(job).await.unwrap().unwrap().worker.unwrap();
    let held = |worker: &Process| holder.starts_with(&format!("{}-", worker.id()));
    let index = workers.iter().position(held).unwrap();
    let holder = workers.swap_remove(index);
    (holder, workers.pop().unwrap())
}

async fn has_completed(store: &Store, job: i64) -> bool {
    store.job_get(job).await.unwrap().unwrap().status == JobStatus::Completed
}

async fn outcomes_of(store: &Store, job: i64) -> Vec<AttemptOutcome> {
    let attempts = store.job_attempts(job, 100).await.unwrap();
    attempts
        .into_iter()
        .map(|run| run.outcome.unwrap())
        .collect()
}

//! What only one of several workers is to do: schedules tick once, and who takes lost jobs back is followed when it dies.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use lockstep::model::JobStatus;
use serde_json::json;

use super::{cut::letter, verdict, watcher::try_connect};
use crate::support::{
    process::{Home, Process, until},
    smtp::{Reply, SmtpServer},
};

const WORKERS: usize = 3;
const TICKS: usize = 6;
/// From the death of the one that does the chores to the end of a job that died with it.
const FOLLOWED: Duration = Duration::from_secs(15);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schedule_ticks_once_though_three_workers_see_to_it() {
    let home = Home::on_postgres();
    let mut workers = Vec::new();
    for _ in 0..WORKERS {
        workers.push(home.start(&["worker"], &[]).await);
    }
    let arguments = ["serve", "--port", "0", "--no-workers"];
    let server = home.start(&arguments, &[]).await;
    let schedule = json!({
        "name": "every second", "job_type": "data_analysis", "payload": {"message": "tick"},
        "every_seconds": 1, "misfire": "all",
    });
    let http = reqwest::Client::new();
    let stored = Process::post(&http, &server.url("/schedules"), &schedule).await;
    assert_eq!(stored.unwrap().0, 201);
    let database = try_connect(&home.place().url()).await.unwrap();
    until("it ticks", async || {
        verdict::count(&database, "schedule_runs").await >= TICKS
    })
    .await;
    database
        .batch_execute("UPDATE schedules SET paused = TRUE")
        .await
        .unwrap();
    until("every job has ended", async || {
        verdict::count(&database, "job_queue WHERE status <> 'completed'").await == 0
    })
    .await;
    assert!(verdict::check(&database, &BTreeSet::new()).await >= TICKS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_is_taken_back_though_whoever_does_that_died_with_it() {
    // The first mail is never taken.
    let mails = AtomicUsize::new(0);
    let smtp = SmtpServer::with_script(move |step, _| {
        let first = step == "." && mails.fetch_add(1, Ordering::SeqCst) == 0;
        if first { Reply::Silence } else { Reply::Accept }
    })
    .await;
    let home = Home::on_postgres();
    let store = home.store().await;
    let mail = smtp.url();
    let work = async || home.start(&["worker"], &[("SMTP_URL", &mail)]).await;
    let first = work().await;
    let database = try_connect(&home.place().url()).await.unwrap();
    let of = |worker: &Process| {
        let id = worker.id();
        format!("leaders WHERE task = 'maintenance' AND holder LIKE '{id}-%'")
    };
    until("the first worker leads", async || {
        verdict::count(&database, &of(&first)).await == 1
    })
    .await;
    let job = store.job_enqueue(letter()).await.unwrap().job.id;
    until("it has the job", async || {
        store.job_get(job).await.unwrap().unwrap().status == JobStatus::Processing
    })
    .await;
    let others = [work().await, work().await];
    assert_eq!(verdict::count(&database, &of(&first)).await, 1);
    first.kill();
    let began = Instant::now();
    until("somebody else does the job", async || {
        store.job_get(job).await.unwrap().unwrap().status == JobStatus::Completed
    })
    .await;
    let took = began.elapsed();
    assert!(took < FOLLOWED, "{took:?}");
    let mut leaders = 0;
    for other in &others {
        leaders += verdict::count(&database, &of(other)).await;
    }
    assert_eq!(leaders, 1);
}

//! A commit of the server wakes workers in other processes.

use std::{os::unix::net::UnixDatagram, time::Duration};

use lockstep::model::JobStatus;
use serde_json::json;
use tokio::time::Instant;

use crate::support::process::{Home, until};

const JOBS: u32 = 20;
/// How often an idle process looks at the database though nobody told it to.
const POLL: Duration = Duration::from_secs(1);

/// The test listens as a worker does. That the datagram comes is the proof; how soon the jobs end is only their order
/// of magnitude: a worker that was always found idle by the slow look alone would need half a second a job on average,
/// and one that missed every hint up to 20.
#[tokio::test]
async fn an_idle_worker_is_told_at_once_what_the_server_enqueues() {
    let home = Home::new();
    let http = reqwest::Client::new();
    let server = home
        .start(&["serve", "--port", "0", "--no-workers"], &[])
        .await;
    let _worker = home.start(&["worker"], &[]).await;
    let sockets = home.path().join("users.db.wake");
    until("the worker listens", async || sockets.is_dir()).await;
    let listener = UnixDatagram::bind(sockets.join("test.sock")).unwrap();
    listener
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();

    let store = home.store().await;
    let began = Instant::now();
    for number in 0..JOBS {
        let payload = json!({"message": format!("n{number}")});
        let job = server.enqueue(&http, "data_analysis", payload).await;
        until("the job ends", async || {
            store.job_get(job).await.unwrap().unwrap().status == JobStatus::Completed
        })
        .await;
    }
    assert!(began.elapsed() < POLL * JOBS / 2, "{:?}", began.elapsed());
    let mut datagram = [0; 8];
    assert!(listener.recv(&mut datagram).unwrap() > 0);
}

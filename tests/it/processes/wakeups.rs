//! A commit of the server wakes workers in other processes.

use std::{sync::Arc, time::Duration};

use futures::{StreamExt, stream};
use lockstep::model::JobStatus;
use serde_json::json;
use tokio::{net::UnixDatagram, sync::Notify, task::JoinHandle, time::Instant};
use tokio_postgres::AsyncMessage;

use crate::support::{
    place::Place,
    process::{Home, until},
};

const JOBS: u32 = 20;
/// How often an idle process looks at the database though nobody told it to.
const POLL: Duration = Duration::from_secs(1);

/// The test listens as a worker does. That the hint comes is the proof; how soon the jobs end is only their order
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
    let hints = hints(&home).await;

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
    tokio::time::timeout(Duration::from_secs(10), hints)
        .await
        .expect("no hint came")
        .unwrap();
}

/// Listens from now on; ends with the first hint.
async fn hints(home: &Home) -> JoinHandle<()> {
    match home.place() {
        Place::File(_) => {
            let sockets = home.path().join("users.db.wake");
            until("the worker listens", async || sockets.is_dir()).await;
            let listener = UnixDatagram::bind(sockets.join("test.sock")).unwrap();
            tokio::spawn(async move {
                assert!(listener.recv(&mut [0; 8]).await.unwrap() > 0);
            })
        }
        Place::Url(url) => {
            let (client, mut connection) = tokio_postgres::connect(url, tokio_postgres::NoTls)
                .await
                .unwrap();
            let listening = Arc::new(Notify::new());
            let listens = Arc::clone(&listening);
            let heard = tokio::spawn(async move {
                let mut messages = stream::poll_fn(move |cx| connection.poll_message(cx));
                loop {
                    if let AsyncMessage::Notification(_) = messages.next().await.unwrap().unwrap() {
                        return;
                    }
                }
            });
            tokio::spawn(async move {
                client.batch_execute("LISTEN lockstep").await.unwrap();
                listens.notify_one();
                // The connection is closed with its client.
                std::future::pending::<()>().await;
            });
            listening.notified().await;
            heard
        }
    }
}

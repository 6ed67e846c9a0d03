//! Waiting over HTTP: for a job's end, for events; nobody outlasts the server.

use std::time::Duration;

use futures::future::join_all;
use lockstep::{
    model::{ClaimedJob, Settlement},
    store::{Claim, Store},
    validation::Mode,
};
use reqwest::Method;
use serde_json::Value;
use tokio::time::timeout;

use crate::support::{
    database::analysis,
    server::{Answer, TestServer},
};

async fn soon<T>(what: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(20), what)
        .await
        .expect("it hangs")
}

async fn running(store: &Store) -> ClaimedJob {
    store.job_enqueue(analysis()).await.unwrap();
    let claim = Claim {
        queues: &["default"],
        worker: "worker-1",
        limit: 1,
        lease: Duration::from_secs(30),
        reads: None,
    };
    store.job_claim(claim).await.unwrap().jobs.remove(0)
}

async fn complete(store: &Store, run: &ClaimedJob) {
    let done = (run.id, run.lease, Settlement::Complete { result: None });
    store.job_settle(vec![done]).await.unwrap();
}

/// How many requests for `what` have begun to wait is nobody's to say: what they wait for is done meanwhile or before.
async fn waiting(server: &TestServer, id: i64) -> Answer {
    server.get(&format!("/jobs/{id}?wait_seconds=60")).await
}

#[tokio::test]
async fn a_wait_ends_when_another_process_settles_the_job() {
    let server = TestServer::start(Mode::Default).await;
    let worker = server.database.another().await;
    let run = running(&worker).await;
    let (answer, ()) =
        soon(async { tokio::join!(waiting(&server, run.id), complete(&worker, &run)) }).await;
    assert_eq!(
        (answer.status, &answer.json()["status"]),
        (200, &"completed".into())
    );
    // One that has ended is not waited for.
    let answer = soon(waiting(&server, run.id)).await;
    assert_eq!(answer.json()["status"], "completed");
    worker.close().await;
    server.close().await;
}

#[tokio::test]
async fn two_hundred_wait_at_once() {
    let server = TestServer::start(Mode::Default).await;
    let run = running(&server.database.store).await;
    let all = join_all((0..200).map(|_| waiting(&server, run.id)));
    let (answers, ()) =
        soon(async { tokio::join!(all, complete(&server.database.store, &run)) }).await;
    for answer in answers {
        assert_eq!(answer.json()["status"], "completed");
    }
    server.close().await;
}

#[tokio::test]
async fn a_job_that_is_deleted_meanwhile_is_not_found() {
    let server = TestServer::start(Mode::Default).await;
    let store = &server.database.store;
    let job = store.job_enqueue(analysis()).await.unwrap().job;
    let delete = async { store.job_delete(job.id).await.unwrap() };
    let (answer, ()) = soon(async { tokio::join!(waiting(&server, job.id), delete) }).await;
    assert_eq!(answer.status, 404);
    assert_eq!(waiting(&server, 99).await.status, 404);
    server.close().await;
}

#[tokio::test]
async fn whoever_waits_is_answered_when_the_time_is_over_or_the_server_stops() {
    let server = TestServer::start(Mode::Default).await;
    let store = server.database.store.clone();
    let job = store.job_enqueue(analysis()).await.unwrap().job;
    let path = format!("/jobs/{}?wait_seconds", job.id);
    let answer = soon(server.get(&format!("{path}=1"))).await;
    assert_eq!(answer.json()["status"], "pending");
    let refused = server.get(&format!("{path}=61")).await;
    assert_eq!(refused.pointers(), ["/query/wait_seconds"]);
    let last = || server.request(Method::GET, "/events?after=now&wait_seconds=30");
    let stop = async { server.stop_traffic() };
    let (answer, events, ()) =
        soon(async { tokio::join!(waiting(&server, job.id), server.send(last()), stop) }).await;
    assert_eq!(
        (answer.status, &answer.json()["status"]),
        (200, &"pending".into())
    );
    assert_eq!(events.json()["items"], serde_json::json!([]));
    server.close().await;
}

#[tokio::test]
async fn the_log_is_read_on_from_where_it_was() {
    let server = TestServer::start(Mode::Strict).await;
    let store = &server.database.store;
    let now = server.get("/events?after=now").await.json();
    assert_eq!(
        (&now["items"], &now["gap"], &now["more"]),
        (&serde_json::json!([]), &false.into(), &false.into())
    );
    let after = now["cursor"].as_str().unwrap().to_owned();
    let path = format!("/events?after={after}&wait_seconds=30&job_type=data_analysis");
    let enqueue = async { store.job_enqueue(analysis()).await.unwrap() };
    let (answer, _) = soon(async { tokio::join!(server.get(&path), enqueue) }).await;
    let page = answer.json();
    let event = &page["items"][0];
    assert_eq!(
        (&event["job_id"], &event["to"], event.get("from")),
        (&1.into(), &"pending".into(), None)
    );
    assert_eq!(event["id"], page["cursor"]);
    let after = page["cursor"].as_str().unwrap();
    store.job_delete(1).await.unwrap();
    let page = server.get(&format!("/events?after={after}")).await.json();
    let event = &page["items"][0];
    assert_eq!(
        (&event["from"], event.get("to")),
        (&"pending".into(), None),
        "{page}"
    );
    let none = server.get("/events?job_id=7").await.json();
    assert_eq!(
        (&none["items"], &none["cursor"]),
        (&serde_json::json!([]), &page["cursor"])
    );
    for wrong in ["later", "123", "12-", "-1-0", "1-2-3"] {
        let answer = server.get(&format!("/events?after={wrong}")).await;
        assert_eq!(answer.pointers(), ["/query/after"], "{wrong}");
    }
    server.close().await;
}

/// A reader of the stream.
struct Reader {
    response: reqwest::Response,
    text: String,
}

impl Reader {
    async fn open(server: &TestServer, query: &str, last: Option<&str>) -> Self {
        let mut request = server.request(Method::GET, &format!("/events/stream{query}"));
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response = request.send().await.unwrap();
        assert_eq!(
            response.headers()["content-type"],
            "text/event-stream; charset=utf-8"
        );
        let mut reader = Self {
            response,
            text: String::new(),
        };
        assert_eq!(reader.next().await.unwrap(), "retry: 1000");
        reader
    }

    /// The next block; `None` at the end of the stream.
    async fn next(&mut self) -> Option<String> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                return Some(block);
            }
            let chunk = soon(self.response.chunk()).await.unwrap()?;
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    /// The next event: its id and data.
    async fn event(&mut self) -> (String, Value) {
        let block = self.next().await.unwrap();
        let line = |name: &str| {
            let mut lines = block.lines();
            lines.find_map(|line| line.strip_prefix(name).map(str::to_owned))
        };
        assert_eq!(line("event: ").unwrap(), "job", "{block}");
        let data = serde_json::from_str(&line("data: ").unwrap()).unwrap();
        (line("id: ").unwrap(), data)
    }
}

#[tokio::test]
async fn the_stream_goes_on_where_a_reader_left_it_and_ends_with_the_server() {
    let server = TestServer::start(Mode::Default).await;
    let store = &server.database.store;
    store.job_enqueue(analysis()).await.unwrap();
    let mut live = Reader::open(&server, "", None).await;
    let mut other = Reader::open(&server, "?job_id=1&after=1-0", None).await;
    store.job_enqueue(analysis()).await.unwrap();
    // Without a place it begins with what comes after it was opened.
    let (first, data) = live.event().await;
    assert_eq!(
        (&data["job_id"], &data["to"]),
        (&2.into(), &"pending".into())
    );
    assert_eq!(data["id"], first.as_str());
    assert_eq!(other.event().await.1["job_id"], 1);
    store.job_cancel(1).await.unwrap();
    assert_eq!(other.event().await.1["to"], "cancelled");
    assert_eq!(live.event().await.1["to"], "cancelled");
    drop(live);
    let mut again = Reader::open(&server, "?after=now", Some(&first)).await;
    assert_eq!(again.event().await.1["to"], "cancelled");
    let day = Duration::from_hours(24);
    assert_eq!(store.event_trim(0, day, 100).await.unwrap(), 3);
    let mut late = Reader::open(&server, "", Some("1-0")).await;
    assert_eq!(late.next().await.unwrap(), "event: gap\ndata: {}");
    server.stop_traffic();
    assert_eq!(again.next().await, None);
    assert_eq!(late.next().await, None);
    server.close().await;
}

#[tokio::test]
async fn the_stream_asks_for_the_token_and_for_a_place_that_is_one() {
    let token = "a-token-of-sixteen-characters-or-more";
    let server =
        TestServer::start_with(Mode::Default, |config| config.tokens = vec![token.into()]).await;
    assert_eq!(server.get("/events/stream").await.status, 401);
    let wrong = server.request(Method::GET, "/events/stream?after=soon");
    let answer = server.send(wrong.bearer_auth(token)).await;
    assert_eq!(answer.pointers(), ["/query/after"]);
    let wrong = server.request(Method::GET, "/events/stream");
    let wrong = wrong.bearer_auth(token).header("last-event-id", "soon");
    let answer = server.send(wrong).await;
    assert_eq!(answer.pointers(), ["/header/Last-Event-ID"]);
    server.close().await;
}

/// Whoever does not read costs two pages, gets everything when it does, and does not keep the server from stopping.
#[tokio::test]
async fn a_reader_that_does_not_read_keeps_nobody() {
    let server = TestServer::start(Mode::Default).await;
    let store = &server.database.store;
    let mut slow = Reader::open(&server, "?after=1-0", None).await;
    let item = || lockstep::model::NewItem {
        job: analysis(),
        after_items: Vec::new(),
    };
    for _ in 0..10 {
        let items = std::iter::repeat_with(item).take(1_000).collect();
        store.job_enqueue_all(items, None).await.unwrap();
    }
    for job in 1..=2_000 {
        assert_eq!(slow.event().await.1["job_id"], job);
    }
    server.close().await;
}

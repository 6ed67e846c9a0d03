//! Requests that never end, and a stop that does.

use std::time::{Duration, Instant};

use lockstep::validation::Mode;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::support::{database::analysis, process::until, server::TestServer};

async fn connect(server: &TestServer, text: &str) -> TcpStream {
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    stream
}

/// Half a body comes, and nothing more: Dropshot by itself would wait for ever.
#[tokio::test]
async fn a_stop_does_not_wait_for_a_body_that_never_comes() {
    let server = TestServer::start(Mode::Default).await;
    let head = "POST /users HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{";
    let _half = connect(&server, head).await;
    let _silent = connect(&server, "").await;
    // The half-sent request has arrived once a later one on another connection is answered.
    assert_eq!(server.get("/healthz").await.status, 200);
    let began = Instant::now();
    server.close_within(Duration::from_millis(300)).await;
    assert!(
        began.elapsed() < Duration::from_secs(10),
        "{:?}",
        began.elapsed()
    );
}

/// Each is stored, and told in the metrics, though nobody is there for the answer.
#[tokio::test]
async fn what_changes_something_is_finished_when_its_caller_hangs_up() {
    let server = TestServer::start(Mode::Default).await;
    let lock = server.database.place().locked();
    let mut callers = Vec::new();
    for number in 0..20 {
        let body = format!(r#"{{"email":"ada{number}@example.com","age":36}}"#);
        let head = "POST /users HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n";
        let length = body.len();
        let request = format!("{head}content-length: {length}\r\n\r\n{body}");
        callers.push(connect(&server, &request).await);
    }
    // What was sent before has arrived once a later request on another connection is answered.
    assert_eq!(server.get("/healthz").await.status, 200);
    drop(callers);
    assert_eq!(server.get("/healthz").await.status, 200);
    drop(lock);
    let counted = r#"http_requests_total{operation="create_user",status="201"} 20"#;
    until("every sign-up is counted", || async {
        server.metrics.encode(&[]).contains(counted)
    })
    .await;
    let users = server.get("/users?limit=100").await.json();
    assert_eq!(users["items"].as_array().unwrap().len(), 20);
    server.close().await;
}

/// Nobody waits for a job's end in vain, and it shows in the metrics.
#[tokio::test]
async fn what_only_reads_ends_with_its_caller() {
    let server = TestServer::start(Mode::Default).await;
    let job = server.database.store.job_enqueue(analysis()).await;
    let id = job.unwrap().job.id;
    let wait = format!("GET /jobs/{id}?wait_seconds=60 HTTP/1.1\r\nhost: x\r\n\r\n");
    let caller = connect(&server, &wait).await;
    assert_eq!(server.get("/healthz").await.status, 200);
    drop(caller);
    until("the wait has ended", || async {
        let left = r#"http_requests_total{operation="get_job",status="499"} 1"#;
        server.metrics.encode(&[]).contains(left)
    })
    .await;
    server.close().await;
}

#[tokio::test]
async fn an_idle_server_stops_at_once() {
    let server = TestServer::start(Mode::Default).await;
    assert_eq!(server.get("/healthz").await.status, 200);
    assert!(server.close_within(Duration::from_secs(10)).await);
}

/// What is no HTTP is answered or hung up on; the server goes on.
#[tokio::test]
async fn nonsense_on_the_wire_harms_nobody() {
    let server = TestServer::start(Mode::Default).await;
    for nonsense in [
        "\r\n\r\n",
        "GET\r\n\r\n",
        "GET /users HTTP/9.9\r\n\r\n",
        "\u{16}\u{3}\u{1}\u{2}",
        "POST /users HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n",
        "POST /users HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        "GET /users/%ff%fe HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
    ] {
        let mut stream = connect(&server, nonsense).await;
        stream.shutdown().await.unwrap();
        let mut answer = Vec::new();
        let read = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut answer));
        let read = read
            .await
            .unwrap_or_else(|_| panic!("no end after {nonsense:?}"));
        let answer = String::from_utf8_lossy(&answer);
        assert!(
            read.is_err() || answer.is_empty() || answer.starts_with("HTTP/1.1 4"),
            "{nonsense:?}: {answer}"
        );
    }
    assert_eq!(server.get("/users").await.status, 200);
    server.close().await;
}

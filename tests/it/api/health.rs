//! The seed's health answers, and what a stopping server says.

use lockstep::validation::Mode;
use serde_json::json;

use crate::support::server::TestServer;

#[tokio::test]
async fn health_has_the_seeds_shape() {
    let server = TestServer::start(Mode::Default).await;
    server.post("/enqueue/data_analysis", "{}").await;
    let health = server.get("/health").await;
    let expected = json!({
        "status": "healthy", "database": "connected",
        "jobs": {"pending": 1, "processing": 0, "failed": 0},
    });
    assert_eq!((health.status, health.json()), (200, expected));
    server.close().await;
}

/// The database is there, and its tables are not: the queue is what does not answer.
#[tokio::test]
async fn an_unhealthy_queue_is_told_with_its_own_body() {
    let server = TestServer::start(Mode::Default).await;
    let tables = "ALTER TABLE job_counts RENAME TO lost";
    server.database.place().execute(tables);
    let health = server.get("/health").await;
    let expected = json!({"status": "unhealthy", "error": "job queue unavailable"});
    assert_eq!((health.status, health.json()), (503, expected));
    // What happened is in the log, not in the answer.
    let stats = server.get("/job-stats").await;
    assert_eq!((stats.status, stats.code().as_str()), (500, "internal"));
    assert!(!stats.text.contains("job_counts"), "{}", stats.text);
    // Alive all the same.
    assert_eq!(server.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn a_stopping_server_wants_no_more_traffic() {
    let server = TestServer::start(Mode::Default).await;
    assert_eq!(
        server.get("/readyz").await.json(),
        json!({"status": "ready"})
    );
    server.stop_traffic();
    let answer = server.get("/readyz").await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (503, "unavailable")
    );
    assert!(answer.header("retry-after").is_some());
    // Who asks nevertheless is answered until the end.
    assert_eq!(server.get("/users").await.status, 200);
    server.close().await;
}

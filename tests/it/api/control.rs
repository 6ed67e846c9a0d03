//! Pauses, limits, workers and explanations over HTTP.

use lockstep::{model::WorkerCard, validation::Mode};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::server::{Answer, TestServer};

async fn put(server: &TestServer, path: &str, body: &Value) -> Answer {
    let request = server.request(Method::PUT, path).body(body.to_string());
    server
        .send(request.header("content-type", "application/json"))
        .await
}

async fn queue(server: &TestServer, name: &str) -> Value {
    let queues = server.get("/queues").await.json();
    let mut items = queues["items"].as_array().unwrap().iter();
    items.find(|it| it["queue"] == name).unwrap().clone()
}

async fn job_type(server: &TestServer, name: &str) -> Value {
    let types = server.get("/job-types").await.json();
    let mut items = types["items"].as_array().unwrap().iter();
    items.find(|it| it["job_type"] == name).unwrap().clone()
}

#[tokio::test]
async fn a_queue_shows_its_jobs_its_pause_and_its_limits() {
    let server = TestServer::start(Mode::Strict).await;
    assert_eq!(queue(&server, "default").await["counts"]["pending"], 0);
    server.post("/enqueue/data_analysis", "{}").await;
    let why = r#"{"reason": "provider is down", "by": "ada"}"#;
    let paused = server.post("/queues/default/pause", why).await;
    assert_eq!(paused.status, 200);
    let shown = queue(&server, "default").await;
    assert_eq!(shown, paused.json());
    assert_eq!(shown["counts"]["pending"], 1);
    assert_eq!(
        shown["pause"],
        json!({"since": "2026-11-24T12:00:00Z", "reason": "provider is down", "by": "ada"})
    );
    let limits =
        json!({"concurrency": 2, "rate": {"limit": 5, "period_seconds": 60}, "max_depth": 1});
    let limited = put(&server, "/queues/default/limits", &limits).await;
    assert_eq!((limited.status, &limited.json()["limits"]), (200, &limits));
    // The pause is another order.
    assert!(limited.json()["pause"].is_object());
    let full = server.post("/enqueue/data_analysis", "{}").await;
    assert_eq!(
        (full.status, full.code(), full.header("retry-after")),
        (429, "queue_full".to_owned(), Some("5"))
    );
    let free = put(&server, "/queues/default/limits", &json!({})).await;
    assert_eq!(free.json()["limits"], json!({}));
    let resumed = server.post("/queues/default/resume", "").await.json();
    assert!(resumed.get("pause").is_none(), "{resumed}");
    assert_eq!(
        server.post("/enqueue/data_analysis", "{}").await.status,
        201
    );
    // One that nobody has heard of may be ordered about before it has jobs.
    server.post("/queues/later/pause", "{}").await;
    assert!(queue(&server, "later").await["pause"]["since"].is_string());
    server.close().await;
}

#[tokio::test]
async fn a_job_type_shows_its_orders_and_what_it_declares() {
    let server = TestServer::start(Mode::Strict).await;
    let declared = job_type(&server, "data_export").await;
    assert!(declared.get("pause").is_none(), "{declared}");
    assert_eq!(declared["retention"]["completed_seconds"], 2_592_000);
    let limits = json!({"concurrency": 2, "rate": {"limit": 1, "period_seconds": 86400}});
    let limited = put(&server, "/job-types/data_export/limits", &limits).await;
    assert_eq!((limited.status, &limited.json()["limits"]), (200, &limits));
    let paused = server.post("/job-types/data_export/pause", "{}").await;
    assert_eq!(paused.json(), job_type(&server, "data_export").await);
    assert!(paused.json()["pause"]["since"].is_string());
    assert_eq!(paused.json()["limits"], limits);
    server.post("/job-types/data_export/resume", "").await;
    put(&server, "/job-types/data_export/limits", &json!({})).await;
    assert_eq!(job_type(&server, "data_export").await, declared);
    server.close().await;
}

#[tokio::test]
async fn wrong_orders_change_nothing_and_say_where_they_are_wrong() {
    let server = TestServer::start(Mode::Default).await;
    let queue_limits = "/queues/default/limits";
    let rate =
        |limit: i64, period: i64| json!({"rate": {"limit": limit, "period_seconds": period}});
    for (path, body, at) in [
        (queue_limits, json!({"concurrency": 0}), "/body/concurrency"),
        (queue_limits, json!({"max_depth": -1}), "/body/max_depth"),
        (queue_limits, rate(0, 60), "/body/rate/limit"),
        (queue_limits, rate(1, 86_401), "/body/rate/period_seconds"),
        (
            queue_limits,
            json!({"rate": {"limit": 1}}),
            "/body/rate/period_seconds",
        ),
        (queue_limits, json!({"colour": 1}), "/body/colour"),
        (
            "/job-types/data_export/limits",
            json!({"max_depth": 1}),
            "/body/max_depth",
        ),
        ("/queues/No-Such/limits", json!({}), "/path/queue"),
    ] {
        let answer = put(&server, path, &body).await;
        assert_eq!(answer.pointers(), [at], "{path} {body}");
    }
    let long = json!({"reason": "x".repeat(501)}).to_string();
    let answer = server.post("/queues/default/pause", long).await;
    assert_eq!(answer.pointers(), ["/body/reason"]);
    for path in ["pause", "resume"] {
        let path = format!("/job-types/make_coffee/{path}");
        assert_eq!(server.post(&path, "{}").await.status, 404, "{path}");
    }
    let unknown = put(&server, "/job-types/make_coffee/limits", &json!({})).await;
    assert_eq!(unknown.code(), "not_found");
    assert_eq!(server.database.store.controls().await.unwrap().len(), 0);
    server.close().await;
}

#[tokio::test]
async fn a_job_says_why_it_is_not_running() {
    let server = TestServer::start(Mode::Strict).await;
    server
        .post("/enqueue/data_analysis?delay_seconds=60", "{}")
        .await;
    server
        .post("/queues/default/pause", r#"{"by": "ada"}"#)
        .await;
    let explanation = server.get("/jobs/1/explain").await.json();
    assert_eq!(
        (
            &explanation["id"],
            &explanation["status"],
            &explanation["runnable"]
        ),
        (&json!(1), &json!("scheduled"), &json!(false))
    );
    let reasons = explanation["reasons"].as_array().unwrap();
    let codes: Vec<_> = reasons
        .iter()
        .map(|it| it["code"].as_str().unwrap())
        .collect();
    assert_eq!(codes, ["scheduled", "queue_paused", "no_worker"]);
    assert_eq!(reasons[0]["until"], "2026-11-24T12:01:00Z");
    assert!(reasons[1]["message"].as_str().unwrap().contains("by ada"));
    let parent = server.post("/enqueue/data_analysis?after=1", "{}").await;
    assert_eq!(parent.status, 201);
    let blocked = server.get("/jobs/2/explain").await.json();
    assert!(
        blocked["reasons"]
            .as_array()
            .unwrap()
            .iter()
            .any(|it| { it["code"] == "blocked_by_jobs" && it["related_job_id"] == 1 }),
        "{blocked}"
    );
    assert_eq!(server.get("/jobs/99/explain").await.code(), "not_found");
    server.close().await;
}

#[tokio::test]
async fn live_workers_are_listed_by_name() {
    let server = TestServer::start(Mode::Strict).await;
    assert_eq!(server.get("/workers").await.json(), json!({"items": []}));
    let inside = WorkerCard {
        worker: "b".to_owned(),
        queues: vec!["default".to_owned()],
        reads: None,
        slots: 3,
        version: "0.1.0".to_owned(),
    };
    server.database.store.worker_seen(inside).await.unwrap();
    server.post("/enqueue/data_analysis", "{}").await;
    let claim = json!({"worker": "a", "queues": ["default"], "limit": 1, "lease_seconds": 60,
        "job_types": [{"job_type": "data_analysis"}]});
    server.post("/work", claim.to_string()).await;
    let at = "2026-11-24T12:00:00Z";
    assert_eq!(
        server.get("/workers").await.json()["items"],
        json!([
            {"worker": "a", "queues": ["default"], "job_types": [{"job_type": "data_analysis"}], "slots": 0,
             "running": 1, "version": "http", "started_at": at, "seen_at": at},
            {"worker": "b", "queues": ["default"], "slots": 3, "running": 0, "version": "0.1.0",
             "started_at": at, "seen_at": at},
        ])
    );
    server.close().await;
}

//! Jobs over HTTP: what is accepted, what is shown, which change of state is allowed.

use std::time::Duration;

use lockstep::{store::Claim, validation::Mode};
use reqwest::Method;
use serde_json::json;

use crate::support::server::{Answer, TestServer};

async fn act(server: &TestServer, method: Method, path: &str) -> Answer {
    server.send(server.request(method, path)).await
}

#[tokio::test]
async fn both_ways_to_enqueue_check_the_same_schema() {
    let server = TestServer::start(Mode::Default).await;
    let payload = r#"{"message": "", "recipients": ["nobody"], "colour": 1}"#;
    let mut typed = server
        .post("/enqueue/email_notification", payload)
        .await
        .pointers();
    let generic = format!(r#"{{"job_type": "email_notification", "payload": {payload}}}"#);
    let mut generic = server.post("/jobs", generic).await.pointers();
    typed.sort();
    generic.sort();
    assert_eq!(
        typed,
        ["/body/colour", "/body/message", "/body/recipients/0"]
    );
    let within = |at: &String| at.replace("/body/payload", "/body");
    assert_eq!(generic.iter().map(within).collect::<Vec<_>>(), typed);
    assert_eq!(server.get("/job-stats").await.json()["total"]["pending"], 0);
    server.close().await;
}

#[tokio::test]
async fn an_undeclared_job_type_is_answered_with_the_declared_ones() {
    let server = TestServer::start(Mode::Default).await;
    let answer = server
        .post("/jobs", r#"{"job_type": "make_coffee", "payload": {}}"#)
        .await;
    assert_eq!(answer.pointers(), ["/body/job_type"]);
    for declared in lockstep::contract::POLICIES {
        assert!(answer.text.contains(declared.job_type), "{}", answer.text);
    }
    assert_eq!(server.post("/enqueue/make_coffee", "{}").await.status, 404);
    server.close().await;
}

#[tokio::test]
async fn options_override_what_the_type_declares() {
    let server = TestServer::start(Mode::Default).await;
    let query =
        "/enqueue/data_analysis?priority=-5&max_retries=0&scheduled_at=2030-01-01T00:00:00Z";
    let job = server.post(query, "{}").await;
    assert_eq!(job.status, 201);
    let job = job.json();
    assert_eq!(
        (&job["priority"], &job["max_retries"]),
        (&json!(-5), &json!(0))
    );
    assert_eq!(
        (&job["status"], &job["scheduled_at"]),
        (&json!("scheduled"), &json!("2030-01-01T00:00:00Z"))
    );
    let generic = json!({"job_type": "data_analysis", "payload": {}, "priority": -5, "max_retries": 0,
        "scheduled_at": "2030-01-01T00:00:00Z"});
    let same = server.post("/jobs", generic.to_string()).await.json();
    for key in [
        "priority",
        "max_retries",
        "status",
        "scheduled_at",
        "queue",
        "schema_fingerprint",
    ] {
        assert_eq!(same[key], job[key], "{key}");
    }
    let wrong = "/enqueue/data_analysis?priority=1001&max_retries=-1&scheduled_at=tomorrow";
    let pointers = server.post(wrong, "{}").await.pointers();
    assert_eq!(
        pointers,
        [
            "/query/priority",
            "/query/max_retries",
            "/query/scheduled_at"
        ]
    );
    server.close().await;
}

#[tokio::test]
async fn sensitive_fields_are_masked_wherever_a_job_is_shown() {
    let server = TestServer::start(Mode::Default).await;
    let payload = r#"{"message": "hi", "recipients": ["ada@example.com"]}"#;
    let created = server.post("/enqueue/email_notification", payload).await;
    let shown = [
        created,
        server.get("/jobs/1").await,
        server.get("/jobs").await,
    ];
    let cancelled = act(&server, Method::POST, "/jobs/1/cancel").await;
    let retried = act(&server, Method::POST, "/jobs/1/retry").await;
    for answer in shown.iter().chain([&cancelled, &retried]) {
        assert!(
            answer.status < 300 && answer.text.contains("[masked]"),
            "{answer:?}"
        );
        assert!(!answer.text.contains("ada@"), "{answer:?}");
    }
    server.close().await;
}

#[tokio::test]
async fn only_fitting_changes_of_state_are_allowed() {
    let server = TestServer::start(Mode::Default).await;
    server.post("/enqueue/data_analysis", "{}").await;
    let retry = act(&server, Method::POST, "/jobs/1/retry").await;
    assert_eq!(
        (retry.status, retry.code().as_str()),
        (409, "job_not_retryable")
    );
    let claim = Claim {
        queues: &["default"],
        worker: "w",
        limit: 1,
        lease: Duration::from_mins(1),
        reads: None,
    };
    assert_eq!(
        server
            .database
            .store
            .job_claim(claim)
            .await
            .unwrap()
            .jobs
            .len(),
        1
    );
    let delete = act(&server, Method::DELETE, "/jobs/1").await;
    assert_eq!(
        (delete.status, delete.code().as_str()),
        (409, "job_processing")
    );
    // A running job is asked to stop.
    let cancel = act(&server, Method::POST, "/jobs/1/cancel").await;
    assert_eq!(
        (cancel.status, &cancel.json()["status"]),
        (200, &json!("processing"))
    );
    let attempts = server.get("/jobs/1/attempts").await.json();
    assert_eq!(attempts["items"][0]["worker"], "w");
    server.post("/enqueue/data_analysis", "{}").await;
    assert_eq!(
        act(&server, Method::POST, "/jobs/2/cancel").await.json()["status"],
        "cancelled"
    );
    let twice = act(&server, Method::POST, "/jobs/2/cancel").await;
    assert_eq!((twice.status, twice.code().as_str()), (409, "job_ended"));
    assert_eq!(act(&server, Method::DELETE, "/jobs/2").await.status, 204);
    for path in ["/jobs/2", "/jobs/2/attempts"] {
        assert_eq!(server.get(path).await.status, 404, "{path}");
    }
    server.close().await;
}

#[tokio::test]
async fn jobs_are_listed_by_state_and_type() {
    let server = TestServer::start(Mode::Default).await;
    server.post("/enqueue/data_analysis", "{}").await;
    server.post("/enqueue/data_export", "{}").await;
    act(&server, Method::POST, "/jobs/2/cancel").await;
    let count = |query: &'static str| {
        let server = &server;
        async move {
            server.get(query).await.json()["items"]
                .as_array()
                .unwrap()
                .len()
        }
    };
    assert_eq!(count("/jobs").await, 2);
    assert_eq!(count("/jobs?status=cancelled").await, 1);
    assert_eq!(count("/jobs?status=pending&job_type=data_export").await, 0);
    assert_eq!(count("/jobs?job_type=unheard_of").await, 0);
    assert_eq!(
        server.get("/jobs?status=asleep").await.pointers(),
        ["/query/status"]
    );
    server.close().await;
}

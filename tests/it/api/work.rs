//! Jobs that are run over HTTP alone: claim, heartbeat, settle, and leases that are not the job's any more.

use std::time::Duration;

use lockstep::validation::Mode;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::server::{Answer, TestServer};

async fn claim_with(server: &TestServer, body: Value) -> Vec<Value> {
    let answer = server.post("/work", body.to_string()).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["jobs"].as_array().unwrap().clone()
}

async fn claim(server: &TestServer, worker: &str, limit: u32) -> Vec<Value> {
    let body =
        json!({"worker": worker, "queues": ["default"], "limit": limit, "lease_seconds": 30});
    claim_with(server, body).await
}

fn lease(job: &Value) -> String {
    format!("\"{}\"", job["lease"].as_str().unwrap())
}

async fn heartbeat(server: &TestServer, id: &Value, lease: &str) -> Answer {
    let path = format!("/work/{id}/heartbeat?lease_seconds=60");
    let request = server.request(Method::POST, &path);
    server.send(request.header("if-match", lease)).await
}

async fn settle(server: &TestServer, id: &Value, lease: &str, body: Value) -> Answer {
    let path = format!("/work/{id}/settle");
    let request = server.request(Method::POST, &path).body(body.to_string());
    let request = request.header("content-type", "application/json");
    server.send(request.header("if-match", lease)).await
}

async fn notification(server: &TestServer) {
    let body = r#"{"message": "hi", "recipients": ["ada@example.com"]}"#;
    let answer = server.post("/enqueue/email_notification", body).await;
    assert_eq!(answer.status, 201);
}

#[tokio::test]
async fn a_whole_job_is_done_over_http() {
    let server = TestServer::start(Mode::Strict).await;
    notification(&server).await;
    let [job] = &claim(&server, "python-1", 10).await[..] else {
        panic!("not one job");
    };
    // The worker needs what everybody else does not see.
    assert_eq!(job["payload"]["recipients"], json!(["ada@example.com"]));
    assert_eq!(
        (
            &job["job_type"],
            &job["attempt"],
            &job["lease_expires_in_seconds"]
        ),
        (&json!("email_notification"), &json!(1), &json!(30))
    );
    let (id, lease) = (&job["id"], lease(job));
    let beat = heartbeat(&server, id, &lease).await;
    assert_eq!(
        beat.json(),
        json!({"state": "live", "lease_expires_in_seconds": 60})
    );
    // The heartbeat counts: the first lease would be over by now.
    server.database.advance(Duration::from_secs(59));
    assert_eq!(
        server.database.store.job_rescue(9).await.unwrap().retaken,
        0
    );
    let done = json!({"outcome": "completed", "result": {"sent": 1}});
    let settled = settle(&server, id, &lease, done.clone()).await;
    assert_eq!(settled.status, 200, "{settled:?}");
    let stored = server.get(&format!("/jobs/{id}")).await.json();
    assert_eq!(settled.json(), stored);
    assert_eq!(
        (
            &stored["status"],
            &stored["result"],
            &stored["payload"]["recipients"]
        ),
        (&json!("completed"), &json!({"sent": 1}), &json!("[masked]"))
    );
    let runs = server.get(&format!("/jobs/{id}/attempts")).await.json();
    assert_eq!(runs["items"][0]["worker"], "python-1");
    // Once.
    let again = settle(&server, id, &lease, done).await;
    assert_eq!((again.status, again.code().as_str()), (412, "stale_lease"));
    server.close().await;
}

#[tokio::test]
async fn a_worker_that_was_too_late_changes_nothing() {
    let server = TestServer::start(Mode::Strict).await;
    notification(&server).await;
    let late = claim(&server, "late", 1).await.remove(0);
    server.database.advance(Duration::from_secs(30));
    assert_eq!(
        server.database.store.job_rescue(9).await.unwrap().retaken,
        1
    );
    let path = format!("/jobs/{}", late["id"]);
    let pending = server.get(&path).await.json();
    assert_eq!(pending["status"], "pending");
    let done = json!({"outcome": "completed", "result": {"sent": 1}});
    for _ in 0..2 {
        let beat = heartbeat(&server, &late["id"], &lease(&late)).await;
        assert_eq!((beat.status, beat.code().as_str()), (412, "stale_lease"));
        let settled = settle(&server, &late["id"], &lease(&late), done.clone()).await;
        assert_eq!(
            (settled.status, settled.code().as_str()),
            (412, "stale_lease")
        );
    }
    assert_eq!(server.get(&path).await.json(), pending);
    let next = claim(&server, "next", 1).await.remove(0);
    assert_eq!((&next["id"], &next["attempt"]), (&late["id"], &json!(2)));
    assert_ne!(lease(&next), lease(&late));
    let settled = settle(&server, &late["id"], &lease(&late), done.clone()).await;
    assert_eq!(settled.status, 412);
    let settled = settle(&server, &next["id"], &lease(&next), done).await;
    assert_eq!(settled.json()["status"], "completed");
    server.close().await;
}

#[tokio::test]
async fn two_workers_never_have_the_same_job_and_take_what_they_can_do() {
    let server = TestServer::start(Mode::Strict).await;
    for _ in 0..4 {
        notification(&server).await;
    }
    server.post("/enqueue/data_analysis", "{}").await;
    let (left, right) = tokio::join!(claim(&server, "left", 2), claim(&server, "right", 2));
    let mut ids: Vec<_> = left
        .iter()
        .chain(&right)
        .map(|job| job["id"].as_u64())
        .collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 4);
    notification(&server).await;
    let reads = |job_types: Value| json!({"worker": "r", "queues": ["default"], "limit": 9, "lease_seconds": 30, "job_types": job_types});
    let other = json!([{"job_type": "email_notification", "schema_fingerprint": "of tomorrow"}]);
    assert_eq!(claim_with(&server, reads(other)).await.len(), 0);
    let any = json!([{"job_type": "data_analysis"}]);
    let analysis = claim_with(&server, reads(any)).await;
    assert_eq!(analysis.len(), 1);
    assert_eq!(analysis[0]["job_type"], "data_analysis");
    // What one could not read was put aside for those who can.
    assert_eq!(claim(&server, "left", 9).await.len(), 1);
    let elsewhere =
        json!({"worker": "r", "queues": ["elsewhere"], "limit": 9, "lease_seconds": 30});
    assert_eq!(claim_with(&server, elsewhere).await.len(), 0);
    server.close().await;
}

#[tokio::test]
async fn a_running_job_that_is_cancelled_hears_of_it_with_its_heartbeat() {
    let server = TestServer::start(Mode::Strict).await;
    notification(&server).await;
    let job = claim(&server, "w", 1).await.remove(0);
    server
        .post(&format!("/jobs/{}/cancel", job["id"]), "")
        .await;
    let beat = heartbeat(&server, &job["id"], &lease(&job)).await.json();
    assert_eq!(beat["state"], "cancel_requested");
    let body = json!({"outcome": "cancelled", "error": "stopped halfway"});
    let settled = settle(&server, &job["id"], &lease(&job), body).await.json();
    assert_eq!(
        (&settled["status"], &settled["error_message"]),
        (&json!("cancelled"), &json!("stopped halfway"))
    );
    server.close().await;
}

#[tokio::test]
async fn each_outcome_does_what_it_does_for_a_worker_inside() {
    let server = TestServer::start(Mode::Strict).await;
    let retry = json!({"outcome": "retry", "error": "no luck"});
    let outcomes = [
        // The backoff of the type: five minutes for the first retry.
        (retry.clone(), "", "retry_pending", 300, 1),
        (
            json!({"outcome": "retry", "error": "no luck", "delay_seconds": 7}),
            "",
            "retry_pending",
            7,
            1,
        ),
        (retry, "?max_retries=0", "failed", 0, 0),
        (
            json!({"outcome": "failed", "error": "never"}),
            "",
            "failed",
            0,
            0,
        ),
        (
            json!({"outcome": "snoozed", "delay_seconds": 9}),
            "",
            "scheduled",
            9,
            0,
        ),
        (json!({"outcome": "released"}), "", "pending", 0, 0),
    ];
    for (body, query, status, seconds, retries) in outcomes {
        let path = format!("/enqueue/data_analysis{query}");
        let enqueued = server.post(&path, "{}").await.json();
        let due = enqueued["scheduled_at"].as_str().unwrap();
        let job = claim(&server, "w", 1).await.remove(0);
        assert_eq!(job["id"], enqueued["id"]);
        let settled = settle(&server, &job["id"], &lease(&job), body.clone())
            .await
            .json();
        let shown = (
            &settled["status"],
            &settled["retry_count"],
            &settled["error_message"],
        );
        let error = body.get("error").cloned().unwrap_or_default();
        assert_eq!(shown, (&json!(status), &json!(retries), &error), "{body}");
        let at: chrono::DateTime<chrono::Utc> = due.parse().unwrap();
        let at = at + chrono::TimeDelta::seconds(seconds);
        let scheduled: chrono::DateTime<chrono::Utc> =
            settled["scheduled_at"].as_str().unwrap().parse().unwrap();
        assert_eq!(scheduled, at, "{body}");
    }
    server.close().await;
}

#[tokio::test]
async fn what_is_wrong_with_a_report_is_told_and_the_job_still_runs() {
    let server = TestServer::start(Mode::Strict).await;
    notification(&server).await;
    let job = claim(&server, "w", 1).await.remove(0);
    let (id, lease) = (&job["id"], lease(&job));
    for (body, at) in [
        (json!({}), "/body/outcome"),
        (json!({"outcome": "done"}), "/body/outcome"),
        (json!({"outcome": "failed"}), "/body/error"),
        (json!({"outcome": "retry"}), "/body/error"),
        (json!({"outcome": "snoozed"}), "/body/delay_seconds"),
        (json!({"outcome": "released", "error": "x"}), "/body/error"),
        (
            json!({"outcome": "failed", "error": "x", "delay_seconds": 1}),
            "/body/delay_seconds",
        ),
        (
            json!({"outcome": "failed", "error": "x", "result": {"sent": 1}}),
            "/body/result",
        ),
        (json!({"outcome": "completed"}), "/body/result"),
        (
            json!({"outcome": "completed", "result": {}}),
            "/body/result/sent",
        ),
        (
            json!({"outcome": "completed", "result": {"sent": "one"}}),
            "/body/result/sent",
        ),
    ] {
        let answer = settle(&server, id, &lease, body.clone()).await;
        assert_eq!(answer.pointers(), [at], "{body}");
    }
    assert_eq!(heartbeat(&server, id, &lease).await.json()["state"], "live");
    let done = json!({"outcome": "completed", "result": {"sent": 1}});
    assert_eq!(settle(&server, id, &lease, done).await.status, 200);
    server.close().await;
}

#[tokio::test]
async fn a_lease_that_is_not_the_jobs_settles_nothing() {
    let server = TestServer::start(Mode::Strict).await;
    notification(&server).await;
    let job = claim(&server, "w", 1).await.remove(0);
    let (id, lease) = (&job["id"], lease(&job));
    let done = json!({"outcome": "completed", "result": {"sent": 1}});
    for wrong in ["*", "abc", "\"1\", \"2\""] {
        let answer = settle(&server, id, wrong, done.clone()).await;
        assert_eq!(answer.pointers(), ["/header/If-Match"], "{wrong}");
    }
    for foreign in ["\"abc\"", "\"1\"", "W/\"1\""] {
        let answer = settle(&server, id, foreign, done.clone()).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (412, "stale_lease"),
            "{foreign}"
        );
    }
    for path in ["settle", "heartbeat"] {
        let request = server.request(Method::POST, &format!("/work/{id}/{path}"));
        let request = request.header("content-type", "application/json");
        let body = if path == "settle" {
            done.to_string()
        } else {
            String::new()
        };
        let answer = server.send(request.body(body)).await;
        assert_eq!(answer.pointers(), ["/header/If-Match"], "{path}");
    }
    let nobody = settle(&server, &json!(99), &lease, done.clone()).await;
    assert_eq!(nobody.status, 404);
    assert_eq!(heartbeat(&server, id, &lease).await.json()["state"], "live");
    assert_eq!(settle(&server, id, &lease, done).await.status, 200);
    server.close().await;
}

#[tokio::test]
async fn a_claim_names_its_worker_queues_and_bounds() {
    let server = TestServer::start(Mode::Strict).await;
    for (body, at) in [
        (
            json!({"worker": "w", "queues": [], "limit": 1, "lease_seconds": 5}),
            "/body/queues",
        ),
        (
            json!({"worker": "w", "queues": ["a"], "limit": 0, "lease_seconds": 5}),
            "/body/limit",
        ),
        (
            json!({"worker": "w", "queues": ["a"], "limit": 1, "lease_seconds": 4}),
            "/body/lease_seconds",
        ),
        (
            json!({"worker": "a b", "queues": ["a"], "limit": 1, "lease_seconds": 5}),
            "/body/worker",
        ),
    ] {
        let answer = server.post("/work", body.to_string()).await;
        assert_eq!(answer.pointers(), [at], "{body}");
    }
    server.close().await;
}

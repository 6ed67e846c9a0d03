//! The generated client calls each operation of the contract once; the server's own count says which were served.

use std::collections::BTreeSet;

use lockstep::{contract::OPERATIONS, validation::Mode};
use lockstep_client::{Client, types};

use crate::support::server::TestServer;

#[tokio::test]
async fn the_client_calls_every_operation() {
    let server = TestServer::start(Mode::Strict).await;
    let client = server.client();
    health(&client).await;
    users(&client).await;
    enqueue(&client).await;
    jobs(&client).await;
    schedules(&client).await;
    groups(&client).await;
    bulk(&client).await;
    control(&client).await;
    work(&client).await;
    assert_eq!(
        served(&server),
        OPERATIONS.iter().map(|one| one.id.to_owned()).collect()
    );
    server.close().await;
}

/// The operations that the server counted as answered with success.
fn served(server: &TestServer) -> BTreeSet<String> {
    let text = server.metrics.encode(&[]);
    let lines = text
        .lines()
        .filter_map(|line| line.strip_prefix("http_requests_total{operation=\""));
    let found = lines.filter_map(|line| line.split_once('"'));
    found
        .filter(|(_, rest)| rest.starts_with(",status=\"2"))
        .map(|(id, _)| id.to_owned())
        .collect()
}

async fn health(client: &Client) {
    let health = client.get_health().send().await.unwrap().into_inner();
    assert_eq!(health.status, types::HealthStatus::Healthy);
    assert_eq!(
        (
            health.jobs.pending,
            health.jobs.processing,
            health.jobs.failed
        ),
        (0, 0, 0)
    );
    client.get_liveness().send().await.unwrap();
    client.get_readiness().send().await.unwrap();
    let version = client.get_version().send().await.unwrap().into_inner();
    assert_eq!(version.contract.as_str(), lockstep::contract::VERSION);
}

async fn users(client: &Client) {
    let ada = client
        .create_user()
        .body_map(|body| body.email("ada@example.com").age(types::UserAge(36)));
    let created = ada.send().await.unwrap();
    let id = created.id;
    assert_eq!(
        created.headers()["location"],
        format!("/users/{id}").as_str()
    );
    assert!(created.is_active);
    let fetched = client.get_user().id(id).send().await.unwrap();
    assert_eq!(*fetched, *created);
    let change = client.update_user().id(id).if_match(etag(&fetched));
    let changed = change
        .body_map(|body| body.age(types::UserAge(37)))
        .send()
        .await
        .unwrap();
    assert_eq!(changed.age, types::UserAge(37));
    let page = client
        .list_users()
        .email("ADA@example.com")
        .send()
        .await
        .unwrap();
    assert_eq!(page.items, std::slice::from_ref(&*changed));
    client
        .delete_user()
        .id(id)
        .if_match(etag(&changed))
        .send()
        .await
        .unwrap();
    assert!(client.get_user().id(id).send().await.is_err());
}

fn etag<T>(answer: &lockstep_client::ResponseValue<T>) -> String {
    answer.headers()["etag"].to_str().unwrap().to_owned()
}

async fn enqueue(client: &Client) {
    let job = client
        .enqueue_data_analysis()
        .priority(types::JobPriority(9));
    let job = job.body_map(|body| body).send().await.unwrap();
    assert_eq!(
        (job.job_type.as_str(), job.priority.0),
        ("data_analysis", 9)
    );
    let job = client
        .enqueue_data_export()
        .max_retries(types::JobMaxRetries(0));
    let job = job
        .body_map(|body| body.formats([types::ExportFormat::Csv]))
        .send()
        .await
        .unwrap();
    assert_eq!(
        (job.job_type.as_str(), job.max_retries.0),
        ("data_export", 0)
    );
    let payload: types::EmailNotificationPayload = serde_json::from_value(serde_json::json!({
        "message": "hi", "recipients": ["ada@example.com"],
    }))
    .unwrap();
    let job = client
        .enqueue_email_notification()
        .body(payload)
        .send()
        .await
        .unwrap();
    assert_eq!(job.payload["recipients"], "[masked]");
    let payload: types::UserCreatedPayload = serde_json::from_value(serde_json::json!({
        "user_id": 1,
        "user_data": {"id": 1, "email": "ada@example.com", "age": 36, "is_active": true},
    }))
    .unwrap();
    let job = client
        .enqueue_user_created()
        .body(payload)
        .send()
        .await
        .unwrap();
    assert_eq!(
        job.headers()["location"],
        format!("/jobs/{}", job.id.unwrap()).as_str()
    );
}

async fn jobs(client: &Client) {
    let request: types::JobRequest =
        serde_json::from_value(serde_json::json!({"job_type": "data_analysis", "payload": {}}))
            .unwrap();
    let job = client
        .create_job()
        .body(request)
        .send()
        .await
        .unwrap()
        .into_inner();
    assert_eq!(job.outcome, types::EnqueueOutcome::Created);
    let id = job.id.unwrap();
    let stored = client.get_job().id(id).send().await.unwrap().into_inner();
    assert_eq!((stored.id, stored.status), (id, job.status));
    let cancelled = client.cancel_job().id(id).send().await.unwrap();
    assert_eq!(cancelled.status, types::JobStatus::Cancelled);
    let again = client.retry_job().id(id).send().await.unwrap();
    assert_eq!(again.status, types::JobStatus::Pending);
    assert!(
        client
            .list_job_attempts()
            .id(id)
            .send()
            .await
            .unwrap()
            .items
            .is_empty()
    );
    let page = client
        .list_jobs()
        .job_type("data_analysis")
        .send()
        .await
        .unwrap();
    assert_eq!(page.items.len(), 2);
    client.delete_job().id(id).send().await.unwrap();
    let log = client.list_events().after("now").send().await.unwrap();
    assert!(log.items.is_empty() && !log.more);
    let stats = client.get_job_stats().send().await.unwrap();
    // One per typed operation, and the user's own.
    assert_eq!(stats.total.pending, 5);
    let drift = client
        .get_drift()
        .limit(std::num::NonZeroU32::new(2).unwrap());
    let drift = drift.send().await.unwrap();
    assert_eq!((drift.examined, drift.job_types.len()), (2, 0));
    assert!(drift.next_after_id.is_some());
    let declared = client.list_job_types().send().await.unwrap();
    assert_eq!(declared.items.len(), lockstep::contract::POLICIES.len());
}

async fn schedules(client: &Client) {
    let request: types::ScheduleRequest = serde_json::from_value(serde_json::json!({
        "name": "nightly", "job_type": "data_analysis", "payload": {"message": "night"},
        "cron": "30 2 * * *", "timezone": "Europe/Berlin",
    }))
    .unwrap();
    let created = client.create_schedule().body(request).send().await.unwrap();
    let id = created.id;
    assert_eq!(
        created.headers()["location"],
        format!("/schedules/{id}").as_str()
    );
    assert_eq!(created.next_times.len(), 5);
    let fetched = client.get_schedule().id(id).send().await.unwrap();
    assert_eq!(*fetched, *created);
    let change = client.update_schedule().id(id).if_match(etag(&fetched));
    let change = change.body_map(|body| body.misfire(types::ScheduleMisfire::Skip));
    let changed = change.send().await.unwrap();
    assert_eq!(changed.misfire, types::ScheduleMisfire::Skip);
    let pause = client.pause_schedule().id(id);
    let paused = pause.body_map(|body| body).send().await.unwrap();
    assert!(paused.paused && paused.next_at.is_none() && paused.next_times.is_empty());
    let resumed = client.resume_schedule().id(id).send().await.unwrap();
    assert_eq!(resumed.next_times, created.next_times);
    let job = client.run_schedule().id(id).send().await.unwrap();
    assert_eq!(job.payload["message"], "night");
    let runs = client.list_schedule_runs().id(id).send().await.unwrap();
    assert_eq!(runs.items[0].outcome, types::ScheduleOutcome::Manual);
    let page = client.list_schedules().send().await.unwrap();
    assert_eq!(page.items[0].id, id);
    let delete = client.delete_schedule().id(id).if_match(etag(&resumed));
    delete.send().await.unwrap();
    assert!(client.get_schedule().id(id).send().await.is_err());
}

async fn bulk(client: &Client) {
    let request: types::BulkJobsRequest = serde_json::from_value(serde_json::json!({"items": [
        {"job_type": "data_analysis", "payload": {}, "tags": ["bulk"]},
        {"job_type": "data_analysis", "payload": {}, "tags": ["bulk"], "after_items": [0]},
    ]}))
    .unwrap();
    let stored = client.create_jobs().body(request).send().await.unwrap();
    let outcomes: Vec<_> = stored.items.iter().map(|job| job.outcome).collect();
    assert_eq!(outcomes, [types::BulkOutcome::Created; 2]);
    let change: types::BulkChangeRequest =
        serde_json::from_value(serde_json::json!({"filter": {"tag": "bulk"}})).unwrap();
    let done = client
        .cancel_jobs()
        .body(change.clone())
        .send()
        .await
        .unwrap();
    // The second one went with the first.
    assert_eq!((done.matched, done.changed), (2, 1));
    let done = client
        .retry_jobs()
        .body(change.clone())
        .send()
        .await
        .unwrap();
    assert_eq!((done.matched, done.changed), (2, 2));
    let done = client.delete_jobs().body(change).send().await.unwrap();
    assert_eq!((done.matched, done.changed), (2, 2));
}

async fn groups(client: &Client) {
    let request: types::JobGroupRequest = serde_json::from_value(serde_json::json!({
        "jobs": [{"job_type": "data_analysis", "payload": {}}],
    }))
    .unwrap();
    let created = client.create_group().body(request).send().await.unwrap();
    let id = created.group.id.0;
    let location = format!("/groups/{id}");
    assert_eq!(created.headers()["location"], location.as_str());
    let group = client.get_group().id(id).send().await.unwrap();
    assert_eq!((group.total, group.pending), (1, 1));
    let page = client.list_groups().send().await.unwrap();
    assert_eq!(page.items, std::slice::from_ref(&*group));
    let cancelled = client.cancel_group().id(id).send().await.unwrap();
    assert_eq!((cancelled.cancelled, cancelled.percent), (1, 100.0));
}

async fn control(client: &Client) {
    let why =
        |body: types::builder::PauseRequest| body.by("ada".parse::<types::PauseBy>().unwrap());
    let paused = client.pause_queue().queue("mail").body_map(why);
    assert!(paused.send().await.unwrap().pause.is_some());
    let limits = client.limit_queue().queue("mail");
    let limits = limits.body_map(|body| body.max_depth(7_i64));
    assert_eq!(limits.send().await.unwrap().limits.max_depth, Some(7));
    let resumed = client.resume_queue().queue("mail").send().await.unwrap();
    assert!(resumed.pause.is_none());
    let queues = client.list_queues().send().await.unwrap();
    assert!(
        queues
            .items
            .iter()
            .any(|queue| queue.queue.as_str() == "mail")
    );
    let paused = client
        .pause_job_type()
        .job_type("data_export")
        .body_map(why);
    assert!(paused.send().await.unwrap().pause.is_some());
    let limits = client.limit_job_type().job_type("data_export");
    limits.body_map(|body| body).send().await.unwrap();
    let resumed = client.resume_job_type().job_type("data_export");
    assert!(resumed.send().await.unwrap().pause.is_none());
    let workers = client.list_workers().send().await.unwrap();
    assert!(workers.items.is_empty());
}

async fn work(client: &Client) {
    let request: types::WorkClaimRequest = serde_json::from_value(serde_json::json!({
        "worker": "w", "queues": ["default"], "limit": 1, "lease_seconds": 60,
    }))
    .unwrap();
    let claimed = client.claim_work().body(request).send().await.unwrap();
    let job = &claimed.jobs[0];
    let lease = format!("\"{}\"", job.lease.as_str());
    let beat = client.heartbeat_work().id(job.id.0).if_match(lease.clone());
    assert_eq!(beat.send().await.unwrap().state, types::LeaseState::Live);
    let explained = client.explain_job().id(job.id.0).send().await.unwrap();
    assert_eq!(explained.reasons[0].code, types::HoldCode::Running);
    let outcome = client.settle_work().id(job.id.0).if_match(lease);
    let settled = outcome.body_map(|body| body.outcome(types::RunOutcome::Released));
    let settled = settled.send().await.unwrap();
    assert_eq!(settled.status, types::JobStatus::Pending);
}

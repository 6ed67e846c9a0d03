//! Schedules over HTTP: what is stored and shown, what is refused and where, that nobody's change is lost.

use std::time::Duration;

use lockstep::{contract, model::Schedule, queue::schedule::plan, validation::Mode};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::server::{Answer, TestServer};

fn weekly() -> Value {
    json!({
        "name": "weekly", "job_type": "data_analysis", "payload": {"message": "Weekly"},
        "cron": "30 7 * * MON", "timezone": "Europe/Berlin",
    })
}

/// [`weekly`], with these properties in place of its own; null takes one away.
fn with(changes: &Value) -> Value {
    let mut body = weekly();
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => body.as_object_mut().unwrap().remove(name),
            value => body
                .as_object_mut()
                .unwrap()
                .insert(name.clone(), value.clone()),
        };
    }
    body
}

async fn create(server: &TestServer, body: &Value) -> Answer {
    server.post("/schedules", body.to_string()).await
}

async fn patch(server: &TestServer, if_match: Option<&str>, body: &Value) -> Answer {
    let mut request = server.request(Method::PATCH, "/schedules/1").json(body);
    if let Some(tag) = if_match {
        request = request.header("if-match", tag);
    }
    server.send(request).await
}

async fn tick(server: &TestServer) {
    let planner = |schedule: &Schedule, now| plan(schedule, contract::policy, now);
    let ticked = server.database.store.schedule_tick(planner, 100).await;
    ticked.unwrap();
}

#[tokio::test]
async fn a_schedule_comes_back_with_its_next_times() {
    let server = TestServer::start(Mode::Default).await;
    let created = create(&server, &weekly()).await;
    assert_eq!(created.status, 201, "{created:?}");
    assert_eq!(created.header("location"), Some("/schedules/1"));
    let expected = json!({
        "id": 1, "name": "weekly", "job_type": "data_analysis", "payload": {"message": "Weekly"},
        "schema_fingerprint": contract::policy("data_analysis").unwrap().schema_fingerprint,
        "cron": "30 7 * * MON", "timezone": "Europe/Berlin", "misfire": "once", "misfire_limit": 100,
        "options": {}, "paused": false, "next_at": "2026-11-30T06:30:00Z",
        "next_times": ["2026-11-30T06:30:00Z", "2026-12-07T06:30:00Z", "2026-12-14T06:30:00Z",
            "2026-12-21T06:30:00Z", "2026-12-28T06:30:00Z"],
        "created_at": "2026-11-24T12:00:00Z", "updated_at": "2026-11-24T12:00:00Z",
    });
    assert_eq!(created.json(), expected);
    let fetched = server.get("/schedules/1").await;
    assert_eq!((fetched.status, fetched.json()), (200, expected.clone()));
    assert_eq!(fetched.header("etag"), created.header("etag"));
    let mut listed = server.get("/schedules").await.json()["items"][0].take();
    assert_eq!(listed.get("next_times"), None);
    listed["next_times"] = expected["next_times"].clone();
    assert_eq!(listed, expected);
    server.close().await;
}

#[tokio::test]
async fn a_key_makes_one_schedule() {
    let server = TestServer::start(Mode::Default).await;
    let send = |key: &str, body: Value| {
        let request = server.request(Method::POST, "/schedules");
        let request = request.header("idempotency-key", key).json(&body);
        server.send(request)
    };
    let first = send("one", weekly()).await;
    assert_eq!(
        (first.status, first.header("idempotency-replayed")),
        (201, None)
    );
    server.database.advance(Duration::from_hours(1));
    let again = send("one", weekly()).await;
    assert_eq!((again.status, &again.text), (201, &first.text));
    for header in ["etag", "location"] {
        assert_eq!(again.header(header), first.header(header));
    }
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    let other = send("one", with(&json!({"name": "other"}))).await;
    assert_eq!(
        (other.status, other.code().as_str()),
        (422, "idempotency_key_reused")
    );
    // What was refused is not an answer to keep: the name is free again, the key is as new.
    let taken = send("two", weekly()).await;
    assert_eq!((taken.status, taken.code().as_str()), (409, "name_taken"));
    let request = server.request(Method::DELETE, "/schedules/1");
    assert_eq!(server.send(request).await.status, 204);
    let anew = send("two", weekly()).await;
    let location = format!("/schedules/{}", anew.json()["id"]);
    assert_eq!(
        (anew.status, anew.header("location")),
        (201, Some(location.as_str()))
    );
    assert_ne!(anew.header("location"), first.header("location"));
    let listed = server.get("/schedules").await.json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    server.close().await;
}

#[tokio::test]
async fn sensitive_values_of_the_payload_are_not_shown() {
    let server = TestServer::start(Mode::Default).await;
    let body = with(&json!({
        "job_type": "email_notification", "payload": {"message": "hi", "recipients": ["ada@example.com"]},
        "options": {"priority": 3, "tags": ["mail"], "unique_key": "k", "unique_scope": "while_queued"},
    }));
    let created = create(&server, &body).await.json();
    assert_eq!(created["payload"]["recipients"], "[masked]");
    assert_eq!(created["options"], body["options"]);
    let run = server.post("/schedules/1/run", "").await;
    assert_eq!(run.status, 201);
    let job = server.get(run.header("location").unwrap()).await.json();
    assert_eq!(
        (&job["priority"], &job["tags"]),
        (&json!(3), &json!(["mail"]))
    );
    assert_eq!(job["metadata"]["schedule"]["name"], "weekly");
    // The same unique key: the job is found, not stored again.
    let again = server.post("/schedules/1/run", "").await;
    assert_eq!(
        (again.status, &again.json()["outcome"]),
        (200, &json!("existing"))
    );
    server.close().await;
}

/// Changes to a good schedule, the places that must be named, and words of the reason.
const WRONG: [(&str, &str, &str); 18] = [
    (r#"{"cron": "61 * * * *"}"#, "/body/cron", "minute"),
    (r#"{"cron": "* * *"}"#, "/body/cron", "5 fields"),
    (r#"{"cron": "0 0 30 2 *"}"#, "/body/cron", "never"),
    (r#"{"timezone": "Mars/Olympus"}"#, "/body/timezone", "IANA"),
    (
        r#"{"cron": null, "timezone": null}"#,
        "/body/cron",
        "one of",
    ),
    (r#"{"every_seconds": 60}"#, "/body/every_seconds", "both"),
    (
        r#"{"cron": null, "every_seconds": 60}"#,
        "/body/timezone",
        "belongs",
    ),
    (
        r#"{"cron": null, "timezone": null, "every_seconds": 0}"#,
        "/body/every_seconds",
        "at least 1",
    ),
    (
        r#"{"job_type": "make_coffee"}"#,
        "/body/job_type",
        "data_analysis",
    ),
    (
        r#"{"payload": {"message": 7}}"#,
        "/body/payload/message",
        "string",
    ),
    (r#"{"payload": null}"#, "/body/payload", "payload"),
    (r#"{"misfire": "twice"}"#, "/body/misfire", "skip"),
    (r#"{"misfire_limit": 1001}"#, "/body/misfire_limit", "1000"),
    (
        r#"{"options": {"priority": 1001}}"#,
        "/body/options/priority",
        "1000",
    ),
    (
        r#"{"options": {"on_conflict": "reject"}}"#,
        "/body/options/on_conflict",
        "unique",
    ),
    (
        r#"{"options": {"after": [1]}}"#,
        "/body/options/after",
        "not",
    ),
    (r#"{"name": "a\nb"}"#, "/body/name", ""),
    (
        r#"{"cron": "x", "job_type": "nothing"}"#,
        "/body/cron /body/job_type",
        "5 fields",
    ),
];

#[tokio::test]
async fn what_is_wrong_is_named_with_its_place_and_nothing_is_stored() {
    let server = TestServer::start(Mode::Default).await;
    for (changes, pointers, words) in WRONG {
        let changes = serde_json::from_str(changes).unwrap();
        let answer = create(&server, &with(&changes)).await;
        assert_eq!(answer.pointers().join(" "), pointers, "{changes}");
        assert!(answer.text.contains(words), "{changes}: {}", answer.text);
    }
    assert_eq!(server.get("/schedules").await.json()["items"], json!([]));
    server.close().await;
}

#[tokio::test]
async fn a_change_is_checked_like_a_new_schedule() {
    let server = TestServer::start(Mode::Default).await;
    let tag = create(&server, &weekly()).await;
    let tag = tag.header("etag").unwrap();
    let other = create(&server, &with(&json!({"name": "other"}))).await;
    assert_eq!(other.status, 201);
    let twice = create(&server, &weekly()).await;
    assert_eq!((twice.status, twice.code().as_str()), (409, "name_taken"));
    for (body, pointer) in [
        (json!({"cron": "x"}), "/body/cron"),
        (json!({"timezone": "x"}), "/body/timezone"),
        (
            json!({"cron": "* * * * *", "every_seconds": 5}),
            "/body/every_seconds",
        ),
        (
            json!({"every_seconds": 5, "timezone": "UTC"}),
            "/body/timezone",
        ),
        (json!({"payload": {"message": 7}}), "/body/payload/message"),
        (
            json!({"options": {"priority": 1001}}),
            "/body/options/priority",
        ),
        (json!({"job_type": "data_export"}), "/body/job_type"),
        (json!({}), "/body"),
    ] {
        assert_eq!(
            patch(&server, None, &body).await.pointers(),
            [pointer],
            "{body}"
        );
    }
    let taken = patch(&server, None, &json!({"name": "other"})).await;
    assert_eq!((taken.status, taken.code().as_str()), (409, "name_taken"));
    let zone = patch(&server, Some(tag), &json!({"timezone": "Asia/Tokyo"})).await;
    assert_eq!(
        (zone.status, &zone.json()["cron"]),
        (200, &json!("30 7 * * MON"))
    );
    assert_eq!(zone.json()["next_at"], "2026-11-29T22:30:00Z");
    let stale = patch(&server, Some(tag), &json!({"misfire": "all"})).await;
    assert_eq!(
        (stale.status, stale.code().as_str()),
        (412, "precondition_failed")
    );
    let every = patch(&server, zone.header("etag"), &json!({"every_seconds": 900}))
        .await
        .json();
    assert_eq!(
        (&every["every_seconds"], every.get("cron")),
        (&json!(900), None)
    );
    assert_eq!(every["next_at"], "2026-11-24T12:15:00Z");
    let zone = patch(&server, None, &json!({"timezone": "UTC"})).await;
    assert_eq!(zone.pointers(), ["/body/timezone"]);
    let request = server.request(Method::DELETE, "/schedules/1");
    let stale = server.send(request.header("if-match", tag)).await;
    assert_eq!(stale.status, 412);
    server.close().await;
}

#[tokio::test]
async fn ticks_and_runs_are_in_the_history_in_pages() {
    let server = TestServer::start(Mode::Default).await;
    let body = with(&json!({"cron": "* * * * *", "timezone": "UTC", "misfire": "all"}));
    create(&server, &body).await;
    server.database.advance(Duration::from_mins(3));
    tick(&server).await;
    assert_eq!(server.post("/schedules/1/run", "").await.status, 201);
    let mut seen = Vec::new();
    let mut path = "/schedules/1/runs?limit=3".to_owned();
    loop {
        let page = server.get(&path).await.json();
        for run in page["items"].as_array().unwrap() {
            seen.push((run["outcome"].clone(), run["job_id"].clone()));
        }
        match page["next_page"].as_str() {
            Some(token) => path = format!("/schedules/1/runs?page_token={token}"),
            None => break,
        }
    }
    let expected = [
        ("manual", 4),
        ("enqueued", 3),
        ("enqueued", 2),
        ("enqueued", 1),
    ];
    assert_eq!(seen, expected.map(|(what, job)| (json!(what), json!(job))));
    // A token of one schedule's history is no token of another's.
    create(&server, &with(&json!({"name": "other"}))).await;
    let token = server.get("/schedules/1/runs?limit=1").await.json()["next_page"].take();
    let other = format!("/schedules/2/runs?page_token={}", token.as_str().unwrap());
    assert_eq!(server.get(&other).await.pointers(), ["/query/page_token"]);
    server.close().await;
}

#[tokio::test]
async fn a_pause_says_why_until_it_ends() {
    let server = TestServer::start(Mode::Default).await;
    create(&server, &weekly()).await;
    let paused = server
        .post("/schedules/1/pause", r#"{"reason": "moving"}"#)
        .await;
    let shown = paused.json();
    assert_eq!(
        (&shown["paused"], &shown["pause_reason"]),
        (&json!(true), &json!("moving"))
    );
    assert_eq!(
        (shown.get("next_at"), shown.get("next_times")),
        (None, None)
    );
    server.database.advance(Duration::from_hours(24 * 30));
    tick(&server).await;
    assert_eq!(server.get("/job-stats").await.json()["total"]["pending"], 0);
    // By hand it runs all the same.
    assert_eq!(server.post("/schedules/1/run", "").await.status, 201);
    let resumed = server.post("/schedules/1/resume", "").await.json();
    assert_eq!(
        (&resumed["paused"], resumed.get("pause_reason")),
        (&json!(false), None)
    );
    assert_eq!(resumed["next_at"], "2026-12-28T06:30:00Z");
    for (method, path) in [
        (Method::GET, "/schedules/9"),
        (Method::DELETE, "/schedules/9"),
        (Method::GET, "/schedules/9/runs"),
        (Method::POST, "/schedules/9/run"),
        (Method::POST, "/schedules/9/resume"),
    ] {
        let answer = server.send(server.request(method, path)).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (404, "not_found"),
            "{path}"
        );
    }
    server.close().await;
}

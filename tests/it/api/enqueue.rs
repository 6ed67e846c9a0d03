//! What an enqueuer may choose, dry runs, unique keys, and requests that are sent twice.

use lockstep::validation::Mode;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::server::{Answer, TestServer};

const QUERY: &str = "/enqueue/data_analysis?queue=slow&priority=-5&max_retries=0&timeout_seconds=30\
    &scheduled_at=2030-01-01T00:00:00Z&expires_at=2031-01-01T00:00:00Z&tags=red,blue%20one\
    &metadata=%7B%22for%22%3A%22ada%22%7D&unique_key=k&unique_scope=for_period&unique_period_seconds=60\
    &on_conflict=return";

/// The same options, in a body.
fn request() -> Value {
    json!({
        "job_type": "data_analysis", "payload": {}, "queue": "slow", "priority": -5, "max_retries": 0,
        "timeout_seconds": 30, "scheduled_at": "2030-01-01T00:00:00Z", "expires_at": "2031-01-01T00:00:00Z",
        "tags": ["red", "blue one"], "metadata": {"for": "ada"}, "unique_key": "k", "unique_scope": "for_period",
        "unique_period_seconds": 60, "on_conflict": "return",
    })
}

async fn count(server: &TestServer) -> usize {
    server.get("/jobs").await.json()["items"]
        .as_array()
        .unwrap()
        .len()
}

#[tokio::test]
async fn both_ways_to_enqueue_know_the_same_options() {
    let server = TestServer::start(Mode::Default).await;
    let dry = server.post(&format!("{QUERY}&dry_run=true"), "{}").await;
    assert_eq!(dry.status, 200, "{}", dry.text);
    let generic_dry = server
        .post("/jobs?dry_run=true", request().to_string())
        .await;
    assert_eq!(generic_dry.json(), dry.json());
    let would = dry.json();
    assert_eq!(
        (&would["outcome"], would.get("id")),
        (&json!("would_create"), None)
    );
    assert_eq!(count(&server).await, 0);

    let typed = server.post(QUERY, "{}").await;
    let job = typed.json();
    let location = format!("/jobs/{}", job["id"]);
    assert_eq!(
        (typed.status, typed.header("location")),
        (201, Some(location.as_str()))
    );
    for (name, value) in request().as_object().unwrap() {
        if ![
            "payload",
            "unique_period_seconds",
            "on_conflict",
            "unique_key",
        ]
        .contains(&name.as_str())
        {
            assert_eq!(&job[name], value, "{name}");
        }
    }
    assert_eq!(job["unique_key"], "data_analysis:k");
    let mut shown = server.get(&location).await.json();
    shown["outcome"] = json!("created");
    assert_eq!(shown, job);
    // A dry run says all that the deed does, but the number.
    for key in [
        "queue",
        "timeout_seconds",
        "tags",
        "metadata",
        "unique_key",
        "status",
        "schema_fingerprint",
    ] {
        assert_eq!(would[key], job[key], "{key}");
    }

    let again = server.post("/jobs", request().to_string()).await;
    assert_eq!((again.status, again.header("location")), (200, None));
    assert_eq!(
        (&again.json()["outcome"], &again.json()["id"]),
        (&json!("existing"), &job["id"])
    );
    assert_eq!(count(&server).await, 1);
    server.close().await;
}

#[tokio::test]
async fn what_is_outside_of_the_limits_is_named_where_it_stands() {
    let server = TestServer::start(Mode::Default).await;
    for (query, pointer) in [
        ("timeout_seconds=86401", "/query/timeout_seconds"),
        (
            "scheduled_at=2030-01-01T00:00:00Z&delay_seconds=5",
            "/query/delay_seconds",
        ),
        ("expires_at=2020-01-01T00:00:00Z", "/query/expires_at"),
        (
            "delay_seconds=100&expires_at=2026-11-24T12:00:50Z",
            "/query/expires_at",
        ),
        ("tags=a,,b", "/query/tags"),
        ("metadata=%5B%5D", "/query/metadata"),
        ("metadata=nonsense", "/query/metadata"),
        ("unique_scope=until_started", "/query/unique_scope"),
        (
            "unique_key=k&unique_scope=for_period",
            "/query/unique_period_seconds",
        ),
        ("unique_key=k&unique_scope=for_ever", "/query/unique_scope"),
        ("on_conflict=reject", "/query/on_conflict"),
        ("after=12", "/query/after"),
        ("after=1,x", "/query/after"),
        ("after=9999999999999999999", "/query/after"),
        ("dry_run=perhaps", "/query/dry_run"),
        ("queue=Not%20a%20queue", "/query/queue"),
    ] {
        let answer = server
            .post(&format!("/enqueue/data_analysis?{query}"), "{}")
            .await;
        assert_eq!(
            (answer.status, answer.pointers()),
            (400, vec![pointer.to_owned()]),
            "{query} {}",
            answer.text
        );
    }
    let mut body = request();
    body["after"] = json!([12]);
    let answer = server.post("/jobs", body.to_string()).await;
    assert_eq!(answer.pointers(), ["/body/after"]);
    assert!(
        answer.text.contains("there is no job 12"),
        "{}",
        answer.text
    );
    let mut body = request();
    body["tags"] = json!(["a,b"]);
    assert_eq!(
        server.post("/jobs", body.to_string()).await.pointers(),
        ["/body/tags/0"]
    );
    assert_eq!(count(&server).await, 0);
    server.close().await;
}

#[tokio::test]
async fn a_conflict_is_answered_as_the_caller_chose() {
    let server = TestServer::start(Mode::Default).await;
    let enqueue = async |on_conflict: &str, message: &str, dry: &str| {
        let path = format!(
            "/enqueue/data_analysis?unique_key=k&delay_seconds=60&on_conflict={on_conflict}{dry}"
        );
        server
            .post(&path, json!({ "message": message }).to_string())
            .await
    };
    assert_eq!(enqueue("reject", "first", "").await.status, 201);
    let refused = enqueue("reject", "second", "").await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (409, "duplicate_job")
    );
    assert!(
        refused.text.contains("job 1 has the same unique key"),
        "{}",
        refused.text
    );
    for (on_conflict, outcome) in [
        ("reject", "would_reject"),
        ("return", "would_return"),
        ("replace", "would_replace"),
    ] {
        let dry = enqueue(on_conflict, "dry", "&dry_run=true").await;
        assert_eq!((dry.status, &dry.json()["outcome"]), (200, &json!(outcome)));
        assert_eq!(dry.json()["id"], 1);
    }
    assert_eq!(
        server.get("/jobs/1").await.json()["payload"]["message"],
        "first"
    );
    let replaced = enqueue("replace", "third", "").await;
    assert_eq!(
        (replaced.status, &replaced.json()["outcome"]),
        (200, &json!("replaced"))
    );
    assert_eq!(
        server.get("/jobs/1").await.json()["payload"]["message"],
        "third"
    );
    assert_eq!(count(&server).await, 1);
    server.close().await;
}

async fn keyed(server: &TestServer, path: &str, key: &str, body: &str) -> Answer {
    let request = server
        .request(Method::POST, path)
        .header("idempotency-key", key)
        .header("content-type", "application/json")
        .body(body.to_owned());
    server.send(request).await
}

#[tokio::test]
async fn a_request_that_is_sent_twice_is_done_once_and_answered_twice() {
    let server = TestServer::start(Mode::Default).await;
    let user = r#"{"email": "ada@example.com", "age": 36}"#;
    let job = r#"{"job_type": "data_analysis", "payload": {}}"#;
    for (path, body) in [
        ("/users", user),
        ("/jobs", job),
        ("/enqueue/data_analysis", "{}"),
    ] {
        let first = keyed(&server, path, "k-1", body).await;
        assert_eq!(
            (first.status, first.header("idempotency-replayed")),
            (201, None),
            "{}",
            first.text
        );
        let second = keyed(&server, path, "k-1", body).await;
        assert_eq!(
            (second.status, second.header("idempotency-replayed")),
            (201, Some("true"))
        );
        assert_eq!(second.text, first.text);
        for header in ["location", "etag", "content-type"] {
            assert_eq!(second.header(header), first.header(header), "{header}");
        }
        // The answer is the first one's, whatever has become of the thing since.
        let location = first.header("location").unwrap().to_owned();
        server.send(server.request(Method::DELETE, &location)).await;
        assert_eq!(keyed(&server, path, "k-1", body).await.text, first.text);
        let other = keyed(&server, path, "k-1", &format!("{body} ")).await;
        assert_eq!(
            (other.status, other.code().as_str()),
            (422, "idempotency_key_reused")
        );
    }
    // The user's own job is the only one that is left.
    assert_eq!(count(&server).await, 1);
    let bad = keyed(&server, "/jobs", "two words", job).await;
    assert_eq!(bad.pointers(), ["/header/Idempotency-Key"]);
    // What is refused is not remembered.
    let wrong = keyed(&server, "/users", "k-2", r#"{"email": "nobody", "age": 1}"#).await;
    assert_eq!(wrong.status, 400);
    assert_eq!(keyed(&server, "/users", "k-2", user).await.status, 201);
    server.close().await;
}

#[tokio::test]
async fn fifty_at_once_with_one_key_make_one_user() {
    let server = TestServer::start(Mode::Default).await;
    let user = r#"{"email": "ada@example.com", "age": 36}"#;
    let answers =
        futures::future::join_all((0..50).map(|_| keyed(&server, "/users", "k", user))).await;
    let mut created = 0;
    for answer in answers {
        match answer.status {
            201 => created += usize::from(answer.header("idempotency-replayed").is_none()),
            409 => assert_eq!(answer.code(), "request_in_progress"),
            _ => panic!("{} {}", answer.status, answer.text),
        }
    }
    assert_eq!(created, 1);
    let users = server.get("/users").await.json();
    assert_eq!(users["items"].as_array().unwrap().len(), 1);
    server.close().await;
}

#[tokio::test]
async fn a_job_waits_for_others_and_shares_their_fate() {
    let server = TestServer::start(Mode::Default).await;
    let enqueue = async |query: &str| {
        let job = server
            .post(&format!("/enqueue/data_analysis?{query}"), "{}")
            .await
            .json();
        job["id"].as_i64().unwrap()
    };
    let parent = enqueue("tags=parent").await;
    let child = enqueue(&format!("after={parent}")).await;
    let grandchild = enqueue(&format!("after={parent},{child}")).await;
    let job = async |id: i64| server.get(&format!("/jobs/{id}")).await.json();
    assert_eq!(
        (&job(child).await["status"], &job(child).await["blocked_by"]),
        (&json!("scheduled"), &json!(1))
    );
    assert_eq!(job(grandchild).await["blocked_by"], 2);
    server.post(&format!("/jobs/{parent}/cancel"), "").await;
    for id in [child, grandchild] {
        let gone = job(id).await;
        assert_eq!(gone["status"], "cancelled");
        assert!(
            gone["error_message"]
                .as_str()
                .unwrap()
                .contains("which it waits for, is cancelled")
        );
    }
    let refused = server
        .post(&format!("/enqueue/data_analysis?after={parent}"), "{}")
        .await;
    assert_eq!(refused.pointers(), ["/query/after"]);
    server.close().await;
}

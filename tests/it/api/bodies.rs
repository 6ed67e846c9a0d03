//! Bodies: sizes, encodings, content types, what a hostile or clumsy program sends, the three modes.

use lockstep::validation::Mode;
use reqwest::Method;
use serde_json::json;

use crate::support::server::{Answer, TestServer};

const BOB: &str = r#"{"email": "bob@example.com", "age": 1}"#;

async fn post_as(server: &TestServer, headers: &[(&str, &str)], body: &str) -> Answer {
    let request = server.request(Method::POST, "/users").body(body.to_owned());
    let request = headers.iter().fold(request, |request, (name, value)| {
        request.header(*name, *value)
    });
    server.send(request).await
}

#[tokio::test]
async fn modes_differ_in_what_the_contract_does_not_name() {
    let unknown = r#"{"email": "bob@example.com", "age": 1, "hobby": "chess", "deep": {"a": [1]}}"#;
    for mode in Mode::ALL {
        let server = TestServer::start(mode).await;
        let answer = server.post("/users", unknown).await;
        if mode == Mode::Flexible {
            assert_eq!(answer.status, 201);
            assert_eq!(answer.json().get("hobby"), None, "kept, not shown");
            let job = server.get("/jobs/1").await.json();
            assert_eq!(
                job["payload"]["additional_props"],
                json!({"hobby": "chess", "deep": {"a": [1]}})
            );
            let wrong = r#"{"email": "b@example.com", "age": "old", "hobby": "chess"}"#;
            assert_eq!(server.post("/users", wrong).await.pointers(), ["/body/age"]);
        } else {
            let mut pointers = answer.pointers();
            pointers.sort();
            assert_eq!(pointers, ["/body/deep", "/body/hobby"], "{mode}");
        }
        let unknown_query = server.get("/users?colour=red").await;
        assert_eq!(
            unknown_query.status,
            if mode == Mode::Strict { 400 } else { 200 },
            "{mode}"
        );
        server.close().await;
    }
}

/// What an operation has no place for is refused, not dropped.
#[tokio::test]
async fn flexible_mode_loses_nothing_silently() {
    let server = TestServer::start(Mode::Flexible).await;
    server.post("/users", BOB).await;
    let change = server
        .request(Method::PATCH, "/users/1")
        .json(&json!({"age": 2, "hobby": "chess"}));
    assert_eq!(server.send(change).await.pointers(), ["/body/hobby"]);
    let answer = server
        .post("/enqueue/data_analysis", r#"{"colour": 1}"#)
        .await;
    assert_eq!(answer.pointers(), ["/body/colour"]);
    let answer = server
        .post(
            "/jobs",
            r#"{"job_type": "data_analysis", "payload": {"colour": 1}}"#,
        )
        .await;
    assert_eq!(answer.pointers(), ["/body/payload/colour"]);
    server.close().await;
}

#[tokio::test]
async fn a_body_says_that_it_is_json() {
    let server = TestServer::start(Mode::Default).await;
    for wrong in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/jsonx",
        "json",
    ] {
        let answer = post_as(&server, &[("content-type", wrong)], BOB).await;
        assert_eq!(answer.pointers(), ["/header/Content-Type"], "{wrong}");
    }
    assert_eq!(
        post_as(&server, &[], BOB).await.pointers(),
        ["/header/Content-Type"]
    );
    let answer = post_as(
        &server,
        &[("content-type", "Application/JSON; charset=UTF-8")],
        BOB,
    )
    .await;
    assert_eq!(answer.status, 201);
    for encoding in ["gzip", "br", "gzip, identity"] {
        let headers = [
            ("content-type", "application/json"),
            ("content-encoding", encoding),
        ];
        let answer = post_as(&server, &headers, BOB).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (415, "unsupported_media_type")
        );
    }
    server.close().await;
}

#[tokio::test]
async fn what_is_no_json_is_refused_in_every_mode() {
    for mode in Mode::ALL {
        let server = TestServer::start(mode).await;
        let deep = format!(
            r#"{{"email": {}{}}}"#,
            "[".repeat(100_000),
            "]".repeat(100_000)
        );
        for hostile in [
            "",
            "null",
            "[]",
            "{",
            r#"{"email": "a@example.com", "age": 1} {}"#,
            r#"{"email": "a@example.com", "age": 1, "age": 2}"#,
            r#"{"email": "a@example.com", "age": 1e400}"#,
            r#"{"email": "a@example.com", "age": 30.5}"#,
            r#"{"email": "a@example.com", "age": 1, "name": "a\u0000b"}"#,
            &deep,
        ] {
            let answer = server.post("/users", hostile.to_owned()).await;
            let pointers = answer.pointers();
            assert!(
                pointers.iter().all(|at| at.starts_with("/body")),
                "{mode}: {pointers:?}"
            );
        }
        let latin1 = server
            .post(
                "/users",
                b"{\"email\": \"\xe9@example.com\", \"age\": 1}".to_vec(),
            )
            .await;
        assert_eq!(latin1.pointers(), ["/body"], "{mode}");
        assert_eq!(
            server.get("/users").await.json()["items"],
            json!([]),
            "{mode}: nothing is stored"
        );
        server.close().await;
    }
}

#[tokio::test]
async fn a_body_may_be_as_long_as_configured() {
    let server = TestServer::start_with(Mode::Default, |config| config.body_limit = 2_000).await;
    let padded = |length: usize| format!("{BOB}{}", " ".repeat(length - BOB.len()));
    assert_eq!(server.post("/users", padded(2_000)).await.status, 201);
    let announced = server.post("/users", padded(2_001)).await;
    assert_eq!(
        (announced.status, announced.code().as_str()),
        (413, "content_too_large")
    );
    // Without Content-Length it is only known while it comes.
    let parts = (0..30).map(|_| Ok::<_, std::io::Error>(" ".repeat(100)));
    let chunked = reqwest::Body::wrap_stream(futures::stream::iter(parts));
    assert_eq!(server.post("/users", chunked).await.status, 413);
    // Whoever announces too much is not heard out.
    let many = server.post("/users", "x".repeat(50_000_000)).await;
    assert_eq!(many.status, 413);
    server.close().await;
}

#[tokio::test]
async fn a_fault_does_not_repeat_what_was_sent() {
    let server = TestServer::start(Mode::Default).await;
    let body = r#"{"email": "secret-address", "age": "secret-age", "name": "secret\u0001"}"#;
    let answer = server.post("/users", body).await;
    assert_eq!(answer.pointers().len(), 3);
    assert!(!answer.text.contains("secret"), "{}", answer.text);
    server.close().await;
}

#[tokio::test]
async fn unknown_paths_and_methods_are_told_apart() {
    let server = TestServer::start(Mode::Default).await;
    for path in ["/nothing", "/users/1/friends", "/api/users"] {
        let answer = server.get(path).await;
        assert_eq!((answer.status, answer.code().as_str()), (404, ""), "{path}");
    }
    let answer = server.send(server.request(Method::PUT, "/users")).await;
    assert_eq!((answer.status, answer.code().as_str()), (405, ""));
    let allowed: Vec<_> = answer.headers.get_all("allow").iter().collect();
    assert_eq!(allowed, ["GET", "POST"]);
    server.close().await;
}

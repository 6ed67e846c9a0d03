//! Users: what is stored, what is refused, and that nobody's change is lost.

use lockstep::validation::Mode;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::server::{Answer, TestServer};

const ADA: &str = r#"{"email": "ada@example.com", "age": 36, "name": "Ada Lovelace"}"#;

async fn patch(server: &TestServer, if_match: Option<&str>, body: &Value) -> Answer {
    let mut request = server.request(Method::PATCH, "/users/1").json(body);
    if let Some(tag) = if_match {
        request = request.header("if-match", tag);
    }
    server.send(request).await
}

#[tokio::test]
async fn a_user_comes_back_as_stored_without_what_was_not_given() {
    let server = TestServer::start(Mode::Default).await;
    let created = server.post("/users", ADA).await;
    assert_eq!(created.status, 201);
    assert_eq!(created.header("location"), Some("/users/1"));
    assert_eq!(created.header("content-type"), Some("application/json"));
    let expected = json!({
        "id": 1, "email": "ada@example.com", "age": 36, "name": "Ada Lovelace", "is_active": true,
    });
    assert_eq!(created.json(), expected);
    let fetched = server.get("/users/1").await;
    assert_eq!((fetched.status, fetched.json()), (200, expected));
    assert_eq!(fetched.header("etag"), created.header("etag"));
    // Its job is stored with it.
    let job = server.get("/jobs/1").await.json();
    assert_eq!(
        (&job["job_type"], &job["priority"]),
        (&json!("user_created"), &json!(1))
    );
    assert_eq!(job["payload"]["user_data"]["id"], 1);
    server.close().await;
}

#[tokio::test]
async fn an_address_is_taken_whatever_its_case() {
    let server = TestServer::start(Mode::Default).await;
    assert_eq!(server.post("/users", ADA).await.status, 201);
    let again = server
        .post("/users", r#"{"email": "ADA@Example.com", "age": 1}"#)
        .await;
    assert_eq!((again.status, again.code().as_str()), (409, "email_taken"));
    assert!(
        !again.text.to_lowercase().contains("ada@"),
        "{}",
        again.text
    );
    let other = server
        .post("/users", r#"{"email": "b@example.com", "age": 1}"#)
        .await;
    assert_eq!(other.status, 201);
    let moved = server
        .request(Method::PATCH, other.header("location").unwrap())
        .json(&json!({"email": "aDa@example.com"}));
    assert_eq!(server.send(moved).await.code(), "email_taken");
    // A refused user leaves no job behind.
    assert_eq!(server.get("/job-stats").await.json()["total"]["pending"], 2);
    server.close().await;
}

#[tokio::test]
async fn all_problems_are_told_at_once() {
    let server = TestServer::start(Mode::Default).await;
    let body =
        r#"{"email": "nobody", "age": 151, "name": "", "is_active": "yes", "city": "Paris"}"#;
    let mut pointers = server.post("/users", body).await.pointers();
    pointers.sort();
    assert_eq!(
        pointers,
        [
            "/body/age",
            "/body/city",
            "/body/email",
            "/body/is_active",
            "/body/name"
        ]
    );
    let request = server
        .request(Method::PATCH, "/users/abc")
        .header("if-match", "x".repeat(201))
        .json(&json!({"age": -1}));
    let pointers = server.send(request).await.pointers();
    assert_eq!(pointers, ["/path/id", "/header/If-Match", "/body/age"]);
    let pointers = server
        .get("/users?limit=0&is_active=maybe&email=xyz")
        .await
        .pointers();
    assert_eq!(pointers.len(), 3, "{pointers:?}");
    server.close().await;
}

#[tokio::test]
async fn ids_are_numbers_of_rows() {
    let server = TestServer::start(Mode::Default).await;
    assert_eq!(server.post("/users", ADA).await.status, 201);
    for refused in [
        "0",
        "-1",
        "abc",
        "1.0",
        "1e0",
        "%31x",
        "9223372036854775808",
        "1%00",
        "+1",
        "%20",
    ] {
        let answer = server.get(&format!("/users/{refused}")).await;
        assert_eq!(answer.pointers(), ["/path/id"], "{refused}");
    }
    for missing in ["2", "9223372036854775807"] {
        let answer = server.get(&format!("/users/{missing}")).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (404, "not_found"),
            "{missing}"
        );
    }
    // As the router reads a path, so does the validator.
    for same in ["1", "%31", "/1/", "1//", "001"] {
        let answer = server.get(&format!("/users/{same}")).await;
        assert_eq!(answer.status, 200, "{same}: {answer:?}");
        assert_eq!(answer.json()["id"], 1, "{same}");
    }
    assert_eq!(server.get("/%75sers/1").await.status, 200);
    assert_eq!(server.get("/users/1%2F2").await.pointers(), ["/path/id"]);
    server.close().await;
}

#[tokio::test]
async fn a_patch_tells_null_from_absent() {
    let server = TestServer::start(Mode::Default).await;
    server
        .post(
            "/users",
            r#"{"email": "a@example.com", "age": 1, "name": "A", "bio": "B"}"#,
        )
        .await;
    let changed = patch(&server, None, &json!({"bio": null})).await.json();
    assert_eq!((changed.get("bio"), &changed["name"]), (None, &json!("A")));
    let changed = patch(&server, None, &json!({"name": null, "bio": "C"}))
        .await
        .json();
    assert_eq!((changed.get("name"), &changed["bio"]), (None, &json!("C")));
    assert_eq!(
        patch(&server, None, &json!({"age": null})).await.pointers(),
        ["/body/age"]
    );
    assert_eq!(patch(&server, None, &json!({})).await.pointers(), ["/body"]);
    server.close().await;
}

#[tokio::test]
async fn if_match_keeps_changes_from_being_lost() {
    let server = TestServer::start(Mode::Default).await;
    let first = server.post("/users", ADA).await;
    let first = first.header("etag").unwrap();
    let second = patch(&server, Some(first), &json!({"age": 37})).await;
    assert_eq!(second.status, 200);
    let second = second.header("etag").unwrap();
    assert_ne!(first, second);
    let stale = patch(&server, Some(first), &json!({"age": 38})).await;
    assert_eq!(
        (stale.status, stale.code().as_str()),
        (412, "precondition_failed")
    );
    assert_eq!(server.get("/users/1").await.json()["age"], 37);
    // Any of a list will do; a weak tag never does.
    let list = format!("{first}, \"77\" ,{second}");
    assert_eq!(
        patch(&server, Some(&list), &json!({"age": 39}))
            .await
            .status,
        200
    );
    assert_eq!(
        patch(&server, Some("W/\"3\""), &json!({"age": 40}))
            .await
            .status,
        412
    );
    assert_eq!(
        patch(&server, Some("*"), &json!({"age": 41})).await.status,
        200
    );
    for malformed in ["3", "\"3", "\"a\" \"b\"", ",", "\"1\", *"] {
        let answer = patch(&server, Some(malformed), &json!({"age": 42})).await;
        assert_eq!(answer.pointers(), ["/header/If-Match"], "{malformed}");
    }
    let delete = server
        .request(Method::DELETE, "/users/1")
        .header("if-match", first);
    assert_eq!(server.send(delete).await.status, 412);
    let delete = server.request(Method::DELETE, "/users/1");
    let gone = server.send(delete).await;
    assert_eq!((gone.status, gone.text.as_str()), (204, ""));
    assert_eq!(
        patch(&server, Some("*"), &json!({"age": 1})).await.status,
        404
    );
    server.close().await;
}

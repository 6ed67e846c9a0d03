//! Lists in pages: every row once, filters that hold on every page, tokens that cannot be bent.

use futures::{StreamExt, TryStreamExt};
use lockstep::validation::Mode;
use serde_json::Value;

use crate::support::server::TestServer;

/// Users 1 to `count`; every other one is active.
async fn with_users(count: usize) -> TestServer {
    let server = TestServer::start(Mode::Default).await;
    for number in 1..=count {
        let active = number % 2 == 0;
        let body =
            format!(r#"{{"email": "u{number}@example.com", "age": 1, "is_active": {active}}}"#);
        assert_eq!(server.post("/users", body).await.status, 201);
    }
    server
}

fn ids(page: &Value) -> Vec<i64> {
    let items = page["items"].as_array().unwrap();
    items
        .iter()
        .map(|item| item["id"].as_i64().unwrap())
        .collect()
}

#[tokio::test]
async fn filters_hold_on_later_pages_of_a_stream() {
    let server = with_users(7).await;
    let client = server.client();
    let users = client
        .list_users()
        .is_active(true)
        .limit(2.try_into().unwrap_or(std::num::NonZeroU32::MIN));
    let users: Vec<_> = users
        .stream()
        .map_ok(|user| user.id.get())
        .try_collect()
        .await
        .unwrap();
    assert_eq!(users, [6, 4, 2]);
    let all = client
        .list_users()
        .limit(std::num::NonZeroU32::MIN)
        .stream();
    assert_eq!(all.count().await, 7);
    let jobs = client
        .list_jobs()
        .job_type("user_created")
        .limit(std::num::NonZeroU32::MIN)
        .stream();
    assert_eq!(jobs.count().await, 7);
    let none = client.list_jobs().job_type("data_export").stream();
    assert_eq!(none.count().await, 0);
    server.close().await;
}

#[tokio::test]
async fn the_last_page_has_no_next_one() {
    let server = with_users(4).await;
    let first = server.get("/users?limit=2").await.json();
    assert_eq!(ids(&first), [4, 3]);
    let token = first["next_page"].as_str().unwrap();
    let last = server
        .get(&format!("/users?limit=2&page_token={token}"))
        .await
        .json();
    assert_eq!((ids(&last), last.get("next_page")), (vec![2, 1], None));
    server.close().await;
}

#[tokio::test]
async fn rows_that_come_or_go_between_pages_move_nothing() {
    let server = with_users(4).await;
    let first = server.get("/users?limit=2").await.json();
    let token = first["next_page"].as_str().unwrap();
    server
        .post("/users", r#"{"email": "new@example.com", "age": 1}"#)
        .await;
    server
        .send(server.request(reqwest::Method::DELETE, "/users/3"))
        .await;
    let rest = server
        .get(&format!("/users?page_token={token}"))
        .await
        .json();
    assert_eq!(ids(&rest), [2, 1]);
    server.close().await;
}

#[tokio::test]
async fn a_bent_token_is_refused() {
    let server = with_users(4).await;
    let first = server.get("/users?limit=1&is_active=true").await.json();
    let token = first["next_page"].as_str().unwrap().to_owned();
    let page = |query: String| {
        let server = &server;
        async move { server.get(&query).await }
    };
    assert_eq!(
        page(format!("/users?is_active=true&page_token={token}"))
            .await
            .status,
        200
    );
    let mut bent = token.clone().into_bytes();
    bent[token.len() / 2] ^= 1;
    let bent = String::from_utf8(bent).unwrap();
    for query in [
        format!("/users?page_token={bent}"),
        format!("/users?is_active=false&page_token={token}"),
        format!("/users?email=u1@example.com&page_token={token}"),
        format!("/users?page_token={}", "A".repeat(5_000)),
        "/users?page_token=".to_owned(),
        "/users?page_token=%F0%9F%A6%80".to_owned(),
        // It belongs to the other list.
        format!("/jobs?page_token={token}"),
    ] {
        assert_eq!(
            page(query.clone()).await.pointers(),
            ["/query/page_token"],
            "{query}"
        );
    }
    server.close().await;
}

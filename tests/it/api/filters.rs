//! Lists of jobs by filter: each finds its own, and a page token carries them all.

use lockstep::{
    model::{AttemptOutcome, Settlement},
    store::Claim,
    validation::Mode,
};
use serde_json::{Value, json};

use crate::support::server::TestServer;

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a table, or one story")]
async fn lists_are_filtered_on_every_page() {
    let server = TestServer::start(Mode::Strict).await;
    let tagged = |number: usize| {
        let mut job = json!({"job_type": "data_analysis", "payload": {}});
        job["tags"] = if number & 1 == 0 {
            json!(["even"])
        } else {
            json!(["odd"])
        };
        job["queue"] = json!("default");
        job
    };
    for number in 0..7 {
        server.post("/jobs", tagged(number).to_string()).await;
    }
    let claim = Claim {
        queues: &["default"],
        worker: "w",
        limit: 1,
        lease: std::time::Duration::from_mins(1),
        reads: None,
    };
    let store = &server.database.store;
    let claimed = store.job_claim(claim).await.unwrap().jobs.remove(0);
    let error = "it Timed Out".to_owned();
    let fail = Settlement::Fail {
        error,
        outcome: AttemptOutcome::TimedOut,
    };
    store
        .job_settle(vec![(claimed.id, claimed.lease, fail)])
        .await
        .unwrap();
    let ids = |page: &Value| -> Vec<i64> {
        let items = page["items"].as_array().unwrap().iter();
        items.map(|item| item["id"].as_i64().unwrap()).collect()
    };
    for (query, expected) in [
        ("search=timed%20out", vec![1]),
        ("search=%25", vec![]),
        ("tag=odd", vec![6, 4, 2]),
        ("tag=even&status=failed", vec![1]),
        ("queue=other", vec![]),
        ("group_id=1", vec![]),
        ("created_before=2026-11-24T12:00:00Z", vec![]),
        ("created_after=2026-11-24T12:00:00Z&tag=odd", vec![6, 4, 2]),
    ] {
        let page = server.get(&format!("/jobs?{query}")).await.json();
        assert_eq!(ids(&page), expected, "{query}");
    }
    let first = server.get("/jobs?tag=even&limit=3").await.json();
    assert_eq!(ids(&first), [7, 5, 3]);
    let token = first["next_page"].as_str().unwrap();
    let last = server
        .get(&format!("/jobs?limit=3&page_token={token}"))
        .await
        .json();
    assert_eq!((ids(&last), last.get("next_page")), (vec![1], None));
    let other = server
        .get(&format!("/jobs?tag=odd&page_token={token}"))
        .await;
    assert_eq!(other.pointers(), ["/query/page_token"]);
    let long = "x".repeat(201);
    for (query, pointer) in [
        (format!("search={long}"), "/query/search"),
        ("tag=a,b".to_owned(), "/query/tag"),
        ("group_id=0".to_owned(), "/query/group_id"),
        ("created_after=soon".to_owned(), "/query/created_after"),
    ] {
        assert_eq!(
            server.get(&format!("/jobs?{query}")).await.pointers(),
            [pointer]
        );
    }
    server.close().await;
}

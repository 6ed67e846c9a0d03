//! Many jobs at once over HTTP: all or none, each for itself, changes by filter, and what nobody should send.

use lockstep::validation::Mode;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::server::{Answer, TestServer};

async fn enqueue(server: &TestServer, items: &Value) -> Answer {
    server
        .post("/bulk/jobs", json!({ "items": items }).to_string())
        .await
}

async fn enqueue_each(server: &TestServer, items: &Value) -> Answer {
    let body = json!({ "items": items, "all_or_nothing": false });
    server.post("/bulk/jobs", body.to_string()).await
}

async fn change(server: &TestServer, action: &str, body: &Value) -> Answer {
    server
        .post(&format!("/bulk/{action}"), body.to_string())
        .await
}

fn job(message: &str) -> Value {
    json!({"job_type": "data_analysis", "payload": {"message": message}})
}

fn unique(message: &str, on_conflict: &str) -> Value {
    let mut job = job(message);
    job["unique_key"] = json!("k");
    job["on_conflict"] = json!(on_conflict);
    job
}

async fn stored(server: &TestServer) -> i64 {
    let total = &server.get("/job-stats").await.json()["total"];
    total
        .as_object()
        .unwrap()
        .values()
        .filter_map(Value::as_i64)
        .sum()
}

fn outcomes(answer: &Answer) -> Vec<String> {
    let answer = answer.json();
    let items = answer["items"].as_array().unwrap();
    for (index, item) in items.iter().enumerate() {
        assert_eq!(item["index"], index, "{item}");
        assert_eq!(
            item.get("error").is_some(),
            item["outcome"] == "refused",
            "{item}"
        );
    }
    let outcome = |item: &Value| item["outcome"].as_str().unwrap().to_owned();
    items.iter().map(outcome).collect()
}

#[tokio::test]
async fn all_are_stored_and_wait_for_each_other() {
    let server = TestServer::start(Mode::Default).await;
    let mut first = job("last of all");
    first["after_items"] = json!([2, 1]);
    let answer = enqueue(&server, &json!([first, job("a"), job("b")])).await;
    assert_eq!(answer.status, 201);
    assert_eq!(outcomes(&answer), ["created"; 3]);
    let id = answer.json()["items"][0]["id"].clone();
    let waiting = server.get(&format!("/jobs/{id}")).await.json();
    assert_eq!(
        (&waiting["status"], &waiting["blocked_by"]),
        (&json!("scheduled"), &json!(2))
    );
    let again = json!([
        unique("x", "return"),
        unique("y", "replace"),
        unique("z", "return")
    ]);
    assert_eq!(
        outcomes(&enqueue(&server, &again).await),
        ["created", "replaced", "existing"]
    );
    let none_new = enqueue(&server, &json!([unique("x", "return")])).await;
    assert_eq!((none_new.status, stored(&server).await), (200, 4));
    server.close().await;
}

#[tokio::test]
async fn one_that_is_refused_refuses_all_and_is_named() {
    let server = TestServer::start(Mode::Default).await;
    let with = |name: &str, value: Value| {
        let mut bad = job("bad");
        bad[name] = value;
        json!([job("0"), job("1"), job("2"), bad])
    };
    let cases = [
        (
            with("job_type", json!("make_coffee")),
            "/body/items/3/job_type",
        ),
        (
            with("payload", json!({"message": 7})),
            "/body/items/3/payload/message",
        ),
        (with("priority", json!(9999)), "/body/items/3/priority"),
        (with("colour", json!("red")), "/body/items/3/colour"),
        (
            with("unique_period_seconds", json!(5)),
            "/body/items/3/unique_period_seconds",
        ),
        (with("after", json!([77])), "/body/items/3/after"),
        (with("after_items", json!([4])), "/body/items/3/after_items"),
        (with("after_items", json!([3])), "/body/items/3/after_items"),
        (
            with("expires_at", json!("2001-01-01T00:00:00Z")),
            "/body/items/3/expires_at",
        ),
        (json!([]), "/body/items"),
        (Value::Array(vec![job("many"); 1001]), "/body/items"),
    ];
    for (items, pointer) in cases {
        let answer = enqueue(&server, &items).await;
        assert_eq!(answer.pointers(), [pointer], "{}", answer.text);
    }
    let circle = json!([
        {"job_type": "data_analysis", "payload": {}, "after_items": [1]},
        {"job_type": "data_analysis", "payload": {}, "after_items": [0]},
    ]);
    for answer in [
        enqueue(&server, &circle).await,
        enqueue_each(&server, &circle).await,
    ] {
        assert_eq!(answer.pointers(), ["/body/items/0/after_items"]);
    }
    let twice = enqueue(
        &server,
        &json!([unique("a", "return"), unique("b", "reject")]),
    )
    .await;
    assert_eq!(
        (twice.status, twice.code().as_str()),
        (409, "duplicate_job")
    );
    assert_eq!(twice.json()["errors"][0]["pointer"], "/body/items/1");
    assert_eq!(stored(&server).await, 0);
    server.close().await;
}

#[tokio::test]
async fn every_fault_of_every_item_is_named_at_once() {
    let server = TestServer::start(Mode::Default).await;
    let items = json!([
        {"job_type": "no_such", "payload": {}},
        job("fine"),
        {"job_type": "data_export", "payload": {"formats": ["doc"], "x": 1}},
    ]);
    let mut pointers = enqueue(&server, &items).await.pointers();
    pointers.sort();
    assert_eq!(
        pointers,
        [
            "/body/items/0/job_type",
            "/body/items/2/payload/formats/0",
            "/body/items/2/payload/x"
        ]
    );
    server.close().await;
}

#[tokio::test]
async fn each_for_itself_reports_the_refused_beside_the_stored() {
    let server = TestServer::start(Mode::Default).await;
    let after =
        |place: usize| json!({"job_type": "data_analysis", "payload": {}, "after_items": [place]});
    let items = json!([
        job("fine"),
        {"job_type": "no_such", "payload": {}},
        after(1),
        after(0),
        {"job_type": "data_analysis", "payload": {"message": 7}},
        unique("a", "return"),
        unique("b", "reject"),
        {"job_type": "data_analysis", "payload": {}, "after": [77]},
        after(7),
    ]);
    let answer = enqueue_each(&server, &items).await;
    assert_eq!(answer.status, 201);
    let (new, no) = ("created", "refused");
    assert_eq!(outcomes(&answer), [new, no, no, new, no, new, no, no, no]);
    let errors = |at: usize| {
        let error = &answer.json()["items"][at]["error"];
        let text = |part: &str| error[part].as_str().unwrap().to_owned();
        (text("error_code"), text("pointer"))
    };
    for (at, code, pointer) in [
        (1, "invalid_request", "/body/items/1/job_type"),
        (2, "invalid_request", "/body/items/2/after_items"),
        (4, "invalid_request", "/body/items/4/payload/message"),
        (6, "duplicate_job", "/body/items/6"),
        (7, "invalid_request", "/body/items/7/after"),
        (8, "invalid_request", "/body/items/8/after_items"),
    ] {
        assert_eq!(errors(at), (code.to_owned(), pointer.to_owned()));
    }
    assert_eq!(stored(&server).await, 3);
    let all_bad = enqueue_each(&server, &json!([{"job_type": "no_such", "payload": {}}])).await;
    assert_eq!(
        (all_bad.status, outcomes(&all_bad)),
        (200, vec![no.to_owned()])
    );
    server.close().await;
}

#[tokio::test]
async fn a_repeated_request_is_done_once() {
    let server = TestServer::start(Mode::Default).await;
    let send = |body: Value| {
        let request = server.request(Method::POST, "/bulk/jobs");
        let request = request
            .header("content-type", "application/json")
            .header("idempotency-key", "k-1");
        server.send(request.body(body.to_string()))
    };
    let body = json!({"items": [job("a"), {"job_type": "no_such", "payload": {}}], "all_or_nothing": false});
    let first = send(body.clone()).await;
    let second = send(body).await;
    assert_eq!((first.status, &first.text), (second.status, &second.text));
    assert_eq!(outcomes(&second), ["created", "refused"]);
    assert_eq!(second.header("idempotency-replayed"), Some("true"));
    assert_eq!(send(json!({"items": [job("b")]})).await.status, 422);
    assert_eq!(stored(&server).await, 1);
    server.close().await;
}

#[tokio::test]
async fn a_change_wants_a_filter_that_can_match() {
    for mode in [Mode::Default, Mode::Strict, Mode::Flexible] {
        let server = TestServer::start(mode).await;
        enqueue(&server, &json!([job("a")])).await;
        for action in ["retry", "cancel", "delete"] {
            let many: Vec<i64> = (1..=1001).collect();
            let cases = [
                (json!({"filter": {}}), "/body/filter"),
                (json!({"filter": {"ids": []}}), "/body/filter/ids"),
                (json!({"filter": {"ids": many}}), "/body/filter/ids"),
                (json!({"filter": {"ids": [0]}}), "/body/filter/ids/0"),
                (json!({"filter": {"colour": "red"}}), "/body/filter/colour"),
                (json!({"filter": {"search": ""}}), "/body/filter/search"),
                (
                    json!({"filter": {"search": "x".repeat(201)}}),
                    "/body/filter/search",
                ),
                (json!({"filter": {"tag": null}}), "/body/filter/tag"),
                (
                    json!({"filter": {"tag": "a"}, "limit": 1001}),
                    "/body/limit",
                ),
                (json!({"filter": {"tag": "a"}, "limit": 0}), "/body/limit"),
                (
                    json!({"filter": {"tag": "a"}, "after_id": 0}),
                    "/body/after_id",
                ),
                (json!({"filter": {"tag": "a"}, "x": 0}), "/body/x"),
            ];
            for (body, pointer) in cases {
                let answer = change(&server, action, &body).await;
                assert_eq!(answer.pointers(), [pointer], "{mode:?} {action} {body}");
            }
            let bare = change(&server, action, &json!({})).await;
            assert_eq!(bare.status, 400, "{}", bare.text);
        }
        for (action, status) in [
            ("retry", "completed"),
            ("retry", "pending"),
            ("cancel", "failed"),
            ("delete", "processing"),
        ] {
            let body = json!({"filter": {"status": status}});
            let answer = change(&server, action, &body).await;
            assert_eq!(
                answer.pointers(),
                ["/body/filter/status"],
                "{action} {status}"
            );
        }
        assert_eq!(server.get("/jobs/1").await.json()["status"], "pending");
        server.close().await;
    }
}

#[tokio::test]
async fn jobs_are_counted_then_changed_in_pages() {
    let server = TestServer::start(Mode::Default).await;
    let items: Vec<Value> = (0..5).map(|number| job(&number.to_string())).collect();
    enqueue(&server, &Value::Array(items)).await;
    let figures = |answer: &Answer| {
        assert_eq!(answer.status, 200, "{answer:?}");
        let answer = answer.json();
        let figure = |name: &str| answer[name].as_i64();
        (
            figure("matched").unwrap(),
            figure("changed").unwrap(),
            figure("skipped").unwrap(),
            figure("next_after_id"),
        )
    };
    let filter = json!({"ids": [5, 1, 1, 2, 3, 3, 99]});
    let dry = json!({"filter": filter, "dry_run": true});
    assert_eq!(
        figures(&change(&server, "cancel", &dry).await),
        (4, 0, 0, None)
    );
    let mut page = json!({"filter": filter, "limit": 3});
    assert_eq!(
        figures(&change(&server, "cancel", &page).await),
        (3, 3, 0, Some(3))
    );
    page["after_id"] = json!(3);
    assert_eq!(
        figures(&change(&server, "cancel", &page).await),
        (1, 1, 0, None)
    );
    assert_eq!(server.get("/jobs/4").await.json()["status"], "pending");
    let cancelled = json!({"filter": {"status": "cancelled", "job_type": "data_analysis"}});
    assert_eq!(
        figures(&change(&server, "retry", &cancelled).await),
        (4, 4, 0, None)
    );
    let some = json!({"filter": {"ids": [1, 2]}});
    assert_eq!(
        figures(&change(&server, "delete", &some).await),
        (2, 2, 0, None)
    );
    assert_eq!(stored(&server).await, 3);
    server.close().await;
}

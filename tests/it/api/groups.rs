//! Groups over HTTP: all or nothing, every fault by its place, pages, cancelling.

use lockstep::validation::Mode;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::server::{Answer, TestServer};

async fn create(server: &TestServer, body: &Value) -> Answer {
    server.post("/groups", body.to_string()).await
}

fn two() -> Value {
    json!({
        "name": "report",
        "jobs": [
            {"job_type": "data_export", "payload": {"formats": ["csv"]}, "after_items": [1]},
            {"job_type": "data_analysis", "payload": {}, "priority": 3},
        ],
        "callback": {"job_type": "data_analysis", "payload": {"message": "done"}, "tags": ["last"]},
    })
}

#[tokio::test]
async fn a_group_has_its_jobs_its_counts_and_its_callback() {
    let server = TestServer::start(Mode::Strict).await;
    let created = create(&server, &two()).await;
    let body = created.json();
    let group = &body["group"];
    let location = format!("/groups/{}", group["id"]);
    assert_eq!(
        (created.status, created.header("location")),
        (201, Some(location.as_str()))
    );
    assert_eq!(
        (&group["name"], &group["total"]),
        (&"report".into(), &2.into())
    );
    assert_eq!(
        (&group["pending"], &group["percent"]),
        (&2.into(), &0.0.into())
    );
    // Stored in the order of what they wait for, answered in the order of the request.
    let [second, first] = [0, 1].map(|place| body["job_ids"][place].as_i64().unwrap());
    assert_eq!(second, first + 1);
    let blocked = server.get(&format!("/jobs/{second}")).await.json();
    assert_eq!(blocked["blocked_by"], 1);
    let of_group = format!("/jobs?group_id={}", group["id"]);
    let of_group = server.get(&of_group).await.json();
    assert_eq!(of_group["items"].as_array().unwrap().len(), 2);
    server
        .send(server.request(Method::POST, &format!("/jobs/{first}/cancel")))
        .await;
    let group = server.get(&location).await.json();
    assert_eq!(
        (&group["cancelled"], &group["percent"]),
        (&2.into(), &100.0.into())
    );
    let callback = format!("/jobs/{}", group["callback_job_id"]);
    let callback = server.get(&callback).await.json();
    assert_eq!(callback["tags"], json!(["last"]));
    assert_eq!(callback["metadata"]["group"]["cancelled"], 2);
    let none = server.get("/groups/9").await;
    assert_eq!((none.status, none.code()), (404, "not_found".to_owned()));
    server.close().await;
}

#[tokio::test]
async fn every_fault_is_named_and_nothing_is_stored() {
    let server = TestServer::start(Mode::Default).await;
    let wrong = json!({
        "jobs": [
            {"job_type": "data_analysis", "payload": {}},
            {"job_type": "make_coffee", "payload": {}},
            {"job_type": "data_analysis", "payload": {}, "after_items": [7]},
            {"job_type": "data_export", "payload": {"formats": ["csv", "pdf"]}},
        ],
        "callback": {"job_type": "email_notification", "payload": {"message": "hi", "recipients": ["nobody"]}},
    });
    let mut pointers = create(&server, &wrong).await.pointers();
    pointers.sort();
    assert_eq!(
        pointers,
        [
            "/body/callback/payload/recipients/0",
            "/body/jobs/1/job_type",
            "/body/jobs/2/after_items",
            "/body/jobs/3/payload/formats/1",
        ]
    );
    let job =
        |after: &[usize]| json!({"job_type": "data_analysis", "payload": {}, "after_items": after});
    let cycle = json!({"jobs": [job(&[]), job(&[2]), job(&[1])]});
    assert_eq!(
        create(&server, &cycle).await.pointers(),
        ["/body/jobs/1/after_items"]
    );
    assert_eq!(
        create(&server, &json!({"jobs": []})).await.pointers(),
        ["/body/jobs"]
    );
    let later = json!({"jobs": [job(&[])], "callback": {"job_type": "data_analysis", "payload": {}, "delay_seconds": 5}});
    assert_eq!(
        create(&server, &later).await.pointers(),
        ["/body/callback/delay_seconds"]
    );
    assert_eq!(server.get("/groups").await.json()["items"], json!([]));
    assert_eq!(server.get("/job-stats").await.json()["total"]["pending"], 0);
    server.close().await;
}

#[tokio::test]
async fn a_key_makes_one_group_and_pages_show_them_all() {
    let server = TestServer::start(Mode::Default).await;
    let send = |key: &str, body: Value| {
        let request = server.request(Method::POST, "/groups");
        let request = request.header("idempotency-key", key).json(&body);
        server.send(request)
    };
    let first = send("one", two()).await;
    let again = send("one", two()).await;
    assert_eq!((again.status, &again.text), (201, &first.text));
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    let mut other = two();
    other["name"] = "another".into();
    assert_eq!(send("one", other).await.status, 422);
    for key in ["two", "three"] {
        assert_eq!(send(key, two()).await.status, 201);
    }
    let page = server.get("/groups?limit=2").await.json();
    let ids = |page: &Value| -> Vec<i64> {
        let items = page["items"].as_array().unwrap().iter();
        items.map(|group| group["id"].as_i64().unwrap()).collect()
    };
    assert_eq!(ids(&page), [3, 2]);
    let next = page["next_page"].as_str().unwrap();
    let page = server
        .get(&format!("/groups?limit=2&page_token={next}"))
        .await;
    assert_eq!(
        (ids(&page.json()), page.json().get("next_page")),
        (vec![1], None)
    );
    let cancelled = server
        .send(server.request(Method::POST, "/groups/2/cancel"))
        .await;
    assert_eq!(
        (cancelled.status, &cancelled.json()["cancelled"]),
        (200, &2.into())
    );
    assert_eq!(server.get("/groups/3").await.json()["pending"], 2);
    server.close().await;
}

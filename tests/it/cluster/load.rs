//! Owns the requests of the clients: many jobs, of several kinds, each request sent until somebody has acknowledged it.
//! Must not know: who serves them, or who is killed meanwhile.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use rand::{Rng, rngs::StdRng, seq::SliceRandom};
use serde_json::{Value, json};

use crate::support::process::until;

pub(super) const NARROW: &str = "narrow";
/// Jobs per request, and how many such requests: 22,500 jobs, of which those with unique keys may be there already.
const REQUESTS: [(usize, usize); 3] = [(1_000, 16), (100, 45), (1, 2_000)];
const UNIQUE_KEYS: u32 = 150;

/// Addresses of the servers, as they are now.
pub(super) type Addresses = Arc<Mutex<Vec<String>>>;

/// Jobs of the first part at least: enough to be at work when the database goes away.
const EARLY: usize = 14_000;

/// One request. Its key makes it happen once, however often it is sent.
pub(super) struct Request {
    key: String,
    items: Vec<Value>,
}

/// What was acknowledged.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Created by us.
    pub(super) created: BTreeSet<i64>,
    /// Answers that another job has the unique key.
    pub(super) existing: usize,
    /// Sent again, because nobody or nobody in time had answered.
    pub(super) repeats: usize,
}

/// In two parts.
pub(super) fn requests(random: &mut StdRng) -> (Vec<Request>, Vec<Request>) {
    let mut requests = Vec::new();
    for (size, count) in REQUESTS {
        for number in 0..count {
            requests.push(Request {
                key: format!("request-{size}-{number}"),
                items: (0..size).map(|_| item(random)).collect(),
            });
        }
    }
    requests.shuffle(random);
    let mut jobs = 0;
    let early = requests.iter().take_while(|request| {
        jobs += request.items.len();
        jobs < EARLY
    });
    let late = requests.split_off(early.count() + 1);
    (requests, late)
}

fn item(random: &mut StdRng) -> Value {
    let mut item = json!({ "job_type": "data_analysis", "payload": { "message": "load" } });
    if random.random_ratio(1, 10) {
        item["queue"] = json!(NARROW);
    }
    if random.random_ratio(1, 10) {
        let key = random.random_range(0..UNIQUE_KEYS);
        item["unique_key"] = json!(format!("unique-{key}"));
        item["unique_scope"] = json!("until_finished");
        item["on_conflict"] = json!("return");
    }
    if random.random_ratio(1, 10) {
        item["delay_seconds"] = json!(random.random_range(1..6));
    }
    item
}

/// Sends what is left until nothing is.
pub(super) async fn client(
    addresses: Addresses,
    requests: Arc<Mutex<Vec<Request>>>,
    told: Arc<Mutex<Told>>,
) {
    let http = reqwest::Client::builder()
        .timeout(Duration::from_secs(15))
        .build()
        .unwrap();
    while let Some(request) = next(&requests) {
        until("a request is acknowledged", async || {
            let acknowledged = send(&http, &addresses, &request, &told).await;
            told.lock().unwrap().repeats += usize::from(!acknowledged);
            acknowledged
        })
        .await;
    }
}

fn next(requests: &Mutex<Vec<Request>>) -> Option<Request> {
    requests.lock().unwrap().pop()
}

fn any(addresses: &Addresses) -> String {
    let addresses = addresses.lock().unwrap();
    addresses[rand::rng().random_range(0..addresses.len())].clone()
}

/// Whether it was acknowledged. A server may be gone, or say that its database is.
async fn send(
    http: &reqwest::Client,
    addresses: &Addresses,
    request: &Request,
    told: &Mutex<Told>,
) -> bool {
    let address = any(addresses);
    let (path, body) = match request.items.as_slice() {
        [item] => ("/jobs", item.clone()),
        items => ("/bulk/jobs", json!({ "items": items })),
    };
    let sent = http
        .post(format!("{address}{path}"))
        .header("idempotency-key", &request.key)
        .json(&body);
    let Ok(answer) = sent.send().await else {
        return false;
    };
    let status = answer.status().as_u16();
    let Ok(answer) = answer.json::<Value>().await else {
        return false;
    };
    match status {
        503 => return false,
        200 | 201 => {}
        _ => panic!("{status} {answer}"),
    }
    let mut told = told.lock().unwrap();
    let one = std::slice::from_ref(&answer);
    for item in answer["items"].as_array().map_or(one, Vec::as_slice) {
        match item["outcome"].as_str().unwrap() {
            "created" => assert!(told.created.insert(item["id"].as_i64().unwrap())),
            "existing" => told.existing += 1,
            other => panic!("{other}: {answer}"),
        }
    }
    true
}

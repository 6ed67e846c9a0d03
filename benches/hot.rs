//! Owns measuring the pure functions on the hot paths, each by itself. What they are part of: `lockstep bench`.

use std::{hint::black_box, time::Duration};

use chrono::{DateTime, Utc};
use criterion::{Criterion, criterion_group, criterion_main};
use http::{HeaderMap, HeaderValue};
use lockstep::{
    contract::{self, jobs::UserCreated},
    model::{Backoff, BackoffKind, Timing},
    queue::{EnqueueOptions, JobType, delay, new_job, schedule::Timetable},
    validation::{Mode, RawRequest, Validator},
};

const USER: &[u8] = br#"{"email":"ada.lovelace@example.com","age":36,"name":"Ada Lovelace"}"#;
const WRONG: &[u8] = br#"{"email":"ada.lovelace","age":-1,"name":""}"#;
const PAYLOAD: &str = r#"{"user_id":7,"user_data":{"id":7,"email":"ada.lovelace@example.com","age":36,"name":"Ada Lovelace","is_active":true}}"#;

fn validation(criterion: &mut Criterion) {
    let validator = Validator::new(contract::document(), Mode::Default).expect("the contract");
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    for (name, body, passes) in [("accepted", USER, true), ("refused", WRONG, false)] {
        let request = RawRequest {
            path: "/users",
            query: None,
            headers: &headers,
            body: Some(body),
        };
        let check = || validator.request("create_user", black_box(&request));
        assert_eq!(check().is_ok(), passes);
        criterion.bench_function(&format!("POST /users, {name}"), |bencher| {
            bencher.iter(check);
        });
    }
}

fn payload(criterion: &mut Criterion) {
    type Payload = <UserCreated as JobType>::Payload;
    let parse = || serde_json::from_str::<Payload>(black_box(PAYLOAD));
    assert!(parse().is_ok());
    criterion.bench_function("parse a payload", |bencher| bencher.iter(parse));
    let policy = contract::policy("user_created").expect("a type of the contract");
    let make = || {
        let payload = black_box(PAYLOAD).to_owned();
        new_job(policy, payload, EnqueueOptions::default())
    };
    assert!(make().is_ok());
    criterion.bench_function("make a job", |bencher| bencher.iter(make));
}

fn waits(criterion: &mut Criterion) {
    let backoff = Backoff {
        kind: BackoffKind::Exponential,
        base: Duration::from_secs(5),
        cap: Duration::from_hours(1),
        jitter: 0.2,
    };
    criterion.bench_function("backoff", |bencher| {
        bencher.iter(|| delay(black_box(&backoff), black_box(7), black_box(0.5)));
    });
    let timing = Timing::Cron {
        expression: "30 2 * * 1-5".to_owned(),
        timezone: "Europe/Berlin".to_owned(),
    };
    let at: DateTime<Utc> = DateTime::from_timestamp(1_893_456_000, 0).expect("a time");
    let timetable = Timetable::new(&timing, at).expect("a timetable");
    criterion.bench_function("next tick of a cron expression", |bencher| {
        bencher.iter(|| black_box(&timetable).next_after(black_box(at)));
    });
    criterion.bench_function("read a cron expression", |bencher| {
        bencher.iter(|| Timetable::new(black_box(&timing), at));
    });
}

criterion_group!(hot, validation, payload, waits);
criterion_main!(hot);

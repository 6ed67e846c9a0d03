//! Messages to many: each gets one, whatever happens to the others.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use lockstep::model::JobStatus;
use serde_json::{Value, json};

use super::World;
use crate::support::smtp::Reply;

fn notification(recipients: &[&str]) -> Value {
    json!({"subject": "Tonight", "message": "We are away.", "recipients": recipients})
}

#[tokio::test]
async fn each_recipient_gets_one_message() {
    let world = World::new().await;
    let to = [
        "a@example.com",
        "b@example.com",
        "a@example.com",
        "c@example.com",
    ];
    let id = world
        .enqueue("email_notification", &notification(&to))
        .await;
    assert_eq!(world.result(id).await, json!({"sent": 3}));
    assert_eq!(
        world.recipients(),
        ["a@example.com", "b@example.com", "c@example.com"]
    );
    assert!(world.smtp.accepted().iter().all(|mail| mail.to.len() == 1));
}

#[tokio::test]
async fn one_refused_recipient_does_not_keep_the_others_from_their_message() {
    let world = World::with_mail(|at, to| match (at, to) {
        ("RCPT", "b@example.com") => Reply::Refuse(550),
        _ => Reply::Accept,
    })
    .await;
    let to = ["a@example.com", "b@example.com", "c@example.com"];
    let id = world
        .enqueue("email_notification", &notification(&to))
        .await;
    let error = world.error(id, JobStatus::Failed).await;
    assert!(
        error.starts_with("1 of 3 e-mails were refused for good"),
        "{error}"
    );
    assert_eq!(world.recipients(), ["a@example.com", "c@example.com"]);
}

#[tokio::test]
async fn a_retry_leaves_out_those_who_have_got_the_message() {
    let full = Arc::new(AtomicBool::new(true));
    let is_full = Arc::clone(&full);
    let world = World::with_mail(move |at, to| match (at, to) {
        ("RCPT", "b@example.com") if is_full.load(Ordering::Relaxed) => Reply::Refuse(452),
        _ => Reply::Accept,
    })
    .await;
    let to = ["a@example.com", "b@example.com", "c@example.com"];
    let id = world
        .enqueue("email_notification", &notification(&to))
        .await;
    let error = world.error(id, JobStatus::RetryPending).await;
    assert!(
        error.starts_with("1 of 3 e-mails have not left yet"),
        "{error}"
    );
    full.store(false, Ordering::Relaxed);
    world.db.advance(Duration::from_mins(5));
    assert_eq!(world.result(id).await, json!({"sent": 3}));
    assert_eq!(world.recipients(), to);
}

#[tokio::test]
async fn a_server_that_is_down_is_not_asked_a_thousand_times() {
    let world = World::with_mail(|_, _| Reply::Refuse(421)).await;
    let to: Vec<String> = (0..1000).map(|n| format!("user{n}@example.com")).collect();
    let to: Vec<&str> = to.iter().map(String::as_str).collect();
    let id = world
        .enqueue("email_notification", &notification(&to))
        .await;
    let error = world.error(id, JobStatus::RetryPending).await;
    assert!(
        error.starts_with("1000 of 1000 e-mails have not left yet"),
        "{error}"
    );
    assert!(
        world.smtp.commands().len() < 100,
        "{}",
        world.smtp.commands().len()
    );
}

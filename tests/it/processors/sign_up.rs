//! A new user: welcome, profile, sign-up figures, and the job that every user is owed.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use lockstep::{
    model::{JobStatus, NewUser},
    processors::{reconciler::reconcile, user_created::job_for},
};
use serde_json::json;

use super::World;
use crate::support::{
    database::{ada, start},
    smtp::Reply,
};

#[tokio::test]
async fn a_new_user_is_welcomed_and_gets_a_profile() {
    let world = World::new().await;
    let properties =
        json!({"hobby": "chess", "location": "London", "score": 9.5, "plan": ["gold"]});
    let user = NewUser {
        additional_data: Some(properties.to_string()),
        ..ada()
    };
    let (user_id, job_id) = world.sign_up(user).await;
    let result = world.result(job_id).await;
    let [mail] = &world.smtp.accepted()[..] else {
        panic!("not one e-mail")
    };
    assert_eq!(mail.to, ["Ada@Example.com"]);
    assert!(mail.data.contains("Hello Ada Lovelace,"), "{}", mail.data);
    let id = result["message_id"].as_str().unwrap();
    assert!(mail.data.contains(&format!("Message-ID: <{id}>")));
    assert_eq!(result["welcomed"], true);
    assert_eq!(
        result["properties"],
        json!(["hobby", "location", "plan", "score"])
    );
    let profile = world
        .db
        .store
        .user_profile_get(user_id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (profile.hobby.as_deref(), profile.location.as_deref()),
        (Some("chess"), Some("London"))
    );
    let other: serde_json::Value = serde_json::from_str(&profile.other.unwrap()).unwrap();
    assert_eq!(
        (profile.score, other),
        (Some(9.5), json!({"plan": ["gold"]}))
    );
    assert_eq!(
        world.db.store.signup_counts().await.unwrap(),
        [(start().date_naive(), 1)]
    );
}

#[tokio::test]
async fn a_repeated_run_counts_the_sign_up_once_and_repeats_the_message_id() {
    // The server takes the e-mail, and the line breaks before it can say so.
    let broken = Arc::new(AtomicBool::new(true));
    let breaks = Arc::clone(&broken);
    let world = World::with_mail(move |at, _| match at {
        "." if breaks.swap(false, Ordering::Relaxed) => Reply::Refuse(451),
        _ => Reply::Accept,
    })
    .await;
    let (_, job_id) = world.sign_up(ada()).await;
    let error = world.error(job_id, JobStatus::RetryPending).await;
    assert_eq!(
        error,
        "the e-mail did not leave: the mail server put the e-mail off with code 451"
    );
    world.db.advance(Duration::from_mins(5));
    let first = world.result(job_id).await["message_id"].clone();
    assert_eq!(
        world.db.store.signup_counts().await.unwrap(),
        [(start().date_naive(), 1)]
    );
    // The same work once more, as after a crash before the outcome was stored.
    world
        .db
        .place()
        .execute("UPDATE job_queue SET status = 'failed'");
    world.db.store.job_retry(job_id).await.unwrap();
    assert_eq!(world.result(job_id).await["message_id"], first);
    assert_eq!(
        world.db.store.signup_counts().await.unwrap(),
        [(start().date_naive(), 1)]
    );
}

#[tokio::test]
async fn a_user_who_is_gone_is_not_welcomed() {
    let world = World::new().await;
    let (user_id, job_id) = world.sign_up(ada()).await;
    world.db.store.user_delete(user_id, None).await.unwrap();
    let result = world.result(job_id).await;
    assert_eq!(result, json!({"welcomed": false, "properties": []}));
    assert_eq!(world.recipients(), [""; 0]);
}

#[tokio::test]
async fn a_welcome_that_is_refused_for_good_fails_at_once() {
    let world = World::with_mail(|at, _| {
        if at == "RCPT" {
            Reply::Refuse(550)
        } else {
            Reply::Accept
        }
    })
    .await;
    let (_, job_id) = world.sign_up(ada()).await;
    let error = world.error(job_id, JobStatus::Failed).await;
    assert_eq!(
        error,
        "the e-mail did not leave: the mail server refused the e-mail with code 550"
    );
}

#[tokio::test]
async fn a_name_with_line_breaks_is_only_a_name() {
    let world = World::new().await;
    let (_, job_id) = world.sign_up(ada()).await;
    // Past the contract, which would refuse it.
    let hostile = "UPDATE users SET name = 'Ada\r\nBcc: all@example.com'";
    world.db.place().execute(hostile);
    world.result(job_id).await;
    assert_eq!(world.recipients(), ["Ada@Example.com"]);
    let data = &world.smtp.accepted()[0].data;
    let head = data.split("\r\n\r\n").next().unwrap();
    assert!(!head.contains("\r\nBcc:"), "{head}");
}

#[tokio::test]
async fn a_user_whose_job_could_not_be_enqueued_gets_it_from_the_reconciler_once() {
    let world = World::new().await;
    world.db.place().refuse_inserts("BEFORE", "job_queue");
    let user = ada();
    let job = job_for(&user);
    let created = world.db.store.user_create(user, job).await.unwrap();
    assert_eq!(created.job_id, None);
    world.db.place().insert_again("job_queue");
    let elsewhere = world.db.another().await;
    let (here, there) = tokio::join!(reconcile(&world.db.store, 10), reconcile(&elsewhere, 10));
    assert_eq!(here.unwrap() + there.unwrap(), 1);
    assert_eq!(reconcile(&world.db.store, 10).await.unwrap(), 0);
    assert_eq!(world.runner.run_due().await.unwrap(), 1);
    assert_eq!(world.recipients(), ["Ada@Example.com"]);
    elsewhere.close().await;
}

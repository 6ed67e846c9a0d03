//! Sign-ups that come at the same time, and share a commit.

use std::collections::HashSet;

use futures::future::{join, join_all};
use lockstep::{
    model::{ControlKind, ControlLimits, NewUser, User, UserFilter},
    store::{StoreError, UserCreated},
};

use super::users::{create, named, record};
use crate::support::database::{Database, ada, analysis, policy};

/// Forty addresses, each of three users, in different cases, with texts that are hard to carry.
fn crowd() -> Vec<NewUser> {
    let texts = [
        "",
        "O'Hara \"x\" \\",
        "\u{2028}\u{1f980}",
        "line\nline\ttab",
        "NULL",
    ];
    (0..120)
        .map(|n| NewUser {
            email: format!("{}-{}@example.com", ["Ann", "ann", "ANN"][n % 3], n / 3),
            age: i32::try_from(n).unwrap(),
            name: (n % 4 != 0).then(|| texts[n % 5].to_owned()),
            bio: (n % 7 == 0).then(|| texts[n % 5].repeat(50)),
            is_active: n % 2 == 0,
            additional_data: (n % 11 == 0).then(|| format!(r#"{{"n":{n},"t":["\u00e4"]}}"#)),
        })
        .collect()
}

/// What is answered and what is kept are what was asked for.
async fn is_as(database: &Database, user: &User, new: &NewUser) {
    let same = (&user.email, user.age, &user.name, &user.bio, user.is_active);
    assert_eq!(
        same,
        (&new.email, new.age, &new.name, &new.bio, new.is_active)
    );
    let kept = record(database, user.id).await;
    let json = |text: &Option<String>| -> Option<serde_json::Value> {
        text.as_deref()
            .map(|text| serde_json::from_str(text).unwrap())
    };
    assert_eq!(json(&kept.additional_data), json(&new.additional_data));
    assert_eq!(&kept.user, user);
}

/// What comes at the same time is stored by few statements: nobody gets what is another's.
#[tokio::test]
async fn sign_ups_at_the_same_time_are_each_for_itself() {
    let database = Database::new().await;
    let new = crowd();
    let sign_ups = new.iter().map(|user| create(&database, user.clone()));
    let jobs = (0..40).map(|_| database.store.job_enqueue(analysis()));
    let (signed_up, enqueued) = join(join_all(sign_ups), join_all(jobs)).await;
    let mut ids: HashSet<i64> = enqueued
        .into_iter()
        .map(|job| job.unwrap().job.id)
        .collect();
    let (mut taken, mut users) = (0, 0);
    for (new, outcome) in new.iter().zip(signed_up) {
        let Ok(UserCreated { user, job_id }) = outcome else {
            assert!(
                matches!(outcome, Err(StoreError::EmailTaken)),
                "{outcome:?}"
            );
            taken += 1;
            continue;
        };
        users += 1;
        is_as(&database, &user, new).await;
        let job = database
            .store
            .job_get(job_id.unwrap())
            .await
            .unwrap()
            .unwrap();
        let payload: serde_json::Value = serde_json::from_str(&job.payload).unwrap();
        assert_eq!(
            (job.job_type.as_str(), &payload["user_id"]),
            ("user_created", &user.id.into())
        );
        assert!(ids.insert(job.id), "job {} is two users'", job.id);
    }
    assert_eq!((users, taken, ids.len()), (40, 80, 80));
    assert_eq!(database.store.job_counts_check().await.unwrap(), []);
    database.close().await;
}

/// A fault of this program in one sign-up is nobody else's, and the store goes on.
#[tokio::test]
async fn a_sign_up_that_panics_takes_nobody_with_it() {
    let database = Database::new().await;
    let panics = |n: i32| {
        let user = named(&format!("panics-{n}@example.com"), n, true);
        let job = Box::new(|_| panic!("on purpose"));
        database.store.user_create(user, job)
    };
    let alone = panics(0).await;
    assert!(matches!(alone, Err(StoreError::Internal(_))), "{alone:?}");
    let fine = (0..20).map(|n| create(&database, named(&format!("{n}@example.com"), n, true)));
    let (broken, fine) = join(join_all((1..4).map(panics)), join_all(fine)).await;
    assert!(broken.iter().all(Result::is_err), "{broken:?}");
    assert!(fine.iter().all(Result::is_ok), "{fine:?}");
    let filter = UserFilter::default();
    let kept = database.store.user_list(filter, None, 100).await.unwrap();
    assert_eq!(kept.len(), 20);
    database.close().await;
}

/// The contract refuses U+0000, a caller of the store may have it: nothing behind it is lost.
#[tokio::test]
async fn a_text_does_not_end_at_a_nul() {
    let database = Database::new().await;
    let sign_ups = (0..20).map(|n| {
        let email = format!("{n}@example.com");
        let name = Some("a\0b".to_owned());
        create(
            &database,
            NewUser {
                email,
                name,
                ..ada()
            },
        )
    });
    for created in join_all(sign_ups).await {
        let kept = database.store.user_get(created.unwrap().user.id).await;
        let name = kept.unwrap().unwrap().name.unwrap();
        assert!(["a\0b", "a\u{fffd}b"].contains(&&*name), "{name:?}");
    }
    database.close().await;
}

/// The user stays, and the job is owed: for each of many as for one.
#[tokio::test]
async fn sign_ups_at_the_same_time_meet_a_full_queue() {
    let database = Database::new().await;
    let limits = ControlLimits {
        max_depth: Some(5),
        ..ControlLimits::default()
    };
    let queue = policy("user_created").queue.to_owned();
    database
        .store
        .control_limit(ControlKind::Queue, queue, limits)
        .await
        .unwrap();
    let sign_ups = (0..20).map(|n| create(&database, named(&format!("{n}@example.com"), n, true)));
    let signed_up: Vec<_> = join_all(sign_ups)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    let enqueued = signed_up.iter().filter(|created| created.job_id.is_some());
    assert_eq!(enqueued.count(), 5);
    assert_eq!(
        database.store.users_without_job(100).await.unwrap().len(),
        15
    );
    database.close().await;
}

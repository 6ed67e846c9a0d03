//! Users, profiles, statistics.

use std::{collections::HashSet, time::Duration};

use futures::future::{join, join_all};
use lockstep::{
    model::{ControlKind, ControlLimits, NewUser, User, UserChange, UserFilter, UserProfile},
    processors::user_created::job_for,
    store::{StoreError, UserCreated},
};

use crate::support::database::{Database, ada, analysis, policy};

async fn create(database: &Database, user: NewUser) -> Result<UserCreated, StoreError> {
    database
        .store
        .user_create(user.clone(), job_for(&user))
        .await
}

fn named(email: &str, age: i32, is_active: bool) -> NewUser {
    NewUser {
        email: email.to_owned(),
        age,
        is_active,
        ..ada()
    }
}

#[tokio::test]
async fn a_user_and_its_job_are_stored_together() {
    let database = Database::new().await;
    let UserCreated { user, job_id } = create(&database, ada()).await.unwrap();
    assert_eq!(
        (user.id, user.version, user.email.as_str()),
        (1, 1, "Ada@Example.com")
    );
    let job = database
        .store
        .job_get(job_id.unwrap())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (job.job_type.as_str(), job.priority, job.max_retries),
        ("user_created", 1, 3)
    );
    let payload: serde_json::Value = serde_json::from_str(&job.payload).unwrap();
    assert_eq!(payload["user_id"], 1, "{payload}");
    assert_eq!(database.store.user_get(1).await.unwrap(), Some(user));
    database.close().await;
}

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
    let kept = database.store.user_get(user.id).await.unwrap().unwrap();
    let json = |text: &Option<String>| -> Option<serde_json::Value> {
        text.as_deref()
            .map(|text| serde_json::from_str(text).unwrap())
    };
    assert_eq!(json(&kept.additional_data), json(&new.additional_data));
    let additional_data = user.additional_data.clone();
    assert_eq!(
        &User {
            additional_data,
            ..kept
        },
        user
    );
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

#[tokio::test]
async fn an_address_is_taken_in_any_case_and_leaves_nothing_behind() {
    let database = Database::new().await;
    create(&database, named("Ünal@Example.com", 1, true))
        .await
        .unwrap();
    let again = create(&database, named("ünal@example.COM", 2, true)).await;
    assert!(matches!(again, Err(StoreError::EmailTaken)), "{again:?}");
    assert_eq!(
        database.store.job_counts().await.unwrap()[0].counts.pending,
        1
    );
    database.close().await;
}

#[tokio::test]
async fn a_change_leaves_the_rest_and_clears_what_it_says() {
    let database = Database::new().await;
    create(&database, ada()).await.unwrap();
    database.advance(Duration::from_secs(5));
    let change = UserChange {
        age: Some(37),
        name: Some(None),
        ..UserChange::default()
    };
    let user = database
        .store
        .user_update(1, change, Some(1))
        .await
        .unwrap();
    assert_eq!((user.age, user.name, user.version), (37, None, 2));
    assert!(user.updated_at > user.created_at);
    let stale = database
        .store
        .user_update(1, UserChange::default(), Some(1))
        .await;
    assert!(matches!(stale, Err(StoreError::VersionMismatch)));
    assert!(matches!(
        database.store.user_delete(1, Some(1)).await,
        Err(StoreError::VersionMismatch)
    ));
    database.store.user_delete(1, Some(2)).await.unwrap();
    assert!(matches!(
        database.store.user_delete(1, None).await,
        Err(StoreError::NotFound)
    ));
    let gone = database
        .store
        .user_update(1, UserChange::default(), None)
        .await;
    assert!(matches!(gone, Err(StoreError::NotFound)));
    database.close().await;
}

#[tokio::test]
async fn an_address_cannot_be_changed_to_a_taken_one() {
    let database = Database::new().await;
    create(&database, ada()).await.unwrap();
    create(&database, named("grace@example.com", 40, true))
        .await
        .unwrap();
    let change = UserChange {
        email: Some("ADA@example.com".to_owned()),
        ..UserChange::default()
    };
    let taken = database.store.user_update(2, change, None).await;
    assert!(matches!(taken, Err(StoreError::EmailTaken)));
    // To the same address in another case is no conflict with oneself.
    let change = UserChange {
        email: Some("Grace@Example.com".to_owned()),
        ..UserChange::default()
    };
    assert_eq!(
        database
            .store
            .user_update(2, change, None)
            .await
            .unwrap()
            .email,
        "Grace@Example.com"
    );
    database.close().await;
}

#[tokio::test]
async fn an_id_is_never_given_twice() {
    let database = Database::new().await;
    create(&database, ada()).await.unwrap();
    database.store.user_delete(1, None).await.unwrap();
    assert_eq!(create(&database, ada()).await.unwrap().user.id, 2);
    database.close().await;
}

#[tokio::test]
async fn lists_are_newest_first_filtered_and_paged() {
    let database = Database::new().await;
    for number in 1..=5 {
        create(
            &database,
            named(&format!("u{number}@example.com"), number, number % 2 == 1),
        )
        .await
        .unwrap();
    }
    let ids = async |filter: UserFilter, before, limit| {
        let users = database
            .store
            .user_list(filter, before, limit)
            .await
            .unwrap();
        users.into_iter().map(|user| user.id).collect::<Vec<_>>()
    };
    assert_eq!(ids(UserFilter::default(), None, 2).await, [5, 4]);
    assert_eq!(ids(UserFilter::default(), Some(4), 2).await, [3, 2]);
    let active = UserFilter {
        is_active: Some(true),
        ..UserFilter::default()
    };
    assert_eq!(ids(active, Some(5), 9).await, [3, 1]);
    let email = UserFilter {
        email: Some("U3@EXAMPLE.com".to_owned()),
        ..UserFilter::default()
    };
    assert_eq!(ids(email, None, 9).await, [3]);
    let scanned = database.store.user_scan(2, 2).await.unwrap();
    assert_eq!(
        scanned.iter().map(|user| user.id).collect::<Vec<_>>(),
        [3, 4]
    );
    database.close().await;
}

#[tokio::test]
async fn a_sign_up_is_counted_once_however_often_the_profile_is_initialised() {
    let database = Database::new().await;
    let user = create(&database, ada()).await.unwrap().user;
    let profile = UserProfile {
        user_id: 1,
        hobby: Some("mathematics".to_owned()),
        score: Some(9.5),
        ..UserProfile::default()
    };
    for first in [true, false] {
        let stored = database
            .store
            .user_profile_initialise(profile.clone(), user.created_at)
            .await;
        assert_eq!(stored.unwrap(), first);
    }
    assert_eq!(
        database.store.user_profile_get(1).await.unwrap(),
        Some(profile.clone())
    );
    let counts = database.store.signup_counts().await.unwrap();
    assert_eq!(counts, [(user.created_at.date_naive(), 1)]);
    database.store.user_delete(1, None).await.unwrap();
    assert_eq!(database.store.user_profile_get(1).await.unwrap(), None);
    let gone = database
        .store
        .user_profile_initialise(profile, user.created_at)
        .await;
    assert!(matches!(gone, Err(StoreError::NotFound)));
    database.close().await;
}

#[tokio::test]
async fn statistics_cover_all_users() {
    let database = Database::new().await;
    let none = database.store.user_statistics().await.unwrap();
    assert_eq!((none.users, none.age, none.domains.len()), (0, None, 0));
    for (number, age) in [10, 20, 30, 41].into_iter().enumerate() {
        let domain = if number == 0 {
            "one.example"
        } else {
            "Many.example"
        };
        create(
            &database,
            named(&format!("u{number}@{domain}"), age, number != 3),
        )
        .await
        .unwrap();
        database.advance(Duration::from_hours(12));
    }
    let all = database.store.user_statistics().await.unwrap();
    assert_eq!((all.users, all.active_users), (4, 3));
    let age = all.age.unwrap();
    assert_eq!((age.minimum, age.maximum, age.median), (10, 41, 20.0));
    assert!((age.mean - 25.25).abs() < 1e-9);
    assert_eq!(
        all.domains,
        [
            ("many.example".to_owned(), 3),
            ("one.example".to_owned(), 1)
        ]
    );
    let days: Vec<_> = all
        .growth
        .iter()
        .map(|(day, users)| (day.to_string(), *users))
        .collect();
    let expected = [("2026-11-24", 1), ("2026-11-25", 2), ("2026-11-26", 1)];
    assert_eq!(days, expected.map(|(day, users)| (day.to_owned(), users)));
    database.close().await;
}

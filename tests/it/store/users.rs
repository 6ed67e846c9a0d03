//! Users, profiles, statistics.

use std::time::Duration;

use lockstep::{
    model::{NewUser, UserChange, UserFilter, UserProfile, UserRecord},
    processors::user_created::job_for,
    store::{StoreError, UserCreated},
};

use crate::support::database::{Database, ada};

pub(super) async fn create(database: &Database, user: NewUser) -> Result<UserCreated, StoreError> {
    database
        .store
        .user_create(user.clone(), job_for(&user))
        .await
}

pub(super) fn named(email: &str, age: i32, is_active: bool) -> NewUser {
    NewUser {
        email: email.to_owned(),
        age,
        is_active,
        ..ada()
    }
}

pub(super) async fn record(database: &Database, id: i64) -> UserRecord {
    let mut records = database.store.user_scan(id - 1, 1).await.unwrap();
    records.remove(0)
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
    assert_eq!(
        database.store.user_get(1).await.unwrap(),
        Some(user.clone())
    );
    let record = record(&database, 1).await;
    assert_eq!((record.user, record.created_at), (user, record.updated_at));
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
    let record = record(&database, 1).await;
    assert_eq!(
        record.updated_at - record.created_at,
        chrono::TimeDelta::seconds(5)
    );
    assert_eq!((record.user.age, record.user.version), (37, 2));
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
        scanned
            .iter()
            .map(|record| record.user.id)
            .collect::<Vec<_>>(),
        [3, 4]
    );
    database.close().await;
}

#[tokio::test]
async fn a_sign_up_is_counted_once_however_often_the_profile_is_initialised() {
    let database = Database::new().await;
    create(&database, ada()).await.unwrap();
    let created_at = record(&database, 1).await.created_at;
    let profile = UserProfile {
        user_id: 1,
        hobby: Some("mathematics".to_owned()),
        score: Some(9.5),
        ..UserProfile::default()
    };
    for first in [true, false] {
        let stored = database
            .store
            .user_profile_initialise(profile.clone())
            .await;
        assert_eq!(stored.unwrap(), first);
    }
    assert_eq!(
        database.store.user_profile_get(1).await.unwrap(),
        Some(profile.clone())
    );
    let counts = database.store.signup_counts().await.unwrap();
    assert_eq!(counts, [(created_at.date_naive(), 1)]);
    database.store.user_delete(1, None).await.unwrap();
    assert_eq!(database.store.user_profile_get(1).await.unwrap(), None);
    let gone = database.store.user_profile_initialise(profile).await;
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

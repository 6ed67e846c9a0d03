//! Statistics over users, and users as files.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, time::Duration};

use lockstep::model::{JobStatus, NewUser};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::World;
use crate::support::database::{ada, start};

#[tokio::test]
async fn an_analysis_counts_users_ages_domains_and_growth() {
    let world = World::new().await;
    let empty = world.enqueue("data_analysis", &json!({})).await;
    let nothing = json!({"users": 0, "active_users": 0, "domains": [], "growth": []});
    assert_eq!(world.result(empty).await, nothing);
    for (email, age, is_active) in [
        ("a@one.example", 20, true),
        ("b@ONE.example", 30, false),
        ("c@two.example", 70, true),
    ] {
        world
            .sign_up(NewUser {
                email: email.to_owned(),
                age,
                is_active,
                ..ada()
            })
            .await;
    }
    let id = world
        .enqueue("data_analysis", &json!({"message": "Monthly"}))
        .await;
    let expected = json!({
        "message": "Monthly",
        "users": 3,
        "active_users": 2,
        "age": {"minimum": 20, "maximum": 70, "mean": 40.0, "median": 30.0},
        "domains": [{"domain": "one.example", "users": 2}, {"domain": "two.example", "users": 1}],
        "growth": [{"date": "2026-11-24", "users": 3}],
    });
    assert_eq!(world.result(id).await, expected);
}

fn digest(path: &Path) -> String {
    let digest = Sha256::digest(fs::read(path).unwrap());
    digest
        .iter()
        .fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

#[tokio::test]
async fn an_export_writes_private_files_and_tells_their_digests() {
    let world = World::new().await;
    let hostile = NewUser {
        name: Some("=cmd|' /C calc'!A0".to_owned()),
        bio: Some("a \"quote\",\r\nand a line".to_owned()),
        additional_data: Some(r#"{"hobby":"chess"}"#.to_owned()),
        ..ada()
    };
    world.sign_up(hostile).await;
    world
        .sign_up(NewUser {
            email: "+b@example.com".to_owned(),
            name: None,
            ..ada()
        })
        .await;
    let id = world.enqueue("data_export", &json!({})).await;
    let result = world.result(id).await;
    let folder = world.folder.path().join("exports");
    assert_eq!(
        world.exports(),
        [format!("users-{id}.csv"), format!("users-{id}.json")]
    );
    for file in result["files"].as_array().unwrap() {
        let path = folder.join(file["name"].as_str().unwrap());
        let facts = fs::metadata(&path).unwrap();
        assert_eq!(
            (file["users"].as_u64(), file["bytes"].as_u64()),
            (Some(2), Some(facts.len()))
        );
        assert_eq!(file["sha256"], digest(&path));
        assert_eq!(facts.permissions().mode() & 0o777, 0o600);
    }
    assert_eq!(
        fs::metadata(&folder).unwrap().permissions().mode() & 0o777,
        0o700
    );
    let mut csv = csv::Reader::from_path(folder.join(format!("users-{id}.csv"))).unwrap();
    let rows: Vec<csv::StringRecord> = csv.records().map(Result::unwrap).collect();
    assert_eq!(&rows[0][3], "'=cmd|' /C calc'!A0");
    assert_eq!(&rows[0][4], "a \"quote\",\r\nand a line");
    assert_eq!((&rows[1][1], &rows[1][3]), ("'+b@example.com", ""));
    let json: Value =
        serde_json::from_slice(&fs::read(folder.join(format!("users-{id}.json"))).unwrap())
            .unwrap();
    assert_eq!(json[0]["name"], "=cmd|' /C calc'!A0");
    assert_eq!(json[0]["additional_data"], json!({"hobby": "chess"}));
    assert_eq!(json[1]["created_at"], "2026-11-24T12:00:00Z");
}

#[tokio::test]
async fn an_export_of_one_form_or_of_nobody_is_whole() {
    let world = World::new().await;
    let id = world
        .enqueue("data_export", &json!({"formats": ["json"]}))
        .await;
    let result = world.result(id).await;
    assert_eq!(world.exports(), [format!("users-{id}.json")]);
    assert_eq!(result["files"][0]["users"], 0);
    let text = fs::read(
        world
            .folder
            .path()
            .join("exports")
            .join(format!("users-{id}.json")),
    )
    .unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&text).unwrap(), json!([]));
}

#[tokio::test]
async fn an_export_goes_through_all_pages() {
    let world = World::new().await;
    let now = world.db.place().moment(start());
    world.db.place().execute(&format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500)
         INSERT INTO users (email, email_key, age, is_active, version, created_at, updated_at)
         SELECT 'user' || i || '@example.com', 'user' || i || '@example.com', i % 100, TRUE, 1, {now}, {now} FROM n",
    ));
    let id = world
        .enqueue("data_export", &json!({"formats": ["csv"]}))
        .await;
    assert_eq!(world.result(id).await["files"][0]["users"], 2500);
    let job = world.db.store.job_get(id).await.unwrap().unwrap();
    let progress: Value = serde_json::from_str(&job.progress.unwrap()).unwrap();
    assert_eq!(progress, json!({"percent": 100.0, "message": "2500 users"}));
    let path = world
        .folder
        .path()
        .join("exports")
        .join(format!("users-{id}.csv"));
    let mut csv = csv::Reader::from_path(path).unwrap();
    let mut emails: Vec<String> = csv
        .records()
        .map(|row| row.unwrap()[1].to_owned())
        .collect();
    emails.sort();
    emails.dedup();
    assert_eq!(emails.len(), 2500);
}

#[tokio::test]
async fn an_export_that_cannot_be_written_is_tried_again_and_leaves_nothing() {
    let world = World::new().await;
    fs::write(
        world.folder.path().join("exports"),
        "a file stands where the folder should",
    )
    .unwrap();
    let id = world.enqueue("data_export", &json!({})).await;
    let error = world.error(id, JobStatus::RetryPending).await;
    assert!(
        error.starts_with("the export cannot be written: "),
        "{error}"
    );
    fs::remove_file(world.folder.path().join("exports")).unwrap();
    world.db.advance(Duration::from_mins(5));
    world.result(id).await;
}

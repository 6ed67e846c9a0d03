//! Owns testing operators' commands on a database.

use std::{
    fs,
    io::Read,
    process::{Command, Stdio},
};

use serde_json::json;

use super::binary::Home;

fn enqueue(home: &Home, message: &str) -> String {
    let job = home
        .run(&["jobs", "enqueue", "data_analysis", message, "-o", "json"])
        .expect(0)
        .json();
    job["id"].to_string()
}

#[test]
fn the_seeds_forms_work() {
    let home = Home::new();
    home.run(&["jobs", "enqueue", "data_analysis", "Monthly", "7"])
        .expect(0);
    let list = home.run(&["jobs", "list"]).expect(0).stdout;
    for word in [
        "ID",
        "TYPE",
        "PRIORITY",
        "RETRIES",
        "data_analysis",
        "pending",
        "7",
        "0/3",
        "Monthly",
    ] {
        assert!(list.contains(word), "{word} in {list}");
    }
    assert!(
        !list.contains('\u{1b}'),
        "no colour where there is no terminal"
    );
    let stats = home.run(&["jobs", "stats"]).expect(0).stdout;
    assert!(
        stats.contains("data_analysis") && stats.contains("total"),
        "{stats}"
    );
    assert!(
        home.run(&["jobs", "list", "failed"])
            .expect(0)
            .stdout
            .lines()
            .count()
            == 1
    );
    let json = home.run(&["jobs", "stats", "-o", "json"]).expect(0).json();
    assert_eq!(json["total"]["pending"], 1);
}

#[test]
fn a_list_shows_the_newest_20_unless_told_otherwise() {
    let home = Home::new();
    for number in 0..22 {
        enqueue(&home, &format!("n{number}"));
    }
    let count = |arguments: &[&str]| {
        home.run(arguments)
            .expect(0)
            .json()
            .as_array()
            .unwrap()
            .len()
    };
    assert_eq!(count(&["jobs", "list", "-o", "json"]), 20);
    assert_eq!(
        count(&["jobs", "list", "all", "--limit", "100", "-o", "json"]),
        22
    );
    assert_eq!(count(&["jobs", "list", "--limit", "3", "-o", "json"]), 3);
    assert_eq!(
        count(&["jobs", "list", "--job-type", "data_export", "-o", "json"]),
        0
    );
    let newest = home
        .run(&["jobs", "list", "--limit", "1", "-o", "json"])
        .expect(0)
        .json();
    assert_eq!(newest[0]["payload"]["message"], "n21");
}

#[test]
fn a_job_is_shown_cancelled_retried_and_deleted() {
    let home = Home::new();
    let id = enqueue(&home, "once");
    let shown = home
        .run(&["jobs", "show", &id, "-o", "json"])
        .expect(0)
        .json();
    assert_eq!(shown["job"]["payload"], json!({"message": "once"}));
    assert_eq!(shown["attempts"], json!([]));
    assert!(
        home.run(&["jobs", "show", &id])
            .expect(0)
            .stdout
            .contains("once")
    );
    home.run(&["jobs", "retry", &id]).expect(5);
    home.run(&["jobs", "cancel", &id]).expect(0);
    home.run(&["jobs", "cancel", &id]).expect(5);
    let retried = home
        .run(&["jobs", "retry", &id, "-o", "json"])
        .expect(0)
        .json();
    assert_eq!(retried["status"], "pending");
    home.run(&["jobs", "delete", &id]).expect(0);
    for command in ["show", "cancel", "retry", "delete"] {
        home.run(&["jobs", command, &id])
            .expect(3)
            .saying(&format!("job {id}"));
        home.run(&["jobs", command, "18446744073709551615"])
            .expect(3);
    }
}

#[test]
fn a_payload_comes_from_the_argument_a_file_or_stdin_and_is_checked() {
    let home = Home::new();
    let payload = r#"{"message":"hi","recipients":["ada@example.com"]}"#;
    home.write("mail.json", payload);
    let enqueue = |given: &str, input: &str| {
        home.run_with(
            &[
                "jobs",
                "enqueue",
                "email_notification",
                "--payload",
                given,
                "-o",
                "json",
            ],
            &[],
            input,
        )
    };
    for outcome in [
        enqueue(payload, ""),
        enqueue("@mail.json", ""),
        enqueue("-", payload),
    ] {
        let job = outcome.expect(0).json();
        assert_eq!(job["payload"]["recipients"], "[masked]");
    }
    enqueue("@missing.json", "")
        .expect(2)
        .saying("missing.json");
    enqueue("{", "").expect(2).saying("not JSON");
    enqueue("[]", "").expect(2);
    let faulty = enqueue(r#"{"recipients":["nobody"],"extra":1}"#, "").expect(2);
    for pointer in [
        "/payload/recipients/0",
        "/payload/extra",
        "/payload/message",
    ] {
        assert!(
            faulty.stderr.contains(pointer),
            "{pointer} in {}",
            faulty.stderr
        );
    }
    home.run(&["jobs", "enqueue", "no_such_type", "x"])
        .expect(2)
        .saying("job_type");
    let count = home
        .run(&["jobs", "list", "all", "-o", "json"])
        .expect(0)
        .json();
    assert_eq!(
        count.as_array().unwrap().len(),
        3,
        "nothing wrong was stored"
    );
}

#[test]
fn time_priority_and_retries_can_be_chosen() {
    let home = Home::new();
    let arguments = [
        "jobs",
        "enqueue",
        "data_export",
        "--at",
        "2999-01-01T00:00:00Z",
        "--priority",
        "-5",
        "--max-retries",
        "0",
        "-o",
        "json",
    ];
    let job = home.run(&arguments).expect(0).json();
    assert_eq!(job["status"], "scheduled");
    assert_eq!(
        (&job["priority"], &job["max_retries"]),
        (&json!(-5), &json!(0))
    );
    assert!(
        job["scheduled_at"]
            .as_str()
            .unwrap()
            .starts_with("2999-01-01T00:00:00")
    );
}

#[test]
fn clear_shows_the_count_and_asks() {
    let home = Home::new();
    enqueue(&home, "a");
    enqueue(&home, "b");
    let clear = |answer: &str| home.run_with(&["jobs", "clear", "pending"], &[], answer);
    for no in ["", "n\n", "\n", "maybe\n"] {
        clear(no)
            .expect(1)
            .saying("Delete 2 pending jobs? [y/N]")
            .saying("nothing was deleted");
    }
    home.run(&["jobs", "clear"]).expect(0);
    let cleared = clear("y\n").expect(0);
    assert!(
        cleared.stdout.contains("2 pending jobs deleted"),
        "{cleared:?}"
    );
    enqueue(&home, "c");
    let cleared = home
        .run(&["jobs", "clear", "pending", "--yes", "-o", "json"])
        .expect(0);
    assert_eq!(cleared.json(), json!({"deleted": 1}));
}

#[test]
fn users_are_created_changed_listed_and_deleted() {
    let home = Home::new();
    let arguments = [
        "users",
        "create",
        "ada@example.com",
        "36",
        "--name",
        "Ada",
        "-o",
        "json",
    ];
    let ada = home.run(&arguments).expect(0).json();
    let id = ada["id"].to_string();
    home.run(&["users", "create", "ADA@example.com", "1"])
        .expect(5);
    home.run(&["users", "create", "nobody", "36"])
        .expect(2)
        .saying("/email");
    home.run(&["users", "create", "x@example.com", "151"])
        .expect(2)
        .saying("/age");
    let jobs = home.run(&["jobs", "list", "-o", "json"]).expect(0).json();
    assert_eq!(jobs[0]["job_type"], "user_created");
    assert_eq!(jobs.as_array().unwrap().len(), 1);
    let changed = home.run(&[
        "users", "update", &id, "--age", "37", "--active", "false", "-o", "json",
    ]);
    let changed = changed.expect(0).json();
    assert_eq!(
        (&changed["age"], &changed["is_active"]),
        (&json!(37), &json!(false))
    );
    assert_eq!(changed["name"], "Ada");
    home.run(&["users", "update", &id]).expect(2);
    home.run(&["users", "update", &id, "--age=-1"])
        .expect(2)
        .saying("/age");
    let found = home
        .run(&["users", "list", "--email", "ADA@EXAMPLE.COM", "-o", "json"])
        .expect(0)
        .json();
    assert_eq!(found.as_array().unwrap().len(), 1);
    assert!(
        home.run(&["users", "get", &id])
            .expect(0)
            .stdout
            .contains("ada@example.com")
    );
    home.run(&["users", "delete", &id]).expect(0);
    home.run(&["users", "get", &id]).expect(3);
    home.run(&["users", "delete", &id]).expect(3);
}

#[test]
fn migrations_are_told_run_and_taken_back() {
    let home = Home::new();
    let states = |home: &Home| -> Vec<bool> {
        let all = home
            .run(&["migrate", "status", "-o", "json"])
            .expect(0)
            .json();
        let all = all.as_array().unwrap();
        all.iter()
            .map(|one| one["applied"].as_bool().unwrap())
            .collect()
    };
    home.run(&["migrate", "up"]).expect(0);
    assert!(states(&home).into_iter().all(|applied| applied));
    home.run_with(&["migrate", "down"], &[], "n\n")
        .expect(1)
        .saying("[y/N]");
    assert!(states(&home).into_iter().all(|applied| applied));
    home.run(&["migrate", "down", "--yes"]).expect(0);
    let after = states(&home);
    assert_eq!(after.iter().filter(|applied| !**applied).count(), 1);
    home.run(&["migrate", "up"]).expect(0);
    assert!(states(&home).into_iter().all(|applied| applied));
}

#[test]
fn a_backup_is_complete_and_overwrites_nothing() {
    let home = Home::new();
    enqueue(&home, "kept");
    home.run(&["backup", "copy.db"]).expect(0);
    enqueue(&home, "later");
    let jobs = home
        .run(&["jobs", "list", "--database-url", "copy.db", "-o", "json"])
        .expect(0)
        .json();
    assert_eq!(jobs.as_array().unwrap().len(), 1);
    assert_eq!(jobs[0]["payload"]["message"], "kept");
    let before = fs::read(home.path().join("copy.db")).unwrap();
    let refused = home.run(&["backup", "copy.db"]);
    assert_ne!(refused.code, 0);
    assert_eq!(fs::read(home.path().join("copy.db")).unwrap(), before);
    assert_ne!(home.run(&["backup", "missing/copy.db"]).code, 0);
}

#[test]
fn doctor_finds_a_sound_database_sound() {
    let home = Home::new();
    enqueue(&home, "one");
    let report = home.run(&["doctor", "-o", "json"]).expect(0).json();
    assert_eq!(report["sound"], true);
    assert_eq!(report["findings"], json!([]));
    let exposed = home
        .run_with(&["doctor"], &[("HOST", "0.0.0.0")], "")
        .expect(1);
    assert!(exposed.stdout.contains("API_TOKENS"), "{exposed:?}");
}

#[test]
fn what_is_no_database_of_ours_is_refused_and_left_alone() {
    let home = Home::new();
    let path = home.write("users.db", &"this is not a database\n".repeat(500));
    let before = fs::read(&path).unwrap();
    for command in [&["jobs", "stats"][..], &["doctor"], &["worker"]] {
        let refused = home.run(command).expect(2);
        assert!(!refused.stderr.contains("panicked"), "{refused:?}");
    }
    assert_eq!(fs::read(&path).unwrap(), before);
    let nowhere = home.run(&["jobs", "stats", "--database-url", "no/such/folder/users.db"]);
    assert!(matches!(nowhere.code, 75 | 2), "{nowhere:?}");
    let unknown = home.run(&["jobs", "stats", "--database-url", "mysql://localhost/x"]);
    assert!(matches!(unknown.code, 2), "{unknown:?}");
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let home = Home::new();
    let mut child = home
        .command(&["spec", "show"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut complaints = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut complaints)
        .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(complaints, "");
    let full = Command::new("sh")
        .args([
            "-c",
            &format!("{} spec show > /dev/full", env!("CARGO_BIN_EXE_lockstep")),
        ])
        .output()
        .unwrap();
    assert_eq!(full.status.code(), Some(74));
}

//! Owns testing commands on many jobs: on a database, and the same over a server.

use serde_json::{Value, json};

use super::{
    binary::{Home, Outcome},
    over_server::serve,
};

/// Does `test` on a database, and again over a server on it.
fn both_ways(test: impl Fn(&Home, &dyn Fn(&[&str], &str) -> Outcome)) {
    let home = Home::new();
    test(&home, &|arguments, answer| {
        home.run_with(arguments, &[], answer)
    });
    let home = Home::new();
    let (server, url) = serve(&home, &[]);
    test(&home, &|arguments, answer| {
        home.run_with(&[arguments, &["--server", &url]].concat(), &[], answer)
    });
    server.signal("TERM");
    assert_eq!(server.end(), Some(0));
}

fn write(home: &Home, lines: &[Value]) -> String {
    let path = home.path().join("jobs.jsonl");
    let lines: Vec<_> = lines.iter().map(Value::to_string).collect();
    std::fs::write(&path, lines.join("\n\n")).unwrap();
    path.to_str().unwrap().to_owned()
}

fn job(message: &str, tag: &str) -> Value {
    json!({"job_type": "data_analysis", "payload": {"message": message}, "tags": [tag]})
}

fn ids(list: &Outcome) -> Vec<i64> {
    let list = list.json();
    let list = list.as_array().unwrap().iter();
    list.map(|job| job["id"].as_i64().unwrap()).collect()
}

#[test]
fn many_are_enqueued_all_or_none() {
    both_ways(|home, run| {
        let mut second = job("b", "x");
        second["after_items"] = json!([0]);
        let file = write(home, &[job("a", "x"), second]);
        let stored = run(&["jobs", "enqueue-many", &file], "").expect(0);
        assert!(
            stored
                .stdout
                .contains("2 created, 0 existing, 0 replaced, 0 refused"),
            "{stored:?}"
        );
        let bad = json!({"job_type": "data_export", "payload": {"formats": ["doc"]}});
        let file = write(home, &[job("c", "x"), bad]);
        run(&["jobs", "enqueue-many", &file], "")
            .expect(2)
            .saying("/body/items/1/payload/formats/0");
        let late = json!({"job_type": "data_export", "payload": {}, "after": [99]});
        let file = write(home, &[job("c", "x"), late]);
        run(&["jobs", "enqueue-many", &file], "")
            .expect(2)
            .saying("99");
        let lines = format!("{}\n", job("from stdin", "y"));
        run(&["jobs", "enqueue-many", "-"], &lines).expect(0);
        run(&["jobs", "enqueue-many", "-"], "{}\n{]\n")
            .expect(2)
            .saying("line 2");
        run(&["jobs", "enqueue-many", "-"], "\n\n")
            .expect(2)
            .saying("no job");
        run(&["jobs", "enqueue-many", "no/such/file"], "").expect(2);
        let all = run(&["jobs", "list", "all", "-o", "json"], "").expect(0);
        assert_eq!(ids(&all), [3, 2, 1]);
    });
}

#[test]
fn with_each_the_refused_do_not_keep_back_the_others() {
    both_ways(|home, run| {
        let bad = json!({"job_type": "data_export", "payload": {"formats": ["doc"]}});
        let file = write(home, &[bad, job("a", "x")]);
        let done = run(&["jobs", "enqueue-many", &file, "--each"], "").expect(1);
        assert!(
            done.stdout
                .contains("1 created, 0 existing, 0 replaced, 1 refused"),
            "{done:?}"
        );
        assert!(
            done.stdout.contains("/body/items/0/payload/formats/0"),
            "{done:?}"
        );
        let json = run(&["jobs", "enqueue-many", &file, "--each", "-o", "json"], "")
            .expect(1)
            .json();
        assert_eq!(
            json["items"][1],
            json!({"index": 1, "outcome": "created", "id": 2})
        );
        assert_eq!(json["items"][0]["error"]["error_code"], "invalid_request");
    });
}

#[test]
fn more_than_one_request_holds_are_stored_each() {
    both_ways(|home, run| {
        let lines = vec![job("many", "x"); 1500];
        let file = write(home, &lines);
        run(&["jobs", "enqueue-many", &file], "")
            .expect(2)
            .saying("--each");
        let done = run(&["jobs", "enqueue-many", &file, "--each", "-o", "json"], "")
            .expect(0)
            .json();
        assert_eq!(done["items"].as_array().unwrap().len(), 1500);
        assert_eq!(done["items"][1499]["index"], 1499);
        let dry = [
            "jobs",
            "delete",
            "--all-matching",
            "--tag",
            "x",
            "--dry-run",
        ];
        let counted = run(&dry, "").expect(0);
        assert!(
            counted.stdout.contains("1500 jobs would be deleted"),
            "{counted:?}"
        );
        let gone = run(
            &[
                "jobs",
                "delete",
                "--all-matching",
                "--tag",
                "x",
                "--yes",
                "-o",
                "json",
            ],
            "",
        );
        assert_eq!(
            gone.expect(0).json(),
            json!({"matched": 1500, "changed": 1500, "skipped": 0})
        );
    });
}

#[test]
fn all_that_match_are_changed_once_it_was_confirmed() {
    both_ways(|home, run| {
        let file = write(home, &[job("a", "x"), job("b", "x"), job("c", "y")]);
        run(&["jobs", "enqueue-many", &file], "").expect(0);
        let cancel = ["jobs", "cancel", "--all-matching", "--tag", "x"];
        for no in ["", "n\n"] {
            run(&cancel, no)
                .expect(1)
                .saying("Cancel 2 jobs? [y/N]")
                .saying("nothing was cancelled");
        }
        assert!(
            run(&cancel, "y\n")
                .expect(0)
                .stdout
                .contains("2 jobs cancelled")
        );
        // Nothing is left to ask about.
        assert!(
            run(&cancel, "")
                .expect(0)
                .stdout
                .contains("0 jobs cancelled")
        );
        let retry = [
            "jobs",
            "retry",
            "--all-matching",
            "--status",
            "cancelled",
            "--yes",
        ];
        assert!(run(&retry, "").expect(0).stdout.contains("2 jobs retried"));
        let listed = |arguments: &[&str]| {
            let list = [&["jobs", "list", "-o", "json"], arguments].concat();
            ids(&run(&list, "").expect(0))
        };
        assert_eq!(listed(&["--tag", "x"]), [2, 1]);
        assert!(listed(&["--queue", "default", "--group", "1"]).is_empty());
        assert!(listed(&["--search", "x"]).is_empty());
        assert_eq!(
            listed(&["--created-after", "2001-01-01T00:00:00Z"]),
            [3, 2, 1]
        );
        assert!(listed(&["--created-before", "2001-01-01T00:00:00Z"]).is_empty());
        let delete = [
            "jobs",
            "delete",
            "--all-matching",
            "--job-type",
            "data_analysis",
            "--yes",
        ];
        assert!(run(&delete, "").expect(0).stdout.contains("3 jobs deleted"));
    });
}

#[test]
fn a_slip_does_not_touch_all_jobs() {
    both_ways(|_, run| {
        run(&["jobs", "enqueue", "data_analysis", "a"], "").expect(0);
        for action in ["retry", "cancel", "delete"] {
            run(&["jobs", action], "").expect(2);
            run(&["jobs", action, "1", "--all-matching"], "").expect(2);
            run(&["jobs", action, "1", "--yes"], "").expect(2);
            run(&["jobs", action, "1", "--tag", "x"], "")
                .expect(2)
                .saying("not both");
            run(&["jobs", action, "--all-matching", "--yes"], "")
                .expect(2)
                .saying("empty filter");
            let long = "x".repeat(201);
            run(&["jobs", action, "--all-matching", "--search", &long], "").expect(2);
        }
        let ended = ["jobs", "cancel", "--all-matching", "--status", "failed"];
        run(&ended, "")
            .expect(2)
            .saying("only these can be cancelled");
        let pending = run(&["jobs", "list", "-o", "json"], "").expect(0);
        assert_eq!(ids(&pending), [1]);
    });
}

#[test]
fn the_dead_letter_is_listed_and_purged() {
    both_ways(|home, run| {
        for message in ["a", "b", "c"] {
            run(&["jobs", "enqueue", "data_analysis", message], "").expect(0);
        }
        crate::support::place::Place::File(home.path().join("users.db")).execute(
            "UPDATE job_queue SET status = 'failed', completed_at = 1, error_message = 'no luck ' || id WHERE id < 3; \
             UPDATE job_counts SET count = 1 WHERE status = 'pending'; \
             INSERT INTO job_counts VALUES ('default', 'data_analysis', 'failed', 2)",
        );
        let dead = run(&["jobs", "dead", "-o", "json"], "").expect(0);
        assert_eq!(ids(&dead), [2, 1]);
        let one = run(&["jobs", "dead", "--search", "LUCK 2", "-o", "json"], "").expect(0);
        assert_eq!(ids(&one), [2]);
        let purge = ["jobs", "purge", "--search", "luck 2"];
        run(&purge, "n\n").expect(1).saying("Delete 1 failed job?");
        run(&purge, "y\n").expect(0);
        let purged = run(&["jobs", "purge", "--yes", "-o", "json"], "").expect(0);
        assert_eq!(purged.json(), json!({"deleted": 1}));
        let left = run(&["jobs", "list", "all", "-o", "json"], "").expect(0);
        assert_eq!(ids(&left), [3]);
    });
}

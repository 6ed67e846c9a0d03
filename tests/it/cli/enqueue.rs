//! Owns testing `lockstep jobs enqueue` with everything that may be chosen, on a database and over a server.

use serde_json::{Value, json};

use super::{
    binary::{Home, Outcome},
    over_server::serve,
};

const OPTIONS: &[&str] = &[
    "jobs",
    "enqueue",
    "data_analysis",
    "hi",
    "--queue",
    "slow",
    "--priority",
    "-5",
    "--delay",
    "60",
    "--expires-at",
    "2999-01-01T00:00:00Z",
    "--max-retries",
    "0",
    "--timeout",
    "30",
    "--tag",
    "red",
    "--tag",
    "blue one",
    "--metadata",
    r#"{"for":"ada"}"#,
    "--unique-key",
    "k",
    "--unique-scope",
    "for_period",
    "--unique-period",
    "60",
];

fn says(outcome: &Outcome, words: &str) {
    assert_eq!(outcome.code, 0, "{outcome:?}");
    assert!(outcome.stdout.contains(words), "{outcome:?}");
}

fn chosen(job: &Value) -> Value {
    let names = [
        "outcome",
        "queue",
        "priority",
        "max_retries",
        "timeout_seconds",
        "expires_at",
        "tags",
        "metadata",
        "unique_key",
        "unique_scope",
        "status",
    ];
    names
        .iter()
        .map(|name| ((*name).to_owned(), job[*name].clone()))
        .collect()
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table, or one story")]
fn everything_may_be_chosen_here_and_over_a_server() {
    let home = Home::new();
    let (server, url) = serve(&home, &[]);
    for (at, tag) in [
        (&[][..], "here"),
        (&["--server", url.as_str()][..], "there"),
    ] {
        let run = |more: &[&str]| {
            let key = format!("k-{tag}");
            let mut arguments = OPTIONS.to_vec();
            let place = arguments
                .iter()
                .position(|argument| *argument == "k")
                .unwrap();
            arguments[place] = &key;
            home.run(&[&arguments, at, more].concat())
        };
        let dry = run(&["--dry-run", "-o", "json"]).expect(0).json();
        assert_eq!(
            (&dry["outcome"], dry.get("id")),
            (&json!("would_create"), None)
        );
        says(&run(&["--dry-run"]), "job would be enqueued");
        let job = run(&["-o", "json"]).expect(0).json();
        assert_eq!(
            chosen(&job),
            json!({
                "outcome": "created", "queue": "slow", "priority": -5, "max_retries": 0, "timeout_seconds": 30,
                "expires_at": "2999-01-01T00:00:00Z", "tags": ["red", "blue one"], "metadata": {"for": "ada"},
                "unique_key": format!("data_analysis:k-{tag}"), "unique_scope": "for_period", "status": "scheduled",
            })
        );
        says(&run(&[]), "has the unique key already");
        run(&["--on-conflict", "reject"])
            .expect(5)
            .saying("has the same unique key");
        says(&run(&["--on-conflict", "replace"]), "got the new payload");
        let id = job["id"].to_string();
        let after = [
            "jobs",
            "enqueue",
            "data_analysis",
            "--after",
            &id,
            "-o",
            "json",
        ];
        let child = home.run(&[&after, at].concat()).expect(0).json();
        assert_eq!(child["blocked_by"], 1);
        let nobody = ["jobs", "enqueue", "data_analysis", "--after", "999"];
        home.run(&[&nobody, at].concat())
            .expect(2)
            .saying("no job 999");
        let wrong = ["jobs", "enqueue", "data_analysis", "--metadata", "[]"];
        home.run(&[&wrong, at].concat())
            .expect(2)
            .saying("metadata");
        let wrong = ["jobs", "enqueue", "data_analysis", "--timeout", "86401"];
        home.run(&[&wrong, at].concat())
            .expect(2)
            .saying("timeout_seconds");
    }
    server.signal("TERM");
    assert_eq!(server.end(), Some(0));
}

//! `lockstep events` and `lockstep jobs wait`: on a database and over a server, as programs use them.

use std::{
    io::{BufRead, BufReader},
    process::Stdio,
};

use serde_json::Value;

use super::binary::Home;

fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn the_log_is_lines_of_json_here_and_there() {
    let home = Home::new();
    home.run(&["jobs", "enqueue", "data_analysis"]).expect(0);
    home.run(&["jobs", "enqueue", "data_export"]).expect(0);
    home.run(&["jobs", "cancel", "1"]).expect(0);
    let (server, ready) = home.start_telling(&["serve", "--port", "0", "--no-workers"], &[]);
    let url = ready["listening"].as_str().unwrap();
    for arguments in [
        &["events", "-o", "json"][..],
        &["events", "-o", "json", "--job-type", "data_analysis"],
        &["events", "-o", "json", "--job", "2"],
        &["events", "-o", "json", "--limit", "1"],
        &["events", "--after", "2-0"],
        &["events", "--after", "now"],
    ] {
        let here = home.run(arguments).expect(0);
        let there = home.run(&[arguments, &["--server", url]].concat());
        assert_eq!(here.stdout, there.expect(0).stdout, "{arguments:?}");
    }
    let events = lines(&home.run(&["events", "-o", "json"]).stdout);
    let told: Vec<_> = events
        .iter()
        .map(|event| (event["job_id"].as_i64().unwrap(), event["to"].as_str()))
        .collect();
    assert_eq!(
        told,
        [
            (1, Some("pending")),
            (2, Some("pending")),
            (1, Some("cancelled"))
        ]
    );
    let shown = home.run(&["events", "--job", "1"]).stdout;
    assert!(shown.contains("pending → cancelled"), "{shown}");
    home.run(&["events", "--after", "soon"]).expect(2);
    server.signal("TERM");
    assert_eq!(server.end(), Some(0));
}

#[test]
fn the_log_can_be_followed() {
    let home = Home::new();
    home.run(&["jobs", "enqueue", "data_analysis"]).expect(0);
    let mut follower = home
        .command(&["events", "--follow", "--after", "1-0", "-o", "json"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(follower.stdout.take().unwrap());
    let mut next = || {
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        serde_json::from_str::<Value>(&line).unwrap()
    };
    assert_eq!(next()["to"], "pending");
    home.run(&["jobs", "cancel", "1"]).expect(0);
    assert_eq!(next()["to"], "cancelled");
    follower.kill().unwrap();
    follower.wait().unwrap();
}

#[test]
fn waiting_for_a_job_says_how_it_ended() {
    let home = Home::new();
    home.run(&["jobs", "enqueue", "data_analysis"]).expect(0);
    home.run(&["jobs", "wait", "1", "--timeout", "0"])
        .expect(6)
        .saying("has not ended");
    home.run(&["jobs", "wait", "9"]).expect(3);
    let (server, ready) = home.start_telling(&["serve", "--port", "0"], &[]);
    let url = ready["listening"].as_str().unwrap();
    let done = home.run(&["jobs", "wait", "1", "--timeout", "30", "-o", "json"]);
    assert_eq!(done.expect(0).json()["status"], "completed");
    let later = [
        "jobs",
        "enqueue",
        "data_analysis",
        "--at",
        "2099-01-01T00:00:00Z",
    ];
    home.run(&later).expect(0);
    let wait = ["jobs", "wait", "2", "--timeout", "1", "--server", url];
    home.run(&wait).expect(6);
    home.run(&["jobs", "cancel", "2"]).expect(0);
    for more in [&[][..], &["--server", url]] {
        let wait = [&["jobs", "wait", "2"], more].concat();
        home.run(&wait).expect(1).saying("cancelled");
    }
    server.signal("TERM");
    assert_eq!(server.end(), Some(0));
}

#[test]
fn groups_are_made_shown_and_cancelled_here_and_there() {
    let home = Home::new();
    let file = r#"{"jobs": [{"job_type": "data_analysis", "payload": {}},
        {"job_type": "data_analysis", "payload": {}, "after_items": [0]}]}"#;
    home.write("group.json", file);
    home.run(&["groups", "create", "group.json"]).expect(0);
    let (server, ready) = home.start_telling(&["serve", "--port", "0", "--no-workers"], &[]);
    let url = ready["listening"].as_str().unwrap();
    let over = |arguments: &[&str]| home.run(&[arguments, &["--server", url]].concat());
    let made = over(&["groups", "create", "group.json", "-o", "json"]).expect(0);
    assert_eq!(made.json()["job_ids"], serde_json::json!([3, 4]));
    over(&["groups", "cancel", "2"]).expect(0);
    for arguments in [
        &["groups", "list"][..],
        &["groups", "show", "2"],
        &["groups", "show", "1", "-o", "json"],
    ] {
        let (here, there) = (home.run(arguments).expect(0), over(arguments).expect(0));
        assert_eq!(here.stdout, there.stdout, "{arguments:?}");
    }
    assert_eq!(
        home.run(&["groups", "show", "2", "-o", "json"]).json()["cancelled"],
        2
    );
    home.write(
        "wrong.json",
        r#"{"jobs": [{"job_type": "tea", "payload": {}}]}"#,
    );
    for run in [
        home.run(&["groups", "create", "wrong.json"]),
        over(&["groups", "create", "wrong.json"]),
    ] {
        run.expect(2).saying("/body/jobs/0/job_type");
    }
    home.run(&["groups", "show", "9"]).expect(3);
    over(&["groups", "cancel", "9"]).expect(3);
    server.signal("TERM");
    assert_eq!(server.end(), Some(0));
}

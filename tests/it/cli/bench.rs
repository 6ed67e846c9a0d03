//! Owns testing `lockstep bench`: that it measures everything or nothing. Not how fast anything is.

use std::fs;

use serde_json::Value;

use super::binary::Home;
use crate::support::place::{apart, client, on_postgres, server};

const QUICK: [&str; 9] = [
    "bench",
    "--rows",
    "100,300",
    "--runs",
    "1",
    "--jobs",
    "200",
    "--idle-seconds",
    "1",
];
/// What is measured on tables of several sizes.
const OF_TABLES: &str = "enqueue,bulk,claim,settle,cycle,drain";

fn with<'a>(more: &[&'a str]) -> Vec<&'a str> {
    QUICK.into_iter().chain(more.iter().copied()).collect()
}

#[test]
fn a_quick_run_yields_every_line_and_leaves_nothing_behind() {
    let home = Home::new();
    let only = ["--only", OF_TABLES, "--output", "json"];
    let report = home.run(&with(&only)).expect(0).json();
    assert_whole(&report);
    for other in ["pickup", "http", "memory"] {
        assert_eq!(report[other].as_array().unwrap().len(), 0);
    }
    assert_eq!(report["settings"]["engine"], "sqlite");
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);
}

/// Every line of tables is there, and says something.
#[track_caller]
fn assert_whole(report: &Value) {
    let lines = report["lines"].as_array().unwrap();
    let found: Vec<_> = lines
        .iter()
        .map(|line| {
            (
                line["workload"].as_str().unwrap(),
                line["batch"].as_u64(),
                line["rows"].as_u64().unwrap(),
            )
        })
        .collect();
    let figures = [
        ("enqueue", None),
        ("bulk", Some(1_000)),
        ("claim", Some(100)),
        ("settle", Some(100)),
        ("cycle", Some(100)),
        ("cycle", Some(500)),
        ("drain", Some(500)),
    ];
    let expected: Vec<_> = figures
        .into_iter()
        .flat_map(|(workload, batch)| [100, 300].map(|rows| (workload, batch, rows)))
        .collect();
    assert_eq!(found, expected);
    for line in lines {
        for value in [&line["ours"], &line["limit"], &line["of_limit"]] {
            let median = value["median"].as_f64().unwrap();
            assert!(median > 0.0 && value["min"].as_f64() <= value["max"].as_f64());
        }
        assert_eq!(line["ours"]["runs"].as_array().unwrap().len(), 1);
        let smallest = line["rows"] == 100;
        assert_eq!(line["of_smallest"].is_null(), smallest, "{line}");
    }
    assert!(report["machine"]["cores"].as_u64().unwrap() > 0);
    assert_eq!(report["settings"]["jobs"], 200);
}

/// A figure that says something.
#[track_caller]
fn assert_figure(figure: &Value) {
    let median = figure["median"].as_f64().unwrap();
    assert!(median > 0.0, "{figure}");
    assert_eq!(figure["runs"].as_array().unwrap().len(), 1);
}

#[test]
fn requests_pick_up_and_memory_have_their_lines() {
    let home = Home::new();
    let only = ["--only", "http,pickup,memory", "-o", "json"];
    let report = home.run(&with(&only)).expect(0).json();
    assert_eq!(report["lines"].as_array().unwrap().len(), 0);
    let lines = |of: &str| report[of].as_array().unwrap().clone();
    let asked: Vec<_> = lines("http")
        .iter()
        .map(|line| {
            for side in ["ours", "limit"] {
                assert_figure(&line[side]);
            }
            for side in ["latency", "limit_latency"] {
                assert_figure(&line[side]["p50_ms"]);
                assert_figure(&line[side]["p99_ms"]);
            }
            let request = line["request"].as_str().unwrap().to_owned();
            (request, line["connections"].as_u64().unwrap())
        })
        .collect();
    let expected = [
        ("POST /users", 64),
        ("POST /users", 256),
        ("GET /users/{id}", 64),
    ];
    assert_eq!(
        asked,
        expected.map(|(request, connections)| (request.to_owned(), connections))
    );
    assert_pick_up(&report);
    let memory = lines("memory");
    assert_eq!(memory.len(), 4);
    for line in memory {
        assert!(line["ours"]["median"].as_f64().unwrap() >= 0.0, "{line}");
        assert!(line["target"].as_f64().unwrap() > 0.0, "{line}");
    }
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);
}

#[track_caller]
fn assert_pick_up(report: &Value) {
    let lines = report["pickup"].as_array().unwrap();
    let workers: Vec<_> = lines.iter().map(|line| line["worker"].as_str()).collect();
    assert_eq!(workers, [Some("this process"), Some("another process")]);
    for line in lines {
        assert_figure(&line["from_call"]["p50_ms"]);
        assert_figure(&line["limit"]["p99_ms"]);
    }
}

#[test]
fn requests_pick_up_and_memory_are_shown_as_tables() {
    let home = Home::new();
    let shown = home.run(&with(&["--only", "http,pickup,memory"]));
    let shown = shown.expect(0).stdout;
    for word in [
        "GET /users/{id}",
        "P99 OF THE LIMIT",
        "another process",
        "server with 1000 idle connections",
        "drains 200 jobs",
    ] {
        assert!(shown.contains(word), "{word} in {shown}");
    }
    assert!(!shown.contains("WORKLOAD"), "{shown}");
}

/// The databases that the bench has made and not dropped.
fn left_behind() -> i64 {
    let url = server();
    apart(async move {
        let query = "SELECT count(*) FROM pg_database WHERE datname LIKE 'lockstep_bench_%'";
        let row = client(&url).await.query_one(query, &[]).await.unwrap();
        row.get(0)
    })
}

#[test]
fn postgres_is_measured_in_databases_that_are_gone_afterwards() {
    if !on_postgres() {
        return;
    }
    let home = Home::new();
    let url = server();
    let report = home.run(&with(&["--postgres", &url, "-o", "json"]));
    let report = report.expect(0).json();
    assert_whole(&report);
    assert_pick_up(&report);
    assert_eq!(report["settings"]["engine"], "postgres");
    assert!(report["machine"]["server"].is_string());
    assert_eq!(left_behind(), 0);
}

#[test]
fn a_feature_is_measured_beside_the_plain_store() {
    let home = Home::new();
    let only = ["--only", "claim", "--with", "rates,limits", "-o", "json"];
    let report = home.run(&with(&only)).expect(0).json();
    let lines = report["lines"].as_array().unwrap();
    let found: Vec<_> = lines
        .iter()
        .map(|line| (line["with"].as_str(), line["rows"].as_u64().unwrap()))
        .collect();
    let expected: Vec<_> = [None, Some("limits"), Some("rates")]
        .into_iter()
        .flat_map(|feature| [100, 300].map(|rows| (feature, rows)))
        .collect();
    assert_eq!(found, expected);
    for line in lines {
        let plain = line["with"].is_null();
        assert_eq!(line["of_plain"].is_null(), plain, "{line}");
        assert!(plain || line["of_plain"]["median"].as_f64().unwrap() > 0.0);
    }
    let shown = home.run(&with(&["--only", "cycle", "--with", "limits"]));
    let shown = shown.expect(0).stdout;
    for word in ["cycle by 500, limits", "OF PLAIN"] {
        assert!(shown.contains(word), "{word} in {shown}");
    }
    home.run(&with(&["--with", "wings"]))
        .expect(2)
        .saying("limits, rates");
}

#[test]
fn one_workload_alone_is_shown_as_a_table() {
    let home = Home::new();
    let shown = home.run(&with(&["--only", "settle"])).expect(0).stdout;
    for word in ["settle by 100", "synchronous=FULL", "OF 100 ROWS", "Linux"] {
        assert!(shown.contains(word), "{word} in {shown}");
    }
    assert!(!shown.contains("claim"), "{shown}");
}

#[test]
fn a_bench_that_cannot_run_says_so_and_shows_nothing() {
    let home = Home::new();
    home.write("file", "");
    let refused = |more: &[&str], words: &str| {
        let outcome = home.run(&with(more)).expect(2).saying(words);
        assert_eq!(outcome.stdout, "");
    };
    refused(&["--dir", "missing"], "there is no such folder");
    refused(&["--dir", "file"], "there is no such folder");
    refused(&["--dir", "/proc"], "cannot bench in /proc");
    refused(&["--only", "everything"], "cycle");
    refused(&["--only", "cycle,nothing"], "memory");
    let nobody = "postgres://nobody@127.0.0.1:1/x";
    refused(&["--postgres", nobody], "cannot bench on PostgreSQL");
    refused(&["--postgres", "mysql://a"], "cannot bench on PostgreSQL");
    refused(&["--postgres", nobody, "--only", "http"], "SQLite only");
    refused(&["--ready", "90", "--scheduled", "20"], "--ready");
    let outcome = home
        .run(&["bench", "--rows", "6000000"])
        .expect(2)
        .saying("at most");
    assert_eq!(outcome.stdout, "");
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1);
}

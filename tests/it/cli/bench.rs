//! Owns testing `lockstep bench`: that it measures everything or nothing. Not how fast anything is.

use std::fs;

use super::binary::Home;

const QUICK: [&str; 7] = ["bench", "--rows", "100,300", "--runs", "1", "--jobs", "200"];

fn with<'a>(more: &[&'a str]) -> Vec<&'a str> {
    QUICK.into_iter().chain(more.iter().copied()).collect()
}

#[test]
fn a_quick_run_yields_every_line_and_leaves_nothing_behind() {
    let home = Home::new();
    let report = home.run(&with(&["--output", "json"])).expect(0).json();
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
        ("claim", Some(100)),
        ("settle", Some(100)),
        ("cycle", Some(100)),
        ("cycle", Some(500)),
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
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);
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
    refused(&["--ready", "90", "--scheduled", "20"], "--ready");
    let outcome = home
        .run(&["bench", "--rows", "6000000"])
        .expect(2)
        .saying("at most");
    assert_eq!(outcome.stdout, "");
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1);
}

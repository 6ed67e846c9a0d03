//! Owns testing the commands that need no database: help, config, spec, completions, health.

use std::{fs, net::TcpListener};

use super::binary::Home;

const COMMANDS: [&str; 11] = [
    "serve", "worker", "migrate", "jobs", "users", "spec", "doctor", "backup", "config", "health",
    "bench",
];

#[test]
fn help_is_help_on_stdout() {
    let home = Home::new();
    let help = home.run(&["--help"]).expect(0);
    for command in COMMANDS {
        assert!(help.stdout.contains(&format!("\n  {command}")), "{command}");
        let of_command = home.run(&[command, "--help"]).expect(0);
        assert!(of_command.stdout.contains("--database-url"), "{command}");
    }
    assert!(help.stdout.contains("[env: PORT]") && help.stdout.contains("[default: 8080]"));
    assert!(help.stdout.contains("Exit codes:"));
    assert!(
        !help.stdout.contains("--api-tokens "),
        "a secret is no flag"
    );
    let version = home.run(&["--version"]).expect(0);
    assert_eq!(
        version.stdout.trim(),
        concat!("lockstep ", env!("CARGO_PKG_VERSION"))
    );
    assert_eq!(
        fs::read_dir(home.path()).unwrap().count(),
        0,
        "asking leaves nothing behind"
    );
}

#[test]
fn wrong_arguments_end_with_2_and_name_what_is_wrong() {
    let home = Home::new();
    home.run(&["frobnicate"]).expect(2).saying("frobnicate");
    home.run(&["jobs"]).expect(2);
    home.run(&["jobs", "list", "bogus"])
        .expect(2)
        .saying("retry_pending");
    home.run(&["jobs", "clear", "processing"])
        .expect(2)
        .saying("cancel them first");
    home.run(&["jobs", "show", "first"])
        .expect(2)
        .saying("first");
    home.run(&["jobs", "list", "--limit", "0"])
        .expect(2)
        .saying("1..=100000");
    home.run(&["jobs", "stats", "--token", "x"])
        .expect(2)
        .saying("--server");
    home.run(&["jobs", "stats", "--server", "not a url"])
        .expect(2)
        .saying("--server");
    home.run(&["jobs", "enqueue", "data_analysis", "--at", "soon"])
        .expect(2)
        .saying("--at");
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);
}

#[test]
fn a_bad_configuration_ends_every_command_with_2() {
    let home = Home::new();
    for command in [
        &["config", "check"][..],
        &["serve"],
        &["worker"],
        &["jobs", "stats"],
        &[],
    ] {
        home.run_with(command, &[("PORT", "eighty")], "")
            .expect(2)
            .saying("port = \"eighty\" (environment variable PORT)")
            .saying("a whole number from 0 to 65535");
    }
    home.run(&["config", "check", "--worker-count", "0"])
        .expect(2)
        .saying("flag --worker-count");
    home.run_with(&["serve"], &[("HOST", "0.0.0.0"), ("PORT", "0")], "")
        .expect(2)
        .saying("API_TOKENS");
    let path = home.write("lockstep.toml", "prot = 1\n");
    home.run(&["config", "check", "--config", path.to_str().unwrap()])
        .expect(2)
        .saying("line 1: unknown key \"prot\"; did you mean port?");
    home.run(&["config", "check"]).expect(0);
}

#[test]
fn config_show_tells_values_and_sources_but_no_secret() {
    let home = Home::new();
    let path = home.write("lockstep.toml", "port = 1\nworker_count = 5\n");
    let variables = [
        ("LOCKSTEP_CONFIG", path.to_str().unwrap()),
        ("API_TOKENS", "correct-horse-battery"),
        ("PORT", "2"),
    ];
    let shown = home
        .run_with(
            &["config", "show", "-o", "json", "--port", "3"],
            &variables,
            "",
        )
        .expect(0);
    assert!(!shown.stdout.contains("horse"), "{}", shown.stdout);
    let settings = shown.json();
    let of = |key: &str| {
        let all = settings.as_array().unwrap();
        let one = all.iter().find(|one| one["key"] == key).unwrap();
        (
            one["value"].as_str().unwrap().to_owned(),
            one["source"].as_str().unwrap().to_owned(),
        )
    };
    assert_eq!(of("port"), ("3".to_owned(), "flag --port".to_owned()));
    assert_eq!(of("worker_count").0, "5");
    assert!(of("worker_count").1.ends_with("lockstep.toml line 2"));
    assert_eq!(of("api_tokens").0, "[redacted]");
    let table = home
        .run_with(&["config", "show"], &variables, "")
        .expect(0)
        .stdout;
    assert!(
        table.contains("[redacted]") && !table.contains("horse"),
        "{table}"
    );
}

#[test]
fn the_default_configuration_is_one() {
    let home = Home::new();
    let default = home.run(&["config", "default"]).expect(0);
    let path = home.write("lockstep.toml", &default.stdout);
    home.run(&["config", "check", "--config", path.to_str().unwrap()])
        .expect(0);
}

#[test]
fn a_spec_diff_fails_for_what_breaks_without_a_new_major_version() {
    let home = Home::new();
    let openapi = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.yaml")).unwrap();
    home.write("old.yaml", &openapi);
    home.run(&["spec", "diff", "old.yaml", "old.yaml"])
        .expect(0);
    let breaking = openapi.replace("required: [email, age]", "required: [email, age, bio]");
    assert_ne!(breaking, openapi);
    home.write("new.yaml", &breaking);
    let diff = home
        .run(&["spec", "diff", "old.yaml", "new.yaml"])
        .expect(1);
    assert!(diff.stdout.contains("breaking"), "{}", diff.stdout);
    let diff = home
        .run(&["spec", "diff", "old.yaml", "new.yaml", "-o", "json"])
        .expect(1);
    assert_eq!(diff.json()["passed"], false);
    home.write(
        "major.yaml",
        &breaking.replace("  version: 1.1.0", "  version: 2.0.0"),
    );
    home.run(&["spec", "diff", "old.yaml", "major.yaml"])
        .expect(0);
    home.run(&["spec", "diff", "old.yaml", "missing.yaml"])
        .expect(2)
        .saying("missing.yaml");
    home.write("broken.yaml", "openapi: [");
    home.run(&["spec", "diff", "old.yaml", "broken.yaml"])
        .expect(2)
        .saying("broken.yaml");
    let shown = home.run(&["spec", "show"]).expect(0).json();
    assert!(shown["paths"]["/users"]["post"].is_object());
}

#[test]
fn completions_are_printed_for_every_shell() {
    let home = Home::new();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = home.run(&["completions", shell]).expect(0).stdout;
        assert!(script.contains("enqueue"), "{shell}");
    }
}

#[test]
fn a_server_that_is_not_there_ends_with_69() {
    let home = Home::new();
    // Bound, so that nobody else takes the port, and never listened to.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let url = format!("http://{address}");
    home.run(&["jobs", "stats", "--server", &url])
        .expect(69)
        .saying("cannot be reached");
    home.run(&["users", "get", "1", "--server", &url])
        .expect(69);
    home.run(&["health", "--server", &url]).expect(69);
    let port = address.port().to_string();
    home.run_with(&["health"], &[("PORT", &port)], "")
        .expect(69)
        .saying(&port);
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);
}

#[test]
fn a_question_to_a_database_that_does_not_exist_makes_none() {
    let home = Home::new();
    for command in [
        &["jobs", "stats"][..],
        &["jobs", "list"],
        &["jobs", "cancel", "1"],
        &["users", "get", "1"],
        &["doctor"],
        &["backup", "copy.db"],
    ] {
        let outcome = home.run(command).saying("there is no database users.db");
        assert_ne!(outcome.code, 0, "{command:?}");
    }
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);
}

//! Owns testing operators' commands against a running server: the same output as on its database, and exit codes.

use super::binary::{Home, Process};

const TOKEN: &str = "a-token-of-sixteen-characters-or-more";

pub(super) fn serve(home: &Home, variables: &[(&str, &str)]) -> (Process, String) {
    let (process, ready) = home.start_telling(&["serve", "--port", "0", "--no-workers"], variables);
    let address = ready["listening"].as_str().unwrap().to_owned();
    let url = if address.starts_with("http") {
        address
    } else {
        format!("http://{address}")
    };
    (process, url)
}

#[test]
fn a_server_gives_what_its_database_gives() {
    let home = Home::new();
    let (server, url) = serve(&home, &[]);
    let over = |arguments: &[&str]| home.run(&[arguments, &["--server", &url]].concat());
    over(&["users", "create", "ada@example.com", "36"]).expect(0);
    over(&["users", "create", "ADA@example.com", "36"]).expect(5);
    over(&["users", "update", "1", "--age", "37"]).expect(0);
    over(&["jobs", "enqueue", "data_analysis", "Monthly", "7"]).expect(0);
    over(&["jobs", "enqueue", "data_analysis", "Weekly"]).expect(0);
    over(&["jobs", "enqueue", "no_such_type", "x"])
        .expect(2)
        .saying("job_type");
    over(&["jobs", "cancel", "3"]).expect(0);
    over(&["jobs", "cancel", "3"]).expect(5);
    over(&["jobs", "show", "99"]).expect(3);
    over(&["users", "get", "99"]).expect(3);
    for command in [
        &["jobs", "list"][..],
        &["jobs", "list", "cancelled"],
        &["jobs", "list", "-o", "json"],
        &["jobs", "show", "2"],
        &["jobs", "stats"],
        &["users", "list"],
        &["users", "get", "1", "-o", "json"],
    ] {
        let (there, here) = (over(command).expect(0), home.run(command).expect(0));
        assert_eq!(there.stdout, here.stdout, "{command:?}");
        assert!(!here.stdout.is_empty(), "{command:?}");
    }
    over(&["jobs", "retry", "3"]).expect(0);
    over(&["jobs", "delete", "3"]).expect(0);
    over(&["users", "delete", "1"]).expect(0);
    home.run(&["health", "--server", &url]).expect(0);
    server.signal("TERM");
    assert_eq!(server.end(), Some(0));
    home.run(&["jobs", "stats", "--server", &url]).expect(69);
}

#[test]
fn a_wrong_token_is_told_apart_from_everything_else() {
    let home = Home::new();
    let (server, url) = serve(&home, &[("API_TOKENS", TOKEN)]);
    let stats = ["jobs", "stats", "--server", &url];
    home.run(&stats).expect(4);
    home.run_with(
        &stats,
        &[("LOCKSTEP_TOKEN", "another-token-of-sixteen-characters")],
        "",
    )
    .expect(4);
    home.run_with(&stats, &[("LOCKSTEP_TOKEN", TOKEN)], "")
        .expect(0);
    server.signal("TERM");
    assert_eq!(server.end(), Some(0));
}

#[test]
fn a_port_in_use_is_said_in_one_sentence() {
    let home = Home::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let outcome = home.run(&["serve", "--port", &port]);
    assert_ne!(outcome.code, 0);
    outcome.saying("cannot listen on");
}

#[tokio::test]
async fn a_log_that_nobody_reads_does_not_keep_the_server_from_ending() {
    let home = Home::new();
    let (server, url) = serve(&home, &[]);
    let client = lockstep_client::Lockstep::new(url).client().unwrap();
    // Far more records than the pipe holds.
    for _ in 0..1500 {
        client.get_version().send().await.unwrap();
    }
    server.signal("TERM");
    assert_eq!(server.end_unread(), Some(0));
}

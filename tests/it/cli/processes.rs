//! Owns testing workers as processes: ready, stop by signal, death in the middle of a job.

use std::{fs, net::TcpListener};

use super::binary::Home;

/// A mail server that takes connections and says nothing: whoever sends to it is in the middle of a job.
struct SilentServer(TcpListener);

impl SilentServer {
    fn new() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").unwrap())
    }

    fn url(&self) -> String {
        format!("smtp://{}", self.0.local_addr().unwrap())
    }

    /// The next connection. It stays open as long as this is kept.
    fn connection(&self) -> std::net::TcpStream {
        self.0.accept().unwrap().0
    }
}

fn enqueue_mail(home: &Home) {
    let payload = r#"{"message":"hi","recipients":["ada@example.com"]}"#;
    home.run(&[
        "jobs",
        "enqueue",
        "email_notification",
        "--payload",
        payload,
    ])
    .expect(0);
}

#[test]
fn a_worker_runs_jobs_and_stops_by_signal_with_0() {
    let home = Home::new();
    for signal in ["TERM", "INT"] {
        home.run(&["jobs", "enqueue", "data_analysis", "now"])
            .expect(0);
        let ready = home.path().join(signal);
        let mut worker = home.start(&["worker", "--ready-file", ready.to_str().unwrap()], &[]);
        worker.wait_for(|record| record["msg"] == "job completed");
        worker.signal(signal);
        worker.wait_for(|record| record["msg"] == "stopped");
        assert_eq!(worker.end(), Some(0));
        assert!(ready.exists());
    }
    let done = home
        .run(&["jobs", "list", "completed", "-o", "json"])
        .expect(0)
        .json();
    assert_eq!(done.as_array().unwrap().len(), 2);
}

#[test]
fn a_new_users_welcome_is_written_to_the_outbox() {
    let home = Home::new();
    home.run(&["users", "create", "ada@example.com", "36"])
        .expect(0);
    let mut worker = home.start(&["worker"], &[]);
    worker.wait_for(|record| record["msg"] == "job completed");
    let letters: Vec<_> = fs::read_dir(home.path().join("outbox")).unwrap().collect();
    assert_eq!(letters.len(), 1);
    let letter = fs::read_to_string(letters[0].as_ref().unwrap().path()).unwrap();
    assert!(letter.contains("To: ada@example.com"), "{letter}");
}

#[test]
fn the_job_of_a_killed_worker_runs_again_elsewhere() {
    let home = Home::new();
    let server = SilentServer::new();
    enqueue_mail(&home);
    let url = server.url();
    let variables = [("SMTP_URL", url.as_str()), ("LEASE_SECONDS", "1")];
    let first = home.start(&["worker"], &variables);
    let _held = server.connection();
    first.signal("KILL");
    assert_eq!(first.end(), None, "killed");
    let _second = home.start(&["worker"], &variables);
    let _again = server.connection();
    let shown = home
        .run(&["jobs", "show", "1", "-o", "json"])
        .expect(0)
        .json();
    assert_eq!(shown["job"]["status"], "processing");
    assert_eq!(shown["job"]["lease_losses"], 1);
    assert_eq!(shown["job"]["retry_count"], 0);
    assert_eq!(shown["attempts"][0]["outcome"], "lost");
    assert_eq!(shown["attempts"].as_array().unwrap().len(), 2);
}

#[test]
fn a_stop_gives_back_what_does_not_end_in_time() {
    let home = Home::new();
    let server = SilentServer::new();
    enqueue_mail(&home);
    let url = server.url();
    let worker = home.start(
        &["worker"],
        &[("SMTP_URL", url.as_str()), ("DRAIN_SECONDS", "0")],
    );
    let _held = server.connection();
    worker.signal("TERM");
    assert_eq!(worker.end(), Some(0));
    let shown = home
        .run(&["jobs", "show", "1", "-o", "json"])
        .expect(0)
        .json();
    assert_eq!(shown["job"]["status"], "pending");
    assert_eq!(shown["job"]["retry_count"], 0);
    assert_eq!(shown["attempts"][0]["outcome"], "released");
}

#[test]
fn a_second_signal_ends_the_wait() {
    let home = Home::new();
    let server = SilentServer::new();
    enqueue_mail(&home);
    let url = server.url();
    let mut worker = home.start(
        &["worker"],
        &[("SMTP_URL", url.as_str()), ("DRAIN_SECONDS", "3600")],
    );
    let _held = server.connection();
    worker.signal("TERM");
    worker.wait_for(|record| record["msg"] == "stopping");
    worker.signal("TERM");
    assert_eq!(worker.end(), Some(0));
    let shown = home
        .run(&["jobs", "show", "1", "-o", "json"])
        .expect(0)
        .json();
    assert_eq!(shown["job"]["status"], "pending");
}

#[test]
fn two_workers_share_a_database_and_every_job_keeps_its_own_result() {
    let home = Home::new();
    for number in 0..20 {
        let message = format!("n{number}");
        home.run(&["jobs", "enqueue", "data_analysis", &message])
            .expect(0);
    }
    let _one = home.start(&["worker"], &[]);
    let _two = home.start(&["worker"], &[]);
    let completed = |home: &Home| {
        let stats = home.run(&["jobs", "stats", "-o", "json"]).expect(0).json();
        stats["total"]["completed"] == 20
    };
    // Asking takes its time; 400 times is far longer than 20 jobs take.
    assert!((0..400).any(|_| completed(&home)), "the jobs do not end");
    let jobs = home
        .run(&["jobs", "list", "completed", "-o", "json"])
        .expect(0)
        .json();
    for job in jobs.as_array().unwrap() {
        assert_eq!(job["result"]["message"], job["payload"]["message"], "{job}");
    }
}

#[test]
fn a_mail_configuration_that_cannot_work_is_told_at_the_start() {
    let home = Home::new();
    home.write("outbox", "a file where the folder should be");
    home.run(&["worker"]).expect(2).saying("OUTBOX_DIR");
}

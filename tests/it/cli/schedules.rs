//! Owns testing `lockstep schedules`: on the database and over a server alike.

use super::{binary::Home, over_server::serve};

#[test]
fn a_schedule_is_made_shown_changed_and_deleted() {
    let home = Home::new();
    let run = |arguments: &[&str]| home.run(&[&["schedules"], arguments].concat());
    let create = [
        "create",
        "weekly",
        "data_analysis",
        "--cron",
        "30 7 * * MON",
        "--timezone",
        "Europe/Berlin",
        "--payload",
        r#"{"message":"Weekly"}"#,
        "--options",
        r#"{"priority":5}"#,
        "-o",
        "json",
    ];
    let created = run(&create).expect(0).json();
    assert_eq!(created["next_times"].as_array().unwrap().len(), 5);
    run(&create).expect(5).saying("name");
    let shown = run(&["show", "1"]).expect(0).stdout;
    for words in [
        "weekly",
        "30 7 * * MON in Europe/Berlin",
        r#"{"priority":5}"#,
        "Weekly",
    ] {
        assert!(shown.contains(words), "{words} in {shown}");
    }
    run(&["update", "1", "--every", "15m", "--misfire", "skip"]).expect(0);
    let list = run(&["list"]).expect(0).stdout;
    assert!(
        list.contains("every 900 s") && list.contains("skip"),
        "{list}"
    );
    run(&["pause", "1", "the server moves"]).expect(0);
    let shown = run(&["show", "1"]).expect(0).stdout;
    assert!(shown.contains("the server moves"), "{shown}");
    run(&["resume", "1"]).expect(0);
    assert_eq!(run(&["run", "1"]).expect(0).stdout.trim(), "job 1 enqueued");
    let runs = run(&["runs", "1", "-o", "json"]).expect(0).json();
    assert_eq!(
        (&runs[0]["outcome"], &runs[0]["job_id"]),
        (&"manual".into(), &1.into())
    );
    run(&["delete", "1"]).expect(0);
    run(&["show", "1"]).expect(3);
}

#[test]
fn what_is_wrong_is_said_before_anything_is_stored() {
    let home = Home::new();
    home.run(&["jobs", "enqueue", "data_analysis", "x"])
        .expect(0);
    let create = |arguments: &[&str]| {
        home.run(&[&["schedules", "create", "name", "data_analysis"], arguments].concat())
    };
    create(&[]).expect(2).saying("cron");
    create(&["--cron", "99 * * * *"]).expect(2).saying("minute");
    create(&["--cron", "@daily", "--timezone", "Mars/Olympus"])
        .expect(2)
        .saying("/body/timezone");
    create(&["--every", "soon"]).expect(2);
    create(&["--every", "60", "--misfire", "twice"])
        .expect(2)
        .saying("misfire");
    create(&["--every", "60", "--payload", r#"{"message":7}"#])
        .expect(2)
        .saying("/body/payload/message");
    home.run(&["schedules", "pause", "9"]).expect(3);
    assert_eq!(
        home.run(&["schedules", "list"])
            .expect(0)
            .stdout
            .lines()
            .count(),
        1
    );
}

#[test]
fn a_server_gives_what_its_database_gives() {
    let home = Home::new();
    let (server, url) = serve(&home, &[]);
    let over =
        |arguments: &[&str]| home.run(&[&["schedules"], arguments, &["--server", &url]].concat());
    over(&["create", "nightly", "data_analysis", "--cron", "0 2 * * *"]).expect(0);
    over(&["create", "nightly", "data_analysis", "--every", "1h"]).expect(5);
    over(&["create", "bad", "data_analysis", "--cron", "0 25 * * *"])
        .expect(2)
        .saying("hour");
    over(&["create", "often", "data_analysis", "--every", "1h"]).expect(0);
    over(&["update", "1", "--timezone", "Asia/Tokyo", "--payload", "{}"]).expect(0);
    over(&["run", "1"]).expect(0);
    over(&["pause", "2", "because"]).expect(0);
    for command in [
        &["list"][..],
        &["list", "-o", "json"],
        &["show", "1"],
        &["show", "2", "-o", "json"],
        &["runs", "1"],
        &["runs", "1", "-o", "json"],
    ] {
        let here = home.run(&[&["schedules"], command].concat()).expect(0);
        assert_eq!(over(command).expect(0).stdout, here.stdout, "{command:?}");
        assert!(!here.stdout.is_empty(), "{command:?}");
    }
    over(&["resume", "2"]).expect(0);
    over(&["delete", "2"]).expect(0);
    over(&["delete", "2"]).expect(3);
    server.signal("TERM");
    assert_eq!(server.end(), Some(0));
}

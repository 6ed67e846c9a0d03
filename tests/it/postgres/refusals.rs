//! Databases that cannot be used: one sentence each on stderr, with the fix, and no password in it; the exit code tells
//! what can be tried again (75) from what somebody has to change (2).

use std::{process::Output, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    task,
    time::timeout,
};

use crate::{
    cli::binary::Home,
    support::place::{Place, admin, server},
};

const SECRET: &str = "s3cret-hunter2";

/// Runs commands that need the database, and fails unless each is refused with these words.
async fn refused(url: &str, code: i32, words: &[&str]) {
    let home = Home::new();
    for arguments in [
        &["serve", "--port", "0"][..],
        &["worker"],
        &["jobs", "stats"],
    ] {
        let mut command = home.command(arguments);
        command.env("DATABASE_URL", url);
        let ended = task::spawn_blocking(move || command.output().unwrap());
        // One that hangs is what this is about: it must not be waited for.
        let ended = timeout(Duration::from_secs(30), ended)
            .await
            .expect("it hangs");
        let Output {
            status,
            stdout,
            stderr,
        } = ended.unwrap();
        let said = String::from_utf8(stderr).unwrap();
        let answered = String::from_utf8(stdout).unwrap();
        let shown = format!("{arguments:?} {url}: {said}{answered}");
        assert_eq!(status.code(), Some(code), "{shown}");
        assert_eq!(
            (said.lines().count(), answered.as_str()),
            (1, ""),
            "{shown}"
        );
        assert!(said.starts_with("lockstep: "), "{shown}");
        assert!(
            !said.contains(SECRET) && !said.contains("panicked"),
            "{shown}"
        );
        for word in words {
            assert!(said.contains(word), "{word} in {shown}");
        }
    }
}

/// A server's URL, taken apart: `user:password`, `host:port`, parameters.
fn parts() -> (String, String, String) {
    let server = server();
    let rest = server.strip_prefix("postgres://").unwrap();
    let (user, rest) = rest.rsplit_once('@').unwrap();
    let (host, rest) = rest.split_once('/').unwrap();
    let parameters = rest
        .split_once('?')
        .map_or("", |(_, parameters)| parameters);
    (user.to_owned(), host.to_owned(), parameters.to_owned())
}

/// The server's URL with another user and database.
fn url(user: &str, database: &str) -> String {
    let (_, host, parameters) = parts();
    format!("postgres://{user}@{host}/{database}?{parameters}")
}

#[tokio::test]
async fn urls_that_are_none() {
    for (url, words) in [
        (
            "postgres://localhost/d",
            &["names no user", "USER@HOST"][..],
        ),
        ("postgres://me@localhost:99999/d", &["port", "1 to 65535"]),
        (
            "postgres://me:s3cret-hunter2@h/d?sslmode=prefer",
            &["sslmode=prefer", "require"],
        ),
        (
            "postgres://me:s3cret-hunter2@h/d?colour=red",
            &["colour", "sslmode"],
        ),
        ("postgres://me:s3cret-hunter2/x@h/d", &["%2F"]),
        ("mysql://me@h/d", &["mysql://", "postgres://"]),
    ] {
        refused(url, 2, words).await;
    }
}

#[tokio::test]
async fn users_and_databases_that_are_not_there() {
    let (owner, host, _) = parts();
    let wrong = url(&format!("postgres:{SECRET}"), "postgres");
    refused(&wrong, 2, &[&host, "password of postgres", "passwordfile"]).await;
    let nobody = url(&format!("nobody_here:{SECRET}"), "postgres");
    refused(&nobody, 2, &["password of nobody_here"]).await;
    refused(
        &url("postgres", "postgres"),
        2,
        &["asks postgres for a password"],
    )
    .await;
    let nowhere = url(&owner, "it's nowhere").replace(' ', "%20");
    let fix = [
        "CREATE DATABASE \"it's nowhere\"",
        r"createdb 'it'\''s nowhere'",
    ];
    refused(&nowhere, 2, &fix).await;
    let no_tls =
        format!("{}&", url(&owner, "postgres")).replace("sslmode=disable&", "sslmode=require");
    refused(&no_tls, 2, &["speaks no TLS", "ssl = on"]).await;
}

/// Somebody may be about to start it.
#[tokio::test]
async fn servers_that_are_not_there() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let free = port.local_addr().unwrap().port();
    drop(port);
    let url = format!("postgres://me:{SECRET}@127.0.0.1:{free}/d");
    refused(&url, 75, &["nothing listens", "start PostgreSQL"]).await;
    let url = format!("postgres://me:{SECRET}@nowhere.invalid/d?sslmode=disable");
    refused(&url, 75, &["host name", "nowhere.invalid"]).await;
    // It accepts, and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = silent.local_addr().map(|at| (silent, at.port())).unwrap();
    let url = format!(
        "postgres://me:{SECRET}@127.0.0.1:{}/d?connect_timeout=1",
        silent.1
    );
    refused(&url, 75, &["does not answer in time", "connect_timeout"]).await;
    // It speaks something else, and hangs up on who does not.
    let server = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("postgres://me:{SECRET}@{}/d", server.local_addr().unwrap());
    let speaks = tokio::spawn(async move {
        while let Ok((mut stream, _)) = server.accept().await {
            let _ = stream.read(&mut [0; 1024]).await;
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    refused(&url, 75, &["may be no PostgreSQL", "see the log"]).await;
    speaks.abort();
}

#[tokio::test]
async fn roles_that_may_not() {
    let role = format!("bare_{:08x}", rand::random::<u32>());
    admin(&format!("CREATE ROLE {role} LOGIN PASSWORD '{SECRET}'"));
    let place = Place::bare_postgres();
    let database = place.name();
    let bare = url(&format!("{role}:{SECRET}"), &database);
    let grant = format!("GRANT USAGE, CREATE ON SCHEMA \"public\" TO \"{role}\"");
    refused(&bare, 2, &["may not create tables", &grant]).await;
    place.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC");
    refused(&bare, 2, &["no schema", "GRANT USAGE, CREATE"]).await;
    admin(&format!(
        "REVOKE CONNECT ON DATABASE {database} FROM PUBLIC"
    ));
    let grant = format!("GRANT CONNECT ON DATABASE \"{database}\" TO \"{role}\"");
    refused(&bare, 2, &[&grant]).await;
    place.remove();
}

#[tokio::test]
async fn databases_of_somebody_else() {
    for (table, made) in [
        ("users", "CREATE TABLE users (login text)"),
        ("job_queue", "CREATE TABLE job_queue (id int)"),
    ] {
        let place = Place::bare_postgres();
        place.execute(made);
        refused(&place.url(), 2, &[table, "database of its own"]).await;
        assert_eq!(place.count("pg_tables WHERE schemaname = 'public'"), 1);
        place.remove();
    }
    let newer = Place::new_postgres();
    newer.execute("INSERT INTO __diesel_schema_migrations (version) VALUES ('29991231000001')");
    refused(&newer.url(), 2, &["29991231000001", "newer program"]).await;
    newer.remove();
    let latin = Place::made_as("ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0");
    refused(&latin.url(), 2, &["LATIN1", "ENCODING 'UTF8'"]).await;
    latin.remove();
}

#[tokio::test]
async fn a_database_that_only_allows_reading() {
    let place = Place::new_postgres();
    let name = place.name();
    admin(&format!(
        "ALTER DATABASE {name} SET default_transaction_read_only = on"
    ));
    let fix = format!("ALTER DATABASE \"{name}\" RESET default_transaction_read_only");
    refused(&place.url(), 75, &["only allows reading", &fix]).await;
    place.remove();
}

//! Raw hostile HTTP against a server of its own: the caller is told what is wrong, nothing hangs, nothing is a 5xx.

use std::time::Duration;

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::support::process::{Home, Process};

const DEADLINE: Duration = Duration::from_secs(10);

/// Sends these bytes and nothing more; answers status and body. The server must close or have answered in time.
async fn send(server: &Process, raw: &[u8]) -> (u16, String) {
    let address = server.url("");
    let mut stream = TcpStream::connect(address.trim_start_matches("http://"))
        .await
        .unwrap();
    let exchange = async {
        // A server that has refused already need not read the rest.
        let _ = stream.write_all(raw).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        answer
    };
    let shown = String::from_utf8_lossy(&raw[..raw.len().min(120)]).into_owned();
    let Ok(answer) = timeout(DEADLINE, exchange).await else {
        panic!("no answer: {shown}");
    };
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .unwrap_or_else(|| panic!("{answer:?} to {shown}"));
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, body.to_owned())
}

fn get(target: &str, headers: &str) -> Vec<u8> {
    format!("GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n").into_bytes()
}

fn post(path: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let mut raw = format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}Content-Length: {length}\r\n\r\n"
    )
    .into_bytes();
    raw.extend_from_slice(body);
    raw
}

fn json(path: &str, body: &[u8]) -> Vec<u8> {
    post(path, "Content-Type: application/json\r\n", body)
}

/// The contract's shape; not of what hyper itself refuses, which has no body.
fn is_an_error_of_the_contract(body: &str) -> bool {
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    ["request_id", "error_code", "message"]
        .iter()
        .all(|key| body[key].is_string())
}

async fn refused(server: &Process, status: u16, raw: &[u8]) {
    let shown = String::from_utf8_lossy(&raw[..raw.len().min(160)]).into_owned();
    let (answered, body) = send(server, raw).await;
    assert_eq!(answered, status, "{body} to {shown}");
    assert!(is_an_error_of_the_contract(&body), "{body} to {shown}");
}

async fn served() -> (Home, Process) {
    let home = Home::new();
    let server = home
        .start(&["serve", "--port", "0", "--no-workers"], &[])
        .await;
    (home, server)
}

const GOOD: &[u8] = br#"{"email":"ada@example.com","age":36}"#;

#[tokio::test]
async fn hostile_bodies_are_refused_and_store_nothing() {
    let (home, server) = served().await;
    let many: Vec<String> = (0..50_000).map(|key| format!("\"k{key}\":1")).collect();
    let (many, arrays, objects) = (
        format!("{{{}}}", many.join(",")),
        b"[".repeat(1_000_000),
        b"{\"a\":".repeat(100_000),
    );
    let bodies: [&[u8]; 18] = [
        b"",
        b"null",
        b"[]",
        br#"{"email":"ada@example.com","age":36} xx"#,
        br#"{"email":"ada@example.com","age":36"#,
        b"\xef\xbb\xbf{\"email\":\"ada@example.com\",\"age\":36}",
        b"{\"email\":\"\xff@example.com\",\"age\":36}",
        br#"{"email":"a@example.com","email":"b@example.com","age":36}"#,
        br#"{"email":"ada@example.com","age":36,"name":"\ud800"}"#,
        br#"{"email":"ada@example.com","age":36,"name":"\u0000"}"#,
        br#"{"email":"ada@example.com","age":NaN}"#,
        br#"{"email":"ada@example.com","age":1e400}"#,
        br#"{"email":"ada@example.com","age":36.5}"#,
        br#"{"email":1,"age":"x"}"#,
        br#"{"email":"ada@example.com","age":36,"id":7}"#,
        &arrays,
        &objects,
        many.as_bytes(),
    ];
    for body in bodies {
        refused(&server, 400, &json("/users", body)).await;
    }
    refused(&server, 413, &json("/users", &b" ".repeat(1_048_577))).await;
    refused(&server, 400, &post("/users", "", GOOD)).await;
    refused(
        &server,
        400,
        &post("/users", "Content-Type: text/plain\r\n", GOOD),
    )
    .await;
    let gzip = "Content-Type: application/json\r\nContent-Encoding: gzip\r\n";
    refused(&server, 415, &post("/users", gzip, GOOD)).await;
    assert_eq!(home.store().await.user_scan(0, 1).await.unwrap(), []);
    assert_eq!(send(&server, &json("/users", GOOD)).await.0, 201);
}

#[tokio::test]
async fn hostile_targets_and_headers_are_refused() {
    let (_home, server) = served().await;
    for target in [
        "/users/99999999999999999999999",
        "/users/-1",
        "/users/%00",
        "/users/%zz",
        "/users?email=%ff",
        "/users?email=%00",
        "/users?limit=0",
        "/users?limit=99999999999999999999",
        "/users?limit=1&limit=2",
        "/users?page_token=eyJ2IjoxfQ",
    ] {
        refused(&server, 400, &get(target, "")).await;
    }
    refused(&server, 404, &get("/users/9223372036854775807", "")).await;
    for etag in ["garbage", "\u{ff}", "\"1"] {
        let headers = format!(
            "DELETE /users/1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\nIf-Match: {etag}\r\n\r\n"
        );
        refused(&server, 400, headers.as_bytes()).await;
    }
}

#[tokio::test]
async fn broken_framing_ends_with_the_right_status() {
    let (_home, server) = served().await;
    let start = "POST /users HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
    let headers: Vec<_> = (0..200).map(|number| format!("x{number}: 1\r\n")).collect();
    let headers = headers.concat();
    let cases = [
        (
            400,
            format!("{start}Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"),
        ),
        (400, format!("{start}Content-Length: +3\r\n\r\nabc")),
        (
            400,
            format!("{start}Transfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n"),
        ),
        (
            400,
            format!("{start}Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n"),
        ),
        (
            400,
            "GET /healthz HTTP/1.1\r\nHost: x\r\nX: a\0b\r\n\r\n".to_owned(),
        ),
        (
            405,
            "TRACE /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".to_owned(),
        ),
        (
            405,
            "FOO /users HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".to_owned(),
        ),
        (
            404,
            "CONNECT x:1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".to_owned(),
        ),
    ];
    for (status, raw) in cases {
        assert_eq!(send(&server, raw.as_bytes()).await.0, status, "{raw}");
    }
    assert_eq!(send(&server, &get("/health", &headers)).await.0, 431);
    let long = format!("/{}", "a".repeat(70_000));
    assert_eq!(send(&server, &get(&long, "")).await.0, 414);
    assert_eq!(send(&server, &get("/health", "")).await.0, 200);
}

//! Who may call and how often, what pages may read, what is served beside the contract.

use lockstep::{
    contract::{DOCUMENT_JSON, document},
    validation::Mode,
};
use lockstep_client::{Lockstep, api_error, types::ErrorCode};
use reqwest::Method;

use crate::support::server::TestServer;

const TOKEN: &str = "0123456789abcdef";

async fn guarded() -> TestServer {
    TestServer::start_with(Mode::Default, |config| {
        config.tokens = vec!["another-token-of-ours".to_owned(), TOKEN.to_owned()];
    })
    .await
}

/// Every operation that the contract secures asks for a token; those that it opens do not.
#[tokio::test]
async fn the_contract_says_which_operations_ask_for_a_token() {
    let server = guarded().await;
    for (path, item) in document()["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let open = operation["security"].as_array().is_some_and(Vec::is_empty);
            let method = method.to_uppercase().parse::<Method>().unwrap();
            let path = path.replace("{id}", "1");
            let answer = server.send(server.request(method.clone(), &path)).await;
            if open {
                assert_eq!(answer.status, 200, "{method} {path}");
                continue;
            }
            assert_eq!(
                (answer.status, answer.code().as_str()),
                (401, "unauthorized"),
                "{method} {path}"
            );
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
            let known = server.request(method.clone(), &path).bearer_auth(TOKEN);
            assert_ne!(server.send(known).await.status, 401, "{method} {path}");
        }
    }
    server.close().await;
}

#[tokio::test]
async fn only_the_whole_token_opens() {
    let server = guarded().await;
    let users = || server.request(Method::GET, "/users");
    for wrong in [
        "0123456789abcde",
        "0123456789abcdeff",
        "0123456789ABCDEF",
        "",
    ] {
        assert_eq!(
            server.send(users().bearer_auth(wrong)).await.status,
            401,
            "{wrong}"
        );
    }
    let basic = users().basic_auth("user", Some(TOKEN));
    assert_eq!(server.send(basic).await.status, 401);
    assert_eq!(server.send(users().bearer_auth(TOKEN)).await.status, 200);
    // Who is not known does not learn what is wrong with the request.
    let answer = server.post("/users", "nonsense").await;
    assert_eq!(answer.code(), "unauthorized");
    let client = Lockstep::new(server.url(""))
        .token("wrong-token")
        .client()
        .unwrap();
    let error = client.list_users().send().await.unwrap_err();
    assert_eq!(
        api_error(&error).unwrap().error_code,
        Some(ErrorCode::Unauthorized)
    );
    let client = Lockstep::new(server.url("")).token(TOKEN).client().unwrap();
    client.list_users().send().await.unwrap();
    server.close().await;
}

#[tokio::test]
async fn who_calls_too_often_is_told_when_to_come_back() {
    let server = TestServer::start_with(Mode::Default, |config| config.rate_limit = 3).await;
    let mut statuses = Vec::new();
    for _ in 0..30 {
        statuses.push(server.get("/users").await);
    }
    let refused = statuses
        .iter()
        .find(|answer| answer.status != 200)
        .expect("30 in a row are too many");
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (429, "rate_limited")
    );
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert!(statuses[..3].iter().all(|answer| answer.status == 200));
    // Probes are never turned away.
    for _ in 0..10 {
        assert_eq!(server.get("/healthz").await.status, 200);
    }
    server.close().await;
}

/// Whichever door they try.
#[tokio::test]
async fn guesses_at_tokens_are_limited_too() {
    for path in ["/users", "/metrics"] {
        let server = TestServer::start_with(Mode::Default, |config| {
            config.tokens = vec![TOKEN.to_owned()];
            config.rate_limit = 3;
        })
        .await;
        let mut statuses = std::collections::BTreeSet::new();
        for guess in 0..30 {
            let guess = server
                .request(Method::GET, path)
                .bearer_auth(format!("guess-{guess}"));
            statuses.insert(server.send(guess).await.status);
        }
        assert_eq!(statuses, [401, 429].into(), "{path}");
        // Who has a token is not held up by who guesses.
        let known = server.request(Method::GET, path).bearer_auth(TOKEN);
        assert_eq!(server.send(known).await.status, 200, "{path}");
        server.close().await;
    }
}

#[tokio::test]
async fn pages_of_known_origins_may_call() {
    let origin = "https://app.example.com";
    let server = TestServer::start_with(Mode::Default, |config| {
        config.cors_origins = vec![origin.to_owned()];
        config.tokens = vec![TOKEN.to_owned()];
    })
    .await;
    for path in document()["paths"].as_object().unwrap().keys() {
        let path = path.replace("{id}", "1");
        let asked = server
            .request(Method::OPTIONS, &path)
            .header("origin", origin);
        let answer = server
            .send(asked.header("access-control-request-method", "POST"))
            .await;
        assert_eq!(answer.status, 204, "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), Some(origin));
        let headers = answer.header("access-control-allow-headers").unwrap();
        assert!(
            headers.contains("Authorization") && headers.contains("If-Match"),
            "{headers}"
        );
        let methods = answer.header("access-control-allow-methods").unwrap();
        assert!(
            methods.contains("POST") && methods.contains("PATCH"),
            "{methods}"
        );
    }
    let users = || server.request(Method::GET, "/users").bearer_auth(TOKEN);
    let answer = server.send(users().header("origin", origin)).await;
    assert_eq!(answer.header("access-control-allow-origin"), Some(origin));
    assert!(answer.header("vary").unwrap().contains("Origin"));
    for stranger in [
        "https://app.example.com.evil.example",
        "https://APP.example.com",
        "null",
    ] {
        let answer = server.send(users().header("origin", stranger)).await;
        assert_eq!(
            answer.header("access-control-allow-origin"),
            None,
            "{stranger}"
        );
    }
    // A refusal can be read too.
    let refused = server
        .request(Method::GET, "/users")
        .header("origin", origin);
    let refused = server.send(refused).await;
    assert_eq!(
        (
            refused.status,
            refused.header("access-control-allow-origin")
        ),
        (401, Some(origin))
    );
    server.close().await;
}

#[tokio::test]
async fn without_configured_origins_there_is_no_cors() {
    let server = TestServer::start(Mode::Default).await;
    let asked = server
        .request(Method::OPTIONS, "/users")
        .header("origin", "https://app.example.com");
    assert_eq!(server.send(asked).await.status, 405);
    let answer = server
        .send(
            server
                .request(Method::GET, "/users")
                .header("origin", "https://x.example"),
        )
        .await;
    assert_eq!(
        (answer.status, answer.header("access-control-allow-origin")),
        (200, None)
    );
    server.close().await;
}

#[tokio::test]
async fn answers_tell_browsers_to_be_careful() {
    let server = TestServer::start(Mode::Default).await;
    for path in ["/users", "/users/1", "/health", "/docs", "/openapi.json"] {
        let answer = server.get(path).await;
        assert_eq!(
            answer.header("x-content-type-options"),
            Some("nosniff"),
            "{path}"
        );
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
        assert!(answer.header("x-request-id").is_some(), "{path}");
        let names: Vec<_> = answer.headers.keys().collect();
        assert_eq!(names.len(), answer.headers.len(), "each once: {names:?}");
    }
    let user = server.get("/users/1").await;
    assert_eq!(user.header("x-frame-options"), Some("DENY"));
    assert_eq!(user.header("referrer-policy"), None, "JSON leads nowhere");
    let page = server.get("/docs").await;
    assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
    let policy = page.header("content-security-policy").unwrap_or_default();
    assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
    server.close().await;
}

#[tokio::test]
async fn the_contract_its_page_and_the_metrics_are_served() {
    let server = guarded().await;
    let contract = server.get("/openapi.json").await;
    assert_eq!(
        (contract.text.as_str(), contract.header("content-type")),
        (DOCUMENT_JSON, Some("application/json"))
    );
    let mut page = String::new();
    for path in ["/docs", "/docs.js", "/docs.css"] {
        let answer = server.get(path).await;
        assert_eq!(answer.status, 200, "{path}");
        page.push_str(&answer.text);
    }
    assert!(
        !page.contains("http://") && !page.contains("https://") && !page.contains("src=\"//"),
        "no other host"
    );
    // Figures are no part of the contract: they are for those who may call.
    assert_eq!(server.get("/metrics").await.status, 401);
    let metrics = server
        .send(server.request(Method::GET, "/metrics").bearer_auth(TOKEN))
        .await;
    assert!(
        metrics
            .header("content-type")
            .unwrap()
            .starts_with("application/openmetrics-text")
    );
    assert!(metrics.text.ends_with("# EOF\n"), "{}", metrics.text);
    server.close().await;
}

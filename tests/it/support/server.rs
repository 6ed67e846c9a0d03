//! Owns real servers for tests: port 0, a database of their own, gone with the test.

use std::{sync::Arc, time::Duration};

use lockstep::{
    api::{ApiConfig, ApiServer, Parts, serve},
    contract,
    metrics::Metrics,
    validation::{Mode, Validator},
};
use lockstep_client::{Client, Lockstep};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::Value;
use slog::Logger;
use tokio_util::sync::CancellationToken;

use super::database::Database;

/// A server that listens on loopback.
pub(crate) struct TestServer {
    pub(crate) database: Database,
    pub(crate) metrics: Metrics,
    stopping: CancellationToken,
    server: ApiServer,
    http: reqwest::Client,
}

impl TestServer {
    /// As a bare start configures it, but for the mode.
    pub(crate) async fn start(mode: Mode) -> Self {
        Self::start_with(mode, |_| {}).await
    }

    /// With other settings.
    pub(crate) async fn start_with(mode: Mode, change: impl FnOnce(&mut ApiConfig)) -> Self {
        let database = Database::new().await;
        let metrics = Metrics::default();
        let stopping = CancellationToken::new();
        let mut config = ApiConfig {
            bind: ([127, 0, 0, 1], 0).into(),
            tokens: Vec::new(),
            cors_origins: Vec::new(),
            rate_limit: 0,
            body_limit: 1 << 20,
        };
        change(&mut config);
        let parts = Parts {
            store: database.store.clone(),
            validator: Arc::new(Validator::new(contract::document(), mode).unwrap()),
            upcasters: lockstep::processors::upcasters().unwrap(),
            metrics: metrics.clone(),
            stopping: stopping.clone(),
        };
        let log = Logger::root(slog::Discard, slog::o!());
        Self {
            database,
            metrics,
            stopping,
            server: serve(config, parts, &log).await.unwrap(),
            http: reqwest::Client::new(),
        }
    }

    pub(crate) fn address(&self) -> std::net::SocketAddr {
        self.server.local_addr()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address())
    }

    /// The generated client.
    pub(crate) fn client(&self) -> Client {
        Lockstep::new(self.url("")).client().unwrap()
    }

    /// A request as somebody else's program would make it.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, self.url(path))
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    /// Sends text as JSON.
    pub(crate) async fn post(&self, path: &str, body: impl Into<reqwest::Body>) -> Answer {
        let request = self.request(Method::POST, path).body(body);
        self.send(request.header("content-type", "application/json"))
            .await
    }

    pub(crate) async fn send(&self, request: RequestBuilder) -> Answer {
        Answer::read(request.send().await.unwrap()).await
    }

    /// What a stopping program does first.
    pub(crate) fn stop_traffic(&self) {
        self.stopping.cancel();
    }

    /// Closes everything. The database's counters must be right.
    pub(crate) async fn close(self) {
        assert!(
            self.server.close(Duration::from_secs(10)).await,
            "requests were left unanswered"
        );
        self.database.close().await;
    }

    /// Stops the server alone. True when every request was answered.
    pub(crate) async fn close_within(self, deadline: Duration) -> bool {
        self.server.close(deadline).await
    }
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    async fn read(response: Response) -> Self {
        Self {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            text: response.text().await.unwrap(),
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    /// The error code, of an answer that has the shape of every failure.
    #[track_caller]
    pub(crate) fn code(&self) -> String {
        let body = self.json();
        assert!(body["message"].is_string(), "{body}");
        assert_eq!(
            body["request_id"].as_str(),
            self.header("x-request-id"),
            "{body}"
        );
        body["error_code"].as_str().unwrap_or_default().to_owned()
    }

    /// The places that the errors name.
    #[track_caller]
    pub(crate) fn pointers(&self) -> Vec<String> {
        assert_eq!(
            (self.status, self.code().as_str()),
            (400, "invalid_request"),
            "{self:?}"
        );
        let body = self.json();
        let errors = body["errors"].as_array().into_iter().flatten();
        errors
            .map(|error| error["pointer"].as_str().unwrap().to_owned())
            .collect()
    }
}

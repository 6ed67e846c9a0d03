//! Owns running one operation: its types, its handler's outcome, contained panics, log line and metrics.
//! Must not know: any concrete operation.

use std::{
    fmt::Debug, marker::PhantomData, panic::AssertUnwindSafe, sync::Arc, thread, time::Instant,
};

use dropshot::{
    ApiEndpoint, ApiEndpointParameter, ApiEndpointResponse, Body, ErrorStatusCode, ExtensionMode,
    HttpError, HttpResponse, HttpResponseError, RequestContext,
};
use futures::{
    FutureExt, TryFutureExt,
    future::{self, Either},
};
use http::StatusCode;
use schemars::{JsonSchema, r#gen::SchemaGenerator, schema::Schema};
use serde::{Serialize, Serializer, de::DeserializeOwned};
use serde_json::{Map, Value};
use slog::{error, info};

use super::{
    context::ApiContext,
    error::panicked,
    extract::Received,
    idempotency::Key,
    reply::{Failure, Reply},
};
use crate::metrics::Metrics;

/// One operation of the contract. Implemented by generated markers only.
pub(crate) trait Operation: Sized + Send + Sync + 'static {
    const ID: &'static str;
    /// Whether a caller must prove who it is.
    const SECURED: bool;
    /// Whether it only reads (RFC 9110 §9.2.1): there is nothing to finish when the caller has gone away.
    const SAFE: bool;
    /// Whether it takes an Idempotency-Key.
    const IDEMPOTENT: bool;
    /// The error statuses that the contract declares.
    const ERRORS: &'static [u16];
    type Path: DeserializeOwned + Debug + Send + Sync;
    type Query: DeserializeOwned + Debug + Send + Sync;
    type Header: DeserializeOwned + Debug + Send + Sync;
    type Body: DeserializeOwned + Debug + Send + Sync;
    type Success: Into<Reply> + From<Reply> + Send + 'static;
    /// Stands for the error schema in the document.
    type Error: JsonSchema;

    fn parameters() -> Vec<ApiEndpointParameter>;
    fn extension() -> ExtensionMode {
        ExtensionMode::None
    }
    fn response() -> ApiEndpointResponse;

    /// What answers it.
    fn run(
        context: &ApiContext,
        input: Input<Self>,
    ) -> impl Future<Output = Result<Self::Success, Failure>> + Send;
}

/// A request that has passed: typed, and for the body also as JSON, since types cannot tell null from absent.
pub(crate) struct Input<O: Operation> {
    pub path: O::Path,
    pub query: O::Query,
    pub header: O::Header,
    pub body: O::Body,
    pub json: Value,
    /// In flexible mode: what the contract does not name.
    pub additional: Option<Map<String, Value>>,
    /// The caller's key, if it named one.
    pub key: Option<Key>,
}

/// Answers what `receive` makes of the request: to its end, log line and count included, also when the caller hangs up,
/// unless it only reads.
pub(super) fn answer<O: Operation>(
    request: RequestContext<Arc<ApiContext>>,
    receive: impl FnOnce(&RequestContext<Arc<ApiContext>>) -> Received<O> + Send + 'static,
) -> impl Future<Output = Result<Answer<O>, Failed<O>>> + Send {
    // Before the block takes the request.
    let finishing = (!O::SAFE).then(|| request.context().finishing.clone());
    // A block: an `async fn` would keep its arguments a second time beside what it makes of them.
    let answered = async move {
        let context = request.context();
        let Received { input, began } = receive(&request);
        let mut told = Told::<O> {
            request: &request,
            began,
            status: HUNG_UP,
            operation: PhantomData,
        };
        // A refusal, or the handler, which may do something before its future is polled. In a box: what is around it is moved
        // some times before it runs, with all that it holds, and is slower to allocate above 1,024 bytes (decision 23).
        let run = Box::pin(future::ready(input).and_then(|input| O::run(context, input)));
        let outcome = contained(&context.metrics, run).await;
        let reply = match outcome {
            Ok(success) => success.into(),
            Err(failure) => failed::<O>(context, &request, failure),
        };
        told.status = reply.status().as_u16();
        drop(told);
        let mut response = reply.into_response();
        let asked = request.request.headers();
        context.cors.allow(asked, response.headers_mut());
        Ok(Answer {
            response,
            operation: PhantomData,
        })
    };
    let Some(finishing) = finishing else {
        return Either::Left(answered);
    };
    Either::Right(finishing.spawn(answered).map(|answer| {
        answer.unwrap_or_else(|error| Err(HttpError::for_internal_error(error.to_string()).into()))
    }))
}

/// What metrics and log have for a request whose caller did not wait for the answer, as nginx has.
const HUNG_UP: u16 = 499;

/// Tells metrics and log of a request when it ends, however it ends.
struct Told<'r, O: Operation> {
    request: &'r RequestContext<Arc<ApiContext>>,
    began: Instant,
    status: u16,
    operation: PhantomData<O>,
}

impl<O: Operation> Drop for Told<'_, O> {
    fn drop(&mut self) {
        let (request, status) = (self.request, self.status);
        let (context, elapsed) = (request.context(), self.began.elapsed().as_secs_f64());
        context.metrics.http_request(O::ID, status, elapsed);
        let how = if status == HUNG_UP {
            "request left by its caller"
        } else {
            "request answered"
        };
        info!(context.log, "{}", how;
            "request_id" => &request.request_id, "method" => request.request.method().as_str(),
            "operation" => O::ID, "status" => status, "duration_ms" => elapsed * 1000.0);
    }
}

/// A failure's cause is logged here and nowhere else.
fn failed<O: Operation>(
    context: &ApiContext,
    request: &RequestContext<Arc<ApiContext>>,
    failure: Failure,
) -> Reply {
    // The contract declares every status that an operation answers with; a test that meets another one stops here.
    debug_assert!(
        O::ERRORS.contains(&failure.status),
        "{} answers {}, which the contract does not declare",
        O::ID,
        failure.status
    );
    if failure.status >= 500 {
        error!(context.log, "request failed"; "request_id" => &request.request_id,
            "status" => failure.status, "error" => failure.cause.as_deref().unwrap_or(&failure.message));
    }
    failure.into_reply(&request.request_id)
}

/// A panic is a failure like any other: Dropshot by itself would hang up without an answer.
pub(super) async fn contained<T>(
    metrics: &Metrics,
    run: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    caught(metrics, AssertUnwindSafe(run).catch_unwind().await)
}

/// The same of what has ended.
pub(super) fn caught<T>(
    metrics: &Metrics,
    outcome: thread::Result<Result<T, Failure>>,
) -> Result<T, Failure> {
    outcome.unwrap_or_else(|panic| {
        metrics.panicked("api");
        let text = panic.downcast_ref::<&str>().copied();
        let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        Err(panicked(text.unwrap_or("without a word")))
    })
}

/// A finished answer that documents itself as the operation's success. Failures leave this way too: Dropshot's own
/// error path has no headers and one shape.
#[derive(Debug)]
pub(super) struct Answer<O> {
    response: http::Response<Body>,
    operation: PhantomData<O>,
}

impl<O: Operation> HttpResponse for Answer<O> {
    fn to_result(self) -> Result<http::Response<Body>, HttpError> {
        Ok(self.response)
    }

    fn response_metadata() -> ApiEndpointResponse {
        O::response()
    }

    fn status_code(&self) -> StatusCode {
        self.response.status()
    }
}

/// Documents the operation's error schema. Only Dropshot itself ever makes one, and our extractor never fails.
pub(crate) struct Failed<O>(HttpError, PhantomData<O>);

impl<O> Debug for Failed<O> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Failed").field(&self.0).finish()
    }
}

impl<O> std::fmt::Display for Failed<O> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(&self.0, f)
    }
}

impl<O> From<HttpError> for Failed<O> {
    fn from(error: HttpError) -> Self {
        Self(error, PhantomData)
    }
}

impl<O: Operation> HttpResponseError for Failed<O> {
    fn status_code(&self) -> ErrorStatusCode {
        self.0.status_code
    }
}

impl<O> Serialize for Failed<O> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serde_json::json!({ "message": self.0.external_message }).serialize(serializer)
    }
}

impl<O: Operation> JsonSchema for Failed<O> {
    fn schema_name() -> String {
        O::Error::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        O::Error::json_schema(generator)
    }
}

/// Gives the endpoint what only the operation knows.
pub(super) fn endpoint<O: Operation>(
    mut endpoint: ApiEndpoint<Arc<ApiContext>>,
) -> ApiEndpoint<Arc<ApiContext>> {
    endpoint.parameters = O::parameters();
    endpoint.extension_mode = O::extension();
    endpoint
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_becomes_a_counted_failure_that_keeps_its_words_for_the_log() {
        let metrics = Metrics::default();
        let name = "ada";
        let run = async { panic!("secret of {name}") };
        let failure = contained::<()>(&metrics, run).await.unwrap_err();
        assert_eq!(failure.status, 500);
        assert!(failure.cause.as_deref().unwrap().contains("secret of ada"));
        assert!(!failure.message.contains("secret"));
        let counted = metrics.encode(&[]);
        assert!(
            counted.contains(r#"panics_total{component="api"} 1"#),
            "{counted}"
        );
    }

    #[tokio::test]
    async fn what_does_not_panic_passes() {
        let metrics = Metrics::default();
        assert_eq!(contained(&metrics, async { Ok(7) }).await.unwrap(), 7);
        assert!(!metrics.encode(&[]).contains("panics_total{"));
    }
}

//! Owns what is served beside the contract: metrics, the document and a page to read it, CORS preflights.
//! None of it is JSON of the contract's, so none of it is in the document.

use std::sync::Arc;

use dropshot::{
    ApiDescription, ApiDescriptionRegisterError, ApiEndpoint, ApiEndpointVersions, Body, HttpError,
    RequestContext,
};
use http::{Method, Response, StatusCode};

use super::{
    context::ApiContext,
    document::{Holder, Place},
    event_stream,
    operation::Operation,
};
use crate::contract;

type Request = RequestContext<Arc<ApiContext>>;

const PAGE: &str = include_str!("docs.html");
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
     frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

pub(super) fn register(
    description: &mut ApiDescription<Arc<ApiContext>>,
) -> Result<(), ApiDescriptionRegisterError> {
    description.register(hidden("metrics", Method::GET, "/metrics", metrics))?;
    description.register(hidden(
        "event_stream",
        Method::GET,
        "/events/stream",
        event_stream::serve,
    ))?;
    description.register(hidden(
        "openapi_json",
        Method::GET,
        "/openapi.json",
        document,
    ))?;
    description.register(hidden("docs", Method::GET, "/docs", docs))?;
    description.register(hidden("docs_script", Method::GET, "/docs.js", script))?;
    description.register(hidden("docs_style", Method::GET, "/docs.css", style))?;
    Ok(())
}

fn hidden<F, Fut>(id: &str, method: Method, path: &str, handler: F) -> ApiEndpoint<Arc<ApiContext>>
where
    F: Fn(Request) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Response<Body>, HttpError>> + Send + 'static,
{
    let json = dropshot::CONTENT_TYPE_JSON;
    ApiEndpoint::new(
        id.to_owned(),
        handler,
        method,
        json,
        path,
        ApiEndpointVersions::All,
    )
    .visible(false)
}

/// The OPTIONS of a path, which `O` is an operation of. Registered only where there are origins: without them the method
/// is not known, as for any other.
pub(super) fn preflight<O: Operation>(path: &str) -> ApiEndpoint<Arc<ApiContext>> {
    let id = format!(
        "options_{}",
        path.replace(|c: char| !c.is_alphanumeric(), "_")
    );
    let mut endpoint = hidden(&id, Method::OPTIONS, path, |request: Request| async move {
        Ok(allow(&request))
    });
    // They do not matter to a preflight, but Dropshot wants a path's variables taken, by their names.
    endpoint.parameters = Place::<O, dropshot::Path<Holder>>::parameters();
    endpoint
}

fn allow(request: &Request) -> Response<Body> {
    let cors = &request.context().cors;
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    if cors.allow(request.request.headers(), response.headers_mut()) {
        let headers = response.headers_mut();
        let allowed = [
            ("access-control-allow-methods", "GET, POST, PATCH, DELETE"),
            (
                "access-control-allow-headers",
                "Authorization, Content-Type, If-Match",
            ),
            ("access-control-max-age", "600"),
        ];
        for (name, value) in allowed {
            headers.insert(name, http::HeaderValue::from_static(value));
        }
    }
    response
}

async fn metrics(request: Request) -> Result<Response<Body>, HttpError> {
    let context = request.context();
    let from = request.request.remote_addr().ip();
    if let Err(failure) = context.admit(from, request.request.headers()) {
        return Ok(failure.into_reply(&request.request_id).into_response());
    }
    // Without the database there are no counts, and all other metrics still matter.
    let counts = context.store.job_counts().await.unwrap_or_default();
    text(
        "application/openmetrics-text; version=1.0.0; charset=utf-8",
        context.metrics.encode(&counts),
    )
}

async fn document(_: Request) -> Result<Response<Body>, HttpError> {
    text("application/json", contract::DOCUMENT_JSON)
}

async fn docs(_: Request) -> Result<Response<Body>, HttpError> {
    text("text/html; charset=utf-8", PAGE)
}

async fn script(_: Request) -> Result<Response<Body>, HttpError> {
    text("text/javascript; charset=utf-8", include_str!("docs.js"))
}

async fn style(_: Request) -> Result<Response<Body>, HttpError> {
    text("text/css; charset=utf-8", include_str!("docs.css"))
}

fn text(content_type: &str, body: impl Into<Body>) -> Result<Response<Body>, HttpError> {
    let response = Response::builder()
        .header("content-type", content_type)
        .header("x-content-type-options", "nosniff")
        .header("cache-control", "no-store")
        .header("referrer-policy", "no-referrer")
        .header("content-security-policy", PAGE_POLICY);
    Ok(response.body(body.into())?)
}

//! Owns reading a request: who calls, how often, the body once, every fault at once. Never fails: what is wrong is
//! an answer like any other. Must not know: what the operation does.

use std::{
    any::Any,
    net::IpAddr,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use dropshot::{
    ApiEndpointBodyContentType, Body, ExclusiveExtractor, ExtensionMode, ExtractorMetadata,
    HttpError, RequestContext, ServerContext,
};
use http::{
    HeaderMap, Request, Uri,
    header::{CONTENT_ENCODING, CONTENT_LENGTH, EXPECT},
    request::Parts,
};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::Deserialize;

use super::{
    auth::Caller,
    context::ApiContext,
    error::{encoded, invalid, too_large},
    idempotency::Key,
    operation::{Input, Operation, caught, contained},
    reply::Failure,
};
use crate::{
    model::Fault,
    validation::{Checked, RawRequest},
};

/// A body that has not come by then will not come.
const BODY_DEADLINE: Duration = Duration::from_secs(30);

/// What was made of a request.
pub(super) struct Received<O: Operation> {
    pub(super) input: Result<Input<O>, Failure>,
    pub(super) began: Instant,
}

impl<O: Operation> Received<O> {
    /// Of an operation without a body: it begins now, and is read by who answers it. There is nothing to wait for.
    pub(super) fn later() -> impl FnOnce(&RequestContext<Arc<ApiContext>>) -> Self + Send + 'static
    {
        let began = Instant::now();
        move |request| {
            let (context, asked) = (request.context(), &request.request);
            let from = asked.remote_addr().ip();
            let input = catch_unwind(AssertUnwindSafe(|| {
                without_body::<O>(context, from, asked.uri(), asked.headers())
            }));
            let input = caught(&context.metrics, input);
            Self { input, began }
        }
    }
}

/// The one extractor: of every operation with a body.
#[async_trait]
impl<O: Operation> ExclusiveExtractor for Received<O> {
    async fn from_request<Context: ServerContext>(
        rqctx: &RequestContext<Context>,
        request: Request<Body>,
    ) -> Result<Self, HttpError> {
        let began = Instant::now();
        let from = rqctx.request.remote_addr().ip();
        let context: &dyn Any = rqctx.context();
        let Some(context) = context.downcast_ref::<Arc<ApiContext>>() else {
            let error = "the server has another context".to_owned();
            return Err(HttpError::for_internal_error(error));
        };
        let (head, body) = request.into_parts();
        let input = with_body::<O>(context, from, &head, body);
        let input = contained(&context.metrics, input).await;
        Ok(Self { input, began })
    }

    /// The endpoint knows its parameters (operation.rs).
    fn metadata(_: ApiEndpointBodyContentType) -> ExtractorMetadata {
        ExtractorMetadata {
            extension_mode: ExtensionMode::None,
            parameters: Vec::new(),
        }
    }
}

/// What an operation without a body takes. Also for what is beside the contract and takes the same.
pub(super) fn without_body<O: Operation>(
    context: &ApiContext,
    from: IpAddr,
    uri: &Uri,
    headers: &HeaderMap,
) -> Result<Input<O>, Failure> {
    let caller = admitted::<O>(context, from, headers)?;
    input::<O>(context, caller, uri, headers, None)
}

async fn with_body<O: Operation>(
    context: &ApiContext,
    from: IpAddr,
    head: &Parts,
    body: Body,
) -> Result<Input<O>, Failure> {
    let Parts { uri, headers, .. } = head;
    let caller = admitted::<O>(context, from, headers)?;
    let body = read(headers, body, context.body_limit).await?;
    input::<O>(context, caller, uri, headers, Some(&body))
}

/// Who calls is known before anything of its body is read.
fn admitted<O: Operation>(
    context: &ApiContext,
    from: IpAddr,
    headers: &HeaderMap,
) -> Result<Caller, Failure> {
    if O::SECURED {
        context.admit(from, headers)
    } else {
        Ok(None)
    }
}

fn input<O: Operation>(
    context: &ApiContext,
    caller: Caller,
    uri: &Uri,
    headers: &HeaderMap,
    body: Option<&[u8]>,
) -> Result<Input<O>, Failure> {
    let raw = RawRequest {
        path: uri.path(),
        // An operation that cannot answer 400 ignores what it does not know.
        query: uri.query().filter(|_| O::ERRORS.contains(&400)),
        headers,
        body,
    };
    let checked = context.validator.request(O::ID, &raw).map_err(invalid)?;
    let key = O::IDEMPOTENT
        .then(|| Key::of(O::ID, caller, headers, uri, body.unwrap_or_default()))
        .flatten();
    typed(checked, key)
}

async fn read(headers: &HeaderMap, body: Body, limit: usize) -> Result<bytes::Bytes, Failure> {
    let identity =
        |encoding: &http::HeaderValue| encoding.as_bytes().eq_ignore_ascii_case(b"identity");
    if !headers.get_all(CONTENT_ENCODING).iter().all(identity) {
        return Err(encoded());
    }
    // Who asks before sending is spared sending in vain. Who does not ask is read up to the limit: a client that is
    // cut off while it still writes may never see the answer.
    if headers.contains_key(EXPECT) && announced(headers).is_some_and(|length| length > limit) {
        return Err(too_large(limit));
    }
    let collected = tokio::time::timeout(BODY_DEADLINE, Limited::new(body, limit).collect()).await;
    match collected {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large(limit)),
        Ok(Err(_)) => Err(invalid(vec![Fault::new(
            "/body",
            "the body could not be read to its end",
        )])),
        Err(_) => Err(invalid(vec![Fault::new(
            "/body",
            "the body did not arrive within 30 seconds",
        )])),
    }
}

fn announced(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Checked values become types. What the schemas cannot say but the types ask for is a fault of the request too.
fn typed<O: Operation>(checked: Checked<'_>, key: Option<Key>) -> Result<Input<O>, Failure> {
    let Checked {
        path,
        query,
        header,
        body,
        additional,
    } = checked;
    Ok(Input {
        path: path.typed().map_err(|_| broken("/path"))?,
        query: query.typed().map_err(|_| broken("/query"))?,
        header: header.typed().map_err(|_| broken("/header"))?,
        body: O::Body::deserialize(&body).map_err(|_| broken("/body"))?,
        json: body,
        additional,
        key,
    })
}

fn broken(pointer: &str) -> Failure {
    invalid(vec![Fault::new(pointer, "breaks the contract")])
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: usize = 8;

    async fn status(headers: &[(http::HeaderName, &'static str)], body: &'static str) -> u16 {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name, http::HeaderValue::from_static(value));
        }
        let read = read(&map, Body::from(body.to_owned()), LIMIT).await;
        read.map_or_else(|failure| failure.status, |_| 200)
    }

    #[tokio::test]
    async fn every_content_encoding_must_be_identity() {
        let encoding = |value| (CONTENT_ENCODING, value);
        assert_eq!(status(&[], "{}").await, 200);
        assert_eq!(status(&[encoding("Identity")], "{}").await, 200);
        assert_eq!(status(&[encoding("gzip")], "{}").await, 415);
        assert_eq!(status(&[encoding("identity, gzip")], "{}").await, 415);
        let twice = [encoding("identity"), encoding("gzip")];
        assert_eq!(status(&twice, "{}").await, 415);
    }

    #[tokio::test]
    async fn a_body_is_read_up_to_the_limit() {
        assert_eq!(status(&[], "12345678").await, 200);
        assert_eq!(status(&[], "123456789").await, 413);
    }

    /// The body here is short: the announcement alone is refused, before anything is read.
    #[tokio::test]
    async fn who_asks_first_need_not_send_what_is_too_large() {
        let asks = (EXPECT, "100-continue");
        assert_eq!(
            status(&[asks.clone(), (CONTENT_LENGTH, "9")], "1").await,
            413
        );
        assert_eq!(
            status(&[asks, (CONTENT_LENGTH, "8")], "12345678").await,
            200
        );
        assert_eq!(status(&[(CONTENT_LENGTH, "9")], "1").await, 200);
    }
}

//! Owns what goes out: a status, headers and a JSON body; and the one shape of every failure.
//! Must not know: which operation it was, or status codes of the domain's errors (error.rs).

use dropshot::Body;
use http::{
    HeaderMap, HeaderName, HeaderValue, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS},
};
use serde::Serialize;

use crate::{contract::types::ErrorCode, model::Fault, store::StoredAnswer};

/// What every answer says. From OWASP's list for JSON (REST Security Cheat Sheet, "Security Headers"); what only a page
/// has a use for, such as `Referrer-Policy`, is said of pages (unpublished.rs).
const ALWAYS: [(HeaderName, HeaderValue); 3] = [
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
];
const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// Those of every answer with a body: its type, Dropshot's request id, and what every answer says.
const COMMON: usize = 5;

/// An answer on its way out.
#[derive(Debug)]
pub(crate) struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    body: Option<Vec<u8>>,
}

impl Reply {
    /// A JSON body. The wire types always serialise; if one did not, the answer is 500. `own` headers are going to be
    /// added.
    pub(crate) fn json(status: u16, own: usize, body: &impl Serialize) -> Self {
        let body = serde_json::to_vec(body);
        let status = if body.is_ok() { status } else { 500 };
        Self {
            body: Some(body.unwrap_or_default()),
            ..Self::empty(status, own)
        }
    }

    /// A body that was written before.
    pub(super) fn text(status: u16, own: usize, body: String) -> Option<Self> {
        StatusCode::from_u16(status).ok()?;
        Some(Self {
            body: (!body.is_empty()).then(|| body.into_bytes()),
            ..Self::empty(status, own)
        })
    }

    /// As it can be kept.
    pub(super) fn stored(&self) -> StoredAnswer {
        let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers = self.headers.iter();
        StoredAnswer {
            status: self.status.as_u16(),
            headers: headers
                .map(|(name, value)| (name.to_string(), text(value)))
                .collect(),
            body: String::from_utf8_lossy(self.body.as_deref().unwrap_or_default()).into_owned(),
        }
    }

    pub(crate) fn empty(status: u16, own: usize) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self {
            status,
            // All of them but CORS's, which most servers have none of: a map that grows is built anew.
            headers: HeaderMap::with_capacity(COMMON + own),
            body: None,
        }
    }

    /// A value that cannot be written is left out: none of ours has control characters.
    pub(crate) fn header(mut self, name: HeaderName, value: impl TryInto<HeaderValue>) -> Self {
        if let Ok(value) = value.try_into() {
            self.headers.append(name, value);
        }
        self
    }

    pub(super) fn status(&self) -> StatusCode {
        self.status
    }

    pub(super) fn into_response(self) -> http::Response<Body> {
        let mut headers = self.headers;
        // Nobody has set them before: a contract that declares one is refused (codegen/lint_operation.rs).
        for (name, value) in ALWAYS {
            headers.append(name, value);
        }
        if self.body.is_some() {
            headers.append(CONTENT_TYPE, JSON);
        }
        let mut response = http::Response::new(self.body.map_or_else(Body::empty, Body::from));
        *response.status_mut() = self.status;
        *response.headers_mut() = headers;
        response
    }
}

/// Why an operation did not succeed.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(super) status: u16,
    pub(super) code: ErrorCode,
    pub(super) message: String,
    pub(super) faults: Vec<Fault>,
    pub(super) headers: Vec<(HeaderName, String)>,
    /// A body of the operation's own in place of the usual shape.
    pub(super) body: Option<Box<serde_json::Value>>,
    /// For the log, never for the caller.
    pub(super) cause: Option<String>,
}

impl Failure {
    pub(super) fn new(status: u16, code: ErrorCode, message: impl Into<String>) -> Self {
        let message = message.into();
        Self {
            status,
            code,
            message,
            faults: Vec::new(),
            headers: Vec::new(),
            body: None,
            cause: None,
        }
    }

    pub(super) fn header(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(super) fn because(mut self, cause: impl Into<String>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    pub(super) fn into_reply(self, request_id: &str) -> Reply {
        let own = self.headers.len();
        let reply = match &self.body {
            Some(body) => Reply::json(self.status, own, body),
            None => Reply::json(self.status, own, &self.shape(request_id)),
        };
        self.headers
            .into_iter()
            .fold(reply, |reply, (name, value)| reply.header(name, value))
    }

    /// The contract's `Error`. Written by hand: its generated type would refuse an over-long message instead of
    /// answering.
    fn shape(&self, request_id: &str) -> impl Serialize {
        #[derive(Serialize)]
        struct Shape {
            request_id: String,
            error_code: ErrorCode,
            message: String,
            #[serde(skip_serializing_if = "Vec::is_empty")]
            errors: Vec<Place>,
        }
        #[derive(Serialize)]
        struct Place {
            pointer: String,
            message: String,
        }
        let cut = |text: &str, most: usize| text.chars().take(most).collect::<String>();
        let errors = self.faults.iter().take(100).map(|fault| Place {
            pointer: cut(&fault.pointer, 1000),
            message: cut(&fault.message, 1000),
        });
        Shape {
            request_id: request_id.to_owned(),
            error_code: self.code,
            message: cut(&self.message, 2000),
            errors: errors.collect(),
        }
    }
}

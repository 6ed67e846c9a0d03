//! Owns the limit of `lockstep bench http`: the least that Dropshot does for a request of the same outcome. No contract, no
//! validation beyond types, no log, no metrics.
//! Must not know: our operations, or what is measured.

use std::{net::SocketAddr, sync::Arc};

use dropshot::{
    ApiDescription, ConfigDropshot, HandlerTaskMode, HttpError, HttpResponseCreated,
    HttpResponseOk, HttpServer, RequestContext, ServerBuilder, TypedBody, endpoint,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use slog::{Discard, Logger, o};

use super::ApiStartError;
use crate::store::bench::{Caller, Item};

type Context = Arc<Caller>;

/// A running bare server.
pub struct BareServer(HttpServer<Context>);

impl std::fmt::Debug for BareServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("BareServer")
            .field(&self.0.local_addr())
            .finish()
    }
}

impl BareServer {
    /// Listens on a free port of loopback: `GET /hello` says hello, `POST /users` has `caller` store a user and a job.
    pub fn start(caller: Caller) -> Result<Self, ApiStartError> {
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut description = ApiDescription::<Context>::new();
        description.register(hello)?;
        description.register(create)?;
        let settings = ConfigDropshot {
            bind_address: address,
            default_handler_task_mode: HandlerTaskMode::Detached,
            ..ConfigDropshot::default()
        };
        let quiet = Logger::root(Discard, o!());
        let server = ServerBuilder::new(description, Arc::new(caller), quiet)
            .config(settings)
            .start()
            .map_err(|source| ApiStartError::Listen { address, source })?;
        Ok(Self(server))
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.0.local_addr()
    }

    /// Closes connections that nobody uses any more, and lets the caller go.
    pub async fn close(self) {
        // Nothing is left to be answered.
        let _ = self.0.close().await;
    }
}

/// What a request gives.
#[derive(Deserialize, JsonSchema)]
struct Given {
    email: String,
    age: i32,
    name: String,
}

/// What is answered.
#[derive(Serialize, JsonSchema)]
struct Created {
    id: i64,
    email: String,
    age: i32,
    name: String,
    is_active: bool,
}

/// Nothing but HTTP.
#[endpoint { method = GET, path = "/hello" }]
async fn hello(_: RequestContext<Context>) -> Result<HttpResponseOk<&'static str>, HttpError> {
    Ok(HttpResponseOk("hello"))
}

/// A body, a commit, an answer.
#[endpoint { method = POST, path = "/users" }]
async fn create(
    request: RequestContext<Context>,
    body: TypedBody<Given>,
) -> Result<HttpResponseCreated<Created>, HttpError> {
    let Given { email, age, name } = body.into_inner();
    let item = Item::User {
        email: email.clone(),
        age,
        name: name.clone(),
    };
    let stored = request.context().store(item).await;
    let id = stored.map_err(|error| HttpError::for_internal_error(error.to_string()))?;
    Ok(HttpResponseCreated(Created {
        id,
        email,
        age,
        name,
        is_active: true,
    }))
}

//! Owns the listening server: from configuration to a running Dropshot, and a stop that always ends.
//! Must not know: operations.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use dropshot::{
    ApiDescription, ApiDescriptionRegisterError, ConfigDropshot, EndpointTagPolicy,
    HandlerTaskMode, HttpServer, ServerBuilder, TagConfig, TagDetails,
};
use slog::{Drain, Level, LevelFilter, Logger, o};

use super::{
    context::{ApiContext, Parts},
    log::WithoutUri,
    operations, unpublished,
};
use crate::contract;

/// How to serve.
#[derive(Debug, Clone)]
pub struct ApiConfig {
    /// Port 0 is any free one.
    pub bind: SocketAddr,
    /// Bearer tokens that may call; none: everyone may.
    pub tokens: Vec<String>,
    /// Origins of web pages whose scripts may call; none by default.
    pub cors_origins: Vec<String>,
    /// Requests per second and caller; 0 is no limit.
    pub rate_limit: u32,
    /// Largest body, in bytes.
    pub body_limit: usize,
}

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
pub enum ApiStartError {
    /// Dropshot refused an operation: a fault of the contract or of this program.
    #[error("an operation cannot be registered")]
    Register(#[from] ApiDescriptionRegisterError),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        address: SocketAddr,
        #[source]
        source: dropshot::BuildError,
    },
}

/// A running server.
pub struct ApiServer {
    server: HttpServer<Arc<ApiContext>>,
}

impl std::fmt::Debug for ApiServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ApiServer")
            .field("local_addr", &self.local_addr())
            .finish()
    }
}

impl ApiServer {
    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.server.local_addr()
    }

    /// Stops listening and waits for requests under way, but not longer than `deadline`: Dropshot itself would wait
    /// for a half-sent body for ever. True when all were answered.
    pub async fn close(self, deadline: Duration) -> bool {
        let context = Arc::clone(self.server.app_private());
        context.stopping.cancel();
        context.finishing.close();
        let answered = async {
            let closed = self.server.close().await;
            context.finishing.wait().await;
            closed
        };
        tokio::time::timeout(deadline, answered).await.is_ok()
    }
}

/// Every operation of the contract, and what is served beside it.
pub(super) fn description(
    preflights: bool,
) -> Result<ApiDescription<Arc<ApiContext>>, ApiDescriptionRegisterError> {
    let mut description = ApiDescription::new().tag_config(tags());
    operations::register(&mut description)?;
    unpublished::register(&mut description)?;
    if preflights {
        operations::register_preflights(&mut description)?;
    }
    Ok(description)
}

fn tags() -> TagConfig {
    let declared = contract::document()["tags"]
        .as_array()
        .into_iter()
        .flatten();
    let tags = declared.map(|tag| {
        let text = |key: &str| tag[key].as_str().map(str::to_owned);
        let details = TagDetails {
            description: text("description"),
            external_docs: None,
        };
        (text("name").unwrap_or_default(), details)
    });
    TagConfig {
        allow_other_tags: false,
        policy: EndpointTagPolicy::Any,
        tags: tags.collect(),
    }
}

/// Starts to listen.
pub async fn serve(
    config: ApiConfig,
    parts: Parts,
    log: &Logger,
) -> Result<ApiServer, ApiStartError> {
    let context = Arc::new(ApiContext::new(&config, parts, log));
    let description = description(!context.cors.is_off())?;
    let settings = ConfigDropshot {
        bind_address: config.bind,
        default_request_body_max_bytes: config.body_limit,
        // What must be finished is (operation.rs); a task for each request would cost a read an eighth of its time.
        default_handler_task_mode: HandlerTaskMode::CancelOnDisconnect,
        ..ConfigDropshot::default()
    };
    // Dropshot's own line per request repeats ours.
    let quiet = WithoutUri(log.new(o!("component" => "dropshot")));
    let quiet = LevelFilter::new(quiet, Level::Warning);
    let quiet = Logger::root(quiet.fuse(), o!());
    let server = ServerBuilder::new(description, context, quiet)
        .config(settings)
        .start()
        .map_err(|source| ApiStartError::Listen {
            address: config.bind,
            source,
        })?;
    Ok(ApiServer { server })
}

//! Owns what handlers and the extractor share.
//! Must not know: operations.

use std::{net::IpAddr, sync::Arc};

use http::HeaderMap;
use slog::{Logger, o};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    auth::{Caller, Tokens},
    cors::Cors,
    idempotency::InProgress,
    rate::RateLimit,
    reply::Failure,
    server::ApiConfig,
};
use crate::{
    contract, drift::Reader, metrics::Metrics, queue::Upcasters, store::Store,
    validation::Validator,
};

/// What the server is built on.
#[derive(Debug)]
pub struct Parts {
    pub store: Store,
    pub validator: Arc<Validator>,
    /// What the workers of this contract can read beside the current schemas.
    pub upcasters: Upcasters,
    pub metrics: Metrics,
    /// Cancelled when the server stops: `/readyz` answers 503, and whoever waits for something is answered at once.
    pub stopping: CancellationToken,
}

/// One per server.
#[derive(Debug)]
pub struct ApiContext {
    pub(super) store: Store,
    pub(super) validator: Arc<Validator>,
    pub(super) reader: Arc<Reader>,
    pub(super) metrics: Metrics,
    pub(super) tokens: Tokens,
    pub(super) rate: RateLimit,
    pub(super) cors: Cors,
    pub(super) body_limit: usize,
    pub(super) in_progress: InProgress,
    /// Requests that are answered to their end whether or not their caller is still there.
    pub(super) finishing: TaskTracker,
    pub(super) log: Logger,
    pub(super) stopping: CancellationToken,
}

impl ApiContext {
    pub(super) fn new(config: &ApiConfig, parts: Parts, log: &Logger) -> Self {
        let Parts {
            store,
            validator,
            upcasters,
            metrics,
            stopping,
        } = parts;
        Self {
            store,
            reader: Arc::new(Reader::of_contract(
                Arc::clone(&validator),
                contract::POLICIES,
                upcasters,
            )),
            validator,
            metrics,
            tokens: Tokens::new(&config.tokens),
            rate: RateLimit::new(config.rate_limit),
            cors: Cors::new(&config.cors_origins),
            body_limit: config.body_limit,
            in_progress: InProgress::default(),
            finishing: TaskTracker::new(),
            log: log.new(o!("component" => "api")),
            stopping,
        }
    }

    /// Lets a known caller in, not too often. Guesses at tokens count too: against the address that they come from.
    pub(super) fn admit(&self, from: IpAddr, headers: &HeaderMap) -> Result<Caller, Failure> {
        let who = self.tokens.check(headers);
        let caller = who.as_ref().ok().copied().flatten();
        self.rate.check(from, caller)?;
        who
    }

    pub(super) fn is_ready(&self) -> bool {
        !self.stopping.is_cancelled()
    }
}

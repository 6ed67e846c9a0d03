//! Owns the order in which the parts start.
//! Must not know: what the parts do.

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use slog::{Logger, info, o};
use tokio_util::sync::CancellationToken;

use super::{Running, StartError};
use crate::{
    api::{self, ApiConfig, ApiServer, Parts},
    clock::{Clock, SystemClock},
    config::{Config, Secret},
    contract,
    mail::{MailConfig, Mailer},
    metrics::Metrics,
    processors::{self, ExportConfig, reconciler},
    queue::{Runner, RunnerConfig, RunnerHandle},
    store::{Store, StoreConfig},
    validation::Validator,
};

/// Longest wait for the SMTP server per e-mail.
const MAIL_TIMEOUT: Duration = Duration::from_secs(30);
/// How often users without their job are looked for.
const RECONCILE_EVERY: Duration = Duration::from_secs(30);

/// What a process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// HTTP, with workers inside.
    ServeAndWork,
    /// HTTP alone.
    Serve,
    /// Workers alone.
    Work,
}

impl Role {
    const fn serves(self) -> bool {
        matches!(self, Self::ServeAndWork | Self::Serve)
    }

    const fn works(self) -> bool {
        matches!(self, Self::ServeAndWork | Self::Work)
    }
}

/// Starts what the role needs, on the machine's clock, and returns when all of it runs.
///
/// # Errors
/// The first part that does not start; what had started by then is stopped again.
pub async fn start(config: &Config, role: Role, log: &Logger) -> Result<Running, StartError> {
    start_at(config, role, Arc::new(SystemClock), log).await
}

/// The same on another clock.
pub async fn start_at(
    config: &Config,
    role: Role,
    clock: Arc<dyn Clock>,
    log: &Logger,
) -> Result<Running, StartError> {
    if role.serves() {
        config.check_exposure()?;
    }
    let metrics = Metrics::default();
    let store_config = StoreConfig {
        policies: contract::POLICIES,
        ..StoreConfig::new(config.database_url.clone())
    };
    let store = Store::open(&store_config, Arc::clone(&clock), log).await?;
    let runner = if role.works() {
        Some(start_runner(config, &store, &metrics, clock, log)?)
    } else {
        None
    };
    let stopping = CancellationToken::new();
    let api = if role.serves() {
        Some(start_api(config, &store, &metrics, &stopping, log).await?)
    } else {
        None
    };
    let reconciler = {
        let (store, log) = (store.clone(), log.new(o!("component" => "reconciler")));
        tokio::spawn(async move { reconciler::run(&store, RECONCILE_EVERY, &log).await })
    };
    announce(config, role, api.as_ref(), log);
    Ok(Running {
        stopping,
        api,
        runner,
        reconciler,
        store,
        drain: config.drain,
        log: log.clone(),
    })
}

fn start_runner(
    config: &Config,
    store: &Store,
    metrics: &Metrics,
    clock: Arc<dyn Clock>,
    log: &Logger,
) -> Result<RunnerHandle, StartError> {
    let mail = MailConfig {
        smtp_url: config.smtp_url.clone(),
        from: config.mail_from.clone(),
        outbox: config.outbox_dir.clone(),
        timeout: MAIL_TIMEOUT,
    };
    let mailer = Mailer::new(&mail, log)?;
    let export = ExportConfig {
        folder: config.export_dir.clone(),
    };
    let defaults = RunnerConfig::default();
    let runner = Runner {
        config: RunnerConfig {
            worker_count: config.worker_count,
            queues: config.queues.clone(),
            lease: config.lease,
            rescue: defaults.rescue.min(config.lease),
            ..defaults
        },
        store: store.clone(),
        registry: processors::registry(store, &mailer, export)
            .with_upcasters(processors::upcasters()?),
        metrics: metrics.clone(),
        clock,
        log: log.clone(),
    };
    runner.start().map_err(StartError::Workers)
}

async fn start_api(
    config: &Config,
    store: &Store,
    metrics: &Metrics,
    stopping: &CancellationToken,
    log: &Logger,
) -> Result<ApiServer, StartError> {
    let tokens = config.api_tokens.iter().map(Secret::expose);
    let settings = ApiConfig {
        bind: config.address(),
        tokens: tokens.map(str::to_owned).collect(),
        cors_origins: config.cors_origins.clone(),
        rate_limit: config.rate_limit.map_or(0, NonZeroU32::get),
        body_limit: config.body_limit,
    };
    let parts = Parts {
        store: store.clone(),
        validator: Arc::new(Validator::new(
            contract::document(),
            config.validation_mode,
        )?),
        upcasters: processors::upcasters()?,
        metrics: metrics.clone(),
        stopping: stopping.clone(),
    };
    Ok(api::serve(settings, parts, log).await?)
}

/// The one line that says where everything is; `listening` is what programs wait for.
fn announce(config: &Config, role: Role, api: Option<&ApiServer>, log: &Logger) {
    let listening = api.map_or_else(String::new, |api| format!("http://{}", api.local_addr()));
    let workers = if role.works() { config.worker_count } else { 0 };
    let mail = config.smtp_url.as_ref().map_or_else(
        || format!("outbox {}", config.outbox_dir.display()),
        |url| format!("smtp {}", url.server()),
    );
    info!(log, "ready";
        "listening" => listening,
        "database" => config.shown_database_url(),
        "workers" => workers,
        "mail" => mail,
        "validation_mode" => config.validation_mode.as_str(),
        "version" => env!("CARGO_PKG_VERSION"),
    );
}

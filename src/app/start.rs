//! Owns the order in which the parts start.
//! Must not know: what the parts do.

use std::{sync::Arc, time::Duration};

use slog::{Logger, info, o};

use super::{Running, StartError};
use crate::{
    clock::{Clock, SystemClock},
    config::Config,
    mail::{MailConfig, Mailer},
    metrics::Metrics,
    processors::{self, ExportConfig, reconciler},
    queue::{Runner, RunnerConfig, RunnerHandle},
    store::{Store, StoreConfig},
};

/// Longest wait for the SMTP server per e-mail.
const MAIL_TIMEOUT: Duration = Duration::from_secs(30);
/// How often users without their job are looked for.
const RECONCILE_EVERY: Duration = Duration::from_secs(30);

/// What a process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Workers alone. Serving HTTP comes with `api`.
    Work,
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
    let metrics = Metrics::default();
    let store_config = StoreConfig::new(config.database_url.clone());
    let store = Store::open(&store_config, Arc::clone(&clock), log).await?;
    let runner = match role {
        Role::Work => start_runner(config, &store, &metrics, clock, log)?,
    };
    let reconciler = {
        let (store, log) = (store.clone(), log.new(o!("component" => "reconciler")));
        tokio::spawn(async move { reconciler::run(&store, RECONCILE_EVERY, &log).await })
    };
    announce(config, log);
    Ok(Running {
        runner: Some(runner),
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
        registry: processors::registry(store, &mailer, export),
        metrics: metrics.clone(),
        clock,
        log: log.clone(),
    };
    runner.start().map_err(StartError::Workers)
}

/// The one line that says where everything is; `listening` is what programs wait for.
fn announce(config: &Config, log: &Logger) {
    let mail = config.smtp_url.as_ref().map_or_else(
        || format!("outbox {}", config.outbox_dir.display()),
        |url| format!("smtp {}", url.server()),
    );
    info!(log, "ready";
        "listening" => "",
        "database" => config.shown_database_url(),
        "workers" => config.worker_count,
        "mail" => mail,
        "validation_mode" => config.validation_mode.as_str(),
        "version" => env!("CARGO_PKG_VERSION"),
    );
}

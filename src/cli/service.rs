//! Owns `lockstep serve` and `lockstep worker`: from start to signal to stop.
//! Must not know: what is started.

use std::{io, path::Path};

use slog::{Logger, info};

use super::Failure;
use crate::{
    app::{self, Role, Running, Signals, StartError},
    config::{Config, Environment},
    log,
};

/// Runs until a signal asks to stop.
pub(super) fn run(
    config: &Config,
    role: Role,
    ready_file: Option<&Path>,
    environment: &Environment,
) -> Result<(), Failure> {
    let (log, guard) = log::to_stderr(config.log_level, config.log_format, !environment.no_color());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .thread_name("lockstep")
        .enable_all()
        .build()
        .map_err(|error| Failure::Io("cannot start".to_owned(), error))?;
    let outcome = runtime.block_on(serve(config, role, ready_file, &log));
    // A processor that blocks its thread must not keep the process from ending.
    runtime.shutdown_background();
    drop(log);
    drop(guard);
    outcome
}

async fn serve(
    config: &Config,
    role: Role,
    ready_file: Option<&Path>,
    log: &Logger,
) -> Result<(), Failure> {
    let mut signals = Signals::watch()
        .map_err(|error| Failure::Io("cannot watch for signals".to_owned(), error))?;
    let running = tokio::select! {
        running = app::start(config, role, log) => running?,
        signal = signals.next() => {
            info!(log, "stopped while starting"; "signal" => signal);
            return Ok(());
        }
    };
    if let Some(path) = ready_file
        && let Err(error) = announce(&running, path)
    {
        running.stop().await;
        return Err(Failure::Io(
            format!("cannot write {}", path.display()),
            error,
        ));
    }
    let signal = signals.next().await;
    info!(log, "stopping"; "signal" => signal, "drain_seconds" => config.drain.as_secs());
    let hurry = async {
        signals.next().await;
    };
    running.stop_unless(hurry).await;
    Ok(())
}

/// Whoever sees the file sees all of it.
fn announce(running: &Running, path: &Path) -> io::Result<()> {
    let url = running
        .local_addr()
        .map_or_else(String::new, |address| format!("http://{address}\n"));
    let mut draft = path.as_os_str().to_owned();
    draft.push(".new");
    std::fs::write(&draft, url)?;
    std::fs::rename(&draft, path)
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Config(error) => Self::Config(error),
            StartError::Store(error) => Self::of_store(error, "database"),
            error => Self::Unusable(super::failure::with_causes(&error)),
        }
    }
}

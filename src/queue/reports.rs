//! Owns what a run says of itself: progress and log lines, gathered and written at most once a second; checkpoints,
//! written at once. Bounds all of them.
//! Must not know: what the run does.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde::Serialize;
use slog::{Logger, warn};
use tokio::{
    sync::Notify,
    time::{sleep, timeout},
};

use super::{JobError, control::Lease, outcome::with_causes, runner::Runner};
use crate::{
    clock::Clock,
    model::{ClaimedJob, JobReport, LeaseState, LogLine},
    store::{Store, StoreError},
};

/// Longest checkpoint, in bytes of JSON.
pub const MAX_CHECKPOINT_BYTES: usize = 65_536;
/// Lines that are kept of one run. One more says how many were not.
pub const MAX_LOG_LINES: usize = 200;
/// Longest line, in characters.
pub const MAX_LINE_CHARS: usize = 1_000;
/// Longest message of a progress, in characters.
const MAX_MESSAGE_CHARS: usize = 500;

/// Between two writes of one run.
const EVERY: Duration = Duration::from_secs(1);
/// How long the last write may keep the outcome waiting.
const LAST: Duration = Duration::from_secs(2);

/// Of one run. Cheap to clone.
#[derive(Clone)]
pub(super) struct Reports(Arc<Inner>);

struct Inner {
    store: Store,
    clock: Arc<dyn Clock>,
    lease: Lease,
    /// Where the run before got to.
    checkpoint: Option<String>,
    pending: Mutex<Pending>,
    /// Held by a write.
    writing: tokio::sync::Mutex<()>,
    fresh: Notify,
}

/// What is not written yet.
#[derive(Default)]
struct Pending {
    report: JobReport,
    /// Lines of the run so far.
    lines: usize,
    dropped: usize,
}

impl fmt::Debug for Reports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Reports").field(&self.0.lease).finish()
    }
}

#[derive(Serialize)]
struct Progress {
    percent: f64,
    #[serde(skip_serializing_if = "String::is_empty")]
    message: String,
}

impl Reports {
    pub(super) fn new(runner: &Runner, job: &ClaimedJob) -> Self {
        Self(Arc::new(Inner {
            store: runner.store.clone(),
            clock: Arc::clone(&runner.clock),
            lease: (job.id, job.lease),
            checkpoint: job.checkpoint.clone(),
            pending: Mutex::default(),
            writing: tokio::sync::Mutex::default(),
            fresh: Notify::new(),
        }))
    }

    pub(super) fn last_checkpoint(&self) -> Option<&str> {
        self.0.checkpoint.as_deref()
    }

    pub(super) fn progress(&self, percent: f64, message: &str) {
        let percent = if percent.is_nan() { 0.0 } else { percent };
        let progress = Progress {
            percent: percent.clamp(0.0, 100.0),
            message: tame(message, MAX_MESSAGE_CHARS),
        };
        self.pending().report.progress = serde_json::to_string(&progress).ok();
        self.0.fresh.notify_one();
    }

    pub(super) fn log_line(&self, message: &str) {
        let mut pending = self.pending();
        if pending.lines >= MAX_LOG_LINES {
            pending.dropped += 1;
            return;
        }
        pending.lines += 1;
        let line = LogLine {
            at: self.0.clock.now(),
            message: tame(message, MAX_LINE_CHARS),
        };
        pending.report.log.push(line);
        drop(pending);
        self.0.fresh.notify_one();
    }

    /// Durable when it returns.
    pub(super) async fn checkpoint(&self, text: String) -> Result<(), JobError> {
        let refuse = |message: String| JobError::Fail {
            message,
            source: None,
        };
        if !text.starts_with('{') {
            return Err(refuse("a checkpoint must be a JSON object".to_owned()));
        }
        if text.len() > MAX_CHECKPOINT_BYTES {
            return Err(refuse(format!(
                "the checkpoint is {} bytes long; at most {MAX_CHECKPOINT_BYTES} are stored",
                text.len()
            )));
        }
        let report = JobReport {
            checkpoint: Some(text),
            ..JobReport::default()
        };
        let (id, token) = self.0.lease;
        match self.0.store.job_report(id, token, report).await {
            Ok(LeaseState::Live | LeaseState::CancelRequested) => Ok(()),
            Ok(LeaseState::Lost) => Err(JobError::Stopped),
            Err(error) => Err(JobError::retry("the checkpoint cannot be stored", error)),
        }
    }

    /// Writes what comes, for as long as it is polled.
    pub(super) async fn keep_writing(&self, log: &Logger) -> std::convert::Infallible {
        loop {
            self.0.fresh.notified().await;
            // On a task of its own: what has been taken is written, also when the run ends meanwhile.
            let reports = self.clone();
            let written = tokio::spawn(async move { reports.write().await }).await;
            if let Ok(Err(error)) = written {
                warn!(log, "cannot store what a run reports; it is kept"; "error" => with_causes(&error));
                self.0.fresh.notify_one();
            }
            sleep(EVERY).await;
        }
    }

    /// Writes what is left, before the outcome is.
    pub(super) async fn finish(&self, log: &Logger) {
        {
            let mut pending = self.pending();
            let dropped = std::mem::take(&mut pending.dropped);
            if dropped > 0 {
                let line = LogLine {
                    at: self.0.clock.now(),
                    message: format!("{dropped} more lines were dropped"),
                };
                pending.report.log.push(line);
            }
        }
        match timeout(LAST, self.write()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                warn!(log, "the last report of a run is lost"; "error" => with_causes(&error));
            }
            Err(_) => warn!(
                log,
                "the last report of a run may be lost: the store did not answer"
            ),
        }
    }

    /// One after the other, so that lines stay in order.
    async fn write(&self) -> Result<(), StoreError> {
        let _writing = self.0.writing.lock().await;
        let report = std::mem::take(&mut self.pending().report);
        if report == JobReport::default() {
            return Ok(());
        }
        let (id, token) = self.0.lease;
        let written = self.0.store.job_report(id, token, report.clone()).await;
        if let Err(error) = written {
            let mut pending = self.pending();
            let newer = std::mem::take(&mut pending.report);
            pending.report = JobReport {
                progress: newer.progress.or(report.progress),
                checkpoint: None,
                log: [report.log, newer.log].concat(),
            };
            return Err(error);
        }
        // A lost lease is the heartbeat's to tell.
        Ok(())
    }

    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.0
            .pending
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// At most so many characters, and none that steers a terminal or breaks a line.
fn tame(text: &str, most: usize) -> String {
    let mut tame = String::new();
    for character in text.chars() {
        if character.is_control() {
            tame.extend(character.escape_default());
        } else {
            tame.push(character);
        }
    }
    match tame.char_indices().nth(most) {
        Some((end, _)) => tame[..end].to_owned(),
        None => tame,
    }
}

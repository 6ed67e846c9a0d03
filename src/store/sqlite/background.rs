//! Owns what happens beside the commits: checkpoints off their path, and the slow look for other processes' commits
//! behind the datagram hints.
//! Must not know: what is committed.

use std::{
    path::Path,
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    thread::{self, JoinHandle},
    time::Duration,
};

use diesel::{
    RunQueryDsl, connection::SimpleConnection, dsl::sql, sql_types::BigInt,
    sqlite::SqliteConnection,
};
use slog::{Logger, warn};

use super::connection::open_reader;
use crate::store::{StoreError, wake::Wake};

/// Between two looks while commits come: SPEED.md found that checkpoints at this rate cost the least at the tail.
const BUSY: Duration = Duration::from_millis(50);
/// Between two looks while nothing happens. Bounds how long a lost hint can delay a job.
const IDLE: Duration = Duration::from_secs(1);

/// The background thread. It ends when this is dropped.
pub(super) struct Background {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Background {
    pub(super) fn start(path: &Path, wake: Wake, log: &Logger) -> Result<Self, StoreError> {
        let mut conn = open_reader(path)?;
        // A checkpoint writes to the file, which `query_only` would refuse; nothing else here writes.
        conn.batch_execute("PRAGMA query_only = OFF; PRAGMA synchronous = FULL")?;
        let (stop, stopped) = channel();
        let log = log.clone();
        let thread = thread::Builder::new()
            .name("lockstep-checkpoint".to_owned())
            .spawn(move || watch(&mut conn, &wake, &stopped, &log))
            .map_err(|error| StoreError::Internal(Box::new(error)))?;
        Ok(Self {
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn watch(conn: &mut SqliteConnection, wake: &Wake, stopped: &Receiver<()>, log: &Logger) {
    let mut seen = 0;
    let mut pause = BUSY;
    while stopped.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
        match sql::<BigInt>("PRAGMA data_version").get_result::<i64>(conn) {
            Ok(version) if version == seen => pause = IDLE.min(pause * 2),
            Ok(version) => {
                seen = version;
                pause = BUSY;
                wake.hint();
                // PASSIVE waits for nobody: what a reader still needs stays for the next time.
                if let Err(error) = conn.batch_execute("PRAGMA wal_checkpoint(PASSIVE)") {
                    warn!(log, "checkpoint failed"; "error" => %error);
                }
            }
            Err(error) => {
                pause = IDLE;
                warn!(log, "cannot look for commits"; "error" => %error);
            }
        }
    }
}

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

/// The same while somebody waits for what becomes of jobs: no hint tells of those that end.
const WATCHED: Duration = Duration::from_millis(50);

/// The background thread. It ends when this is dropped.
pub(super) struct Background {
    /// Dropped to end the thread; sent through to have it look now.
    look: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Background {
    pub(super) fn start(path: &Path, wake: Wake, log: &Logger) -> Result<Self, StoreError> {
        let mut conn = open_reader(path)?;
        // A checkpoint writes to the file, which `query_only` would refuse; nothing else here writes.
        conn.batch_execute("PRAGMA query_only = OFF; PRAGMA synchronous = FULL")?;
        let (look, looks) = channel();
        let log = log.clone();
        let thread = thread::Builder::new()
            .name("lockstep-checkpoint".to_owned())
            .spawn(move || watch(&mut conn, &wake, &looks, &log))
            .map_err(|error| StoreError::Internal(Box::new(error)))?;
        Ok(Self {
            look: Some(look),
            thread: Some(thread),
        })
    }

    /// Looks now, and at its pace for those who wait.
    pub(super) fn look(&self) {
        if let Some(look) = &self.look {
            let _ = look.send(());
        }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        drop(self.look.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn watch(conn: &mut SqliteConnection, wake: &Wake, looks: &Receiver<()>, log: &Logger) {
    let mut seen = 0;
    let mut pause = BUSY;
    while looks.recv_timeout(pause) != Err(RecvTimeoutError::Disconnected) {
        let longest = if wake.is_watched() { WATCHED } else { IDLE };
        match sql::<BigInt>("PRAGMA data_version").get_result::<i64>(conn) {
            Ok(version) if version == seen => pause = longest.min(pause * 2),
            Ok(version) => {
                seen = version;
                pause = BUSY;
                wake.hint();
                wake.moved();
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

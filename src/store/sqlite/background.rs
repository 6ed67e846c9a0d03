//! Owns what happens beside the commits: checkpoints off their path, the slow look for other processes' commits behind the
//! datagram hints, and keeping the lock of the reads in between.
//! Must not know: what is committed.

use std::{
    path::Path,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use diesel::{
    RunQueryDsl, connection::SimpleConnection, dsl::sql, sql_types::BigInt,
    sqlite::SqliteConnection,
};
use slog::{Logger, warn};

use super::{
    connection::open_reader,
    read_lock::{ReadLock, Reads},
};
use crate::store::{StoreError, wake::Wake};

/// Between two looks while commits come: SPEED.md found that checkpoints at this rate cost the least at the tail.
const BUSY: Duration = Duration::from_millis(50);
/// Between two looks while nothing happens. Bounds how long a lost hint can delay a job.
const IDLE: Duration = Duration::from_secs(1);

/// The same while somebody waits for what becomes of jobs: no hint tells of those that end.
const WATCHED: Duration = Duration::from_millis(50);

/// What the thread can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    /// To look for commits now.
    Look,
    /// That there are many reads.
    Reads,
    Stop,
}

/// The background thread. It ends when this is dropped.
pub(super) struct Background {
    words: Sender<Word>,
    thread: Option<JoinHandle<()>>,
}

impl Background {
    pub(super) fn start(
        path: &Path,
        wake: Wake,
        log: &Logger,
    ) -> Result<(Self, Arc<Reads>), StoreError> {
        let mut conn = open_reader(path)?;
        // A checkpoint writes to the file, which `query_only` would refuse; nothing else here writes.
        conn.batch_execute("PRAGMA query_only = OFF; PRAGMA synchronous = FULL")?;
        let (words, told) = channel();
        let reads = Arc::new(Reads::new(words.clone()));
        let (counted, log) = (Arc::clone(&reads), log.clone());
        let thread = thread::Builder::new()
            .name("lockstep-checkpoint".to_owned())
            .spawn(move || watch(&mut conn, &wake, &told, &counted, &log))
            .map_err(|error| StoreError::Internal(Box::new(error)))?;
        let background = Self {
            words,
            thread: Some(thread),
        };
        Ok((background, reads))
    }

    /// Looks now, and at its pace for those who wait.
    pub(super) fn look(&self) {
        let _ = self.words.send(Word::Look);
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        let _ = self.words.send(Word::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn watch(
    conn: &mut SqliteConnection,
    wake: &Wake,
    told: &Receiver<Word>,
    reads: &Reads,
    log: &Logger,
) {
    let mut lock = ReadLock::new();
    let (mut seen, mut pause) = (0, BUSY);
    let mut next = Instant::now() + pause;
    loop {
        let until = lock.until().map_or(next, |until| until.min(next));
        let word = told.recv_timeout(until.saturating_duration_since(Instant::now()));
        if matches!(word, Ok(Word::Stop) | Err(RecvTimeoutError::Disconnected)) {
            return;
        }
        if let Err(error) = lock.release(conn) {
            warn!(log, "the lock of the reads cannot be given up"; "error" => %error);
        }
        if word == Ok(Word::Look) || Instant::now() >= next {
            pause = look(conn, wake, pause, &mut seen, log);
            next = Instant::now() + pause;
        }
        if let Err(error) = lock.renew(conn, reads) {
            warn!(log, "the lock of the reads cannot be had"; "error" => %error);
        }
    }
}

/// Looks for commits, and carries their pages into the file. Answers when to look again.
fn look(
    conn: &mut SqliteConnection,
    wake: &Wake,
    pause: Duration,
    seen: &mut i64,
    log: &Logger,
) -> Duration {
    match sql::<BigInt>("PRAGMA data_version").get_result::<i64>(conn) {
        Ok(version) if version == *seen => {
            let longest = if wake.is_watched() { WATCHED } else { IDLE };
            longest.min(pause * 2)
        }
        Ok(version) => {
            *seen = version;
            wake.hint();
            wake.moved();
            // PASSIVE waits for nobody: what a reader still needs stays for the next time.
            if let Err(error) = conn.batch_execute("PRAGMA wal_checkpoint(PASSIVE)") {
                warn!(log, "checkpoint failed"; "error" => %error);
            }
            BUSY
        }
        Err(error) => {
            warn!(log, "cannot look for commits"; "error" => %error);
            IDLE
        }
    }
}

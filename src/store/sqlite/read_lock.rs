//! Owns a lock that all reads of this process share while many come. A read of a WAL takes a lock of the file system and
//! gives it back: two system calls, during which SQLite lets nobody else of the process do the same. But such locks are a
//! process's, and SQLite counts its readers of one: while one connection keeps it, the others' reads need no call.
//! Must not know: what is read.

use std::{
    sync::{
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::Sender,
    },
    time::{Duration, Instant},
};

use diesel::{QueryResult, connection::SimpleConnection, sqlite::SqliteConnection};

use super::background::Word;

/// How long it is kept. Meanwhile a checkpoint, whoever's, gets no further than to what was there when it was taken.
const TERM: Duration = Duration::from_millis(5);
/// Reads in a term that make it worth its while: it costs what some reads cost.
const MANY: u32 = 16;
/// So many reads make the keeper look up.
const SOME: u64 = 256;

/// Counts reads, and tells the keeper of the lock.
pub(super) struct Reads {
    count: AtomicU64,
    /// The keeper has the lock, and will look by itself.
    kept: AtomicBool,
    keeper: Sender<Word>,
}

impl Reads {
    pub(super) fn new(keeper: Sender<Word>) -> Self {
        Self {
            count: AtomicU64::new(0),
            kept: AtomicBool::new(false),
            keeper,
        }
    }

    /// One more.
    pub(super) fn one(&self) {
        let before = self.count.fetch_add(1, Ordering::Relaxed);
        if before % SOME == SOME - 1 && !self.kept.load(Ordering::Relaxed) {
            // It may have ended.
            let _ = self.keeper.send(Word::Look);
        }
    }
}

/// The keeper's side.
pub(super) struct ReadLock {
    /// Reads at the last renewal, and when that was.
    seen: (u64, Instant),
    /// Until when it is kept.
    until: Option<Instant>,
}

impl ReadLock {
    pub(super) fn new() -> Self {
        Self {
            seen: (0, Instant::now()),
            until: None,
        }
    }

    /// Until when it is kept, if it is.
    pub(super) fn until(&self) -> Option<Instant> {
        self.until
    }

    pub(super) fn release(&mut self, conn: &mut SqliteConnection) -> QueryResult<()> {
        match self.until.take() {
            Some(_) => conn.batch_execute("ROLLBACK"),
            None => Ok(()),
        }
    }

    /// Takes it for another term, if enough reads came since it was last asked for. To be released before.
    pub(super) fn renew(&mut self, conn: &mut SqliteConnection, reads: &Reads) -> QueryResult<()> {
        let (count, now) = (reads.count.load(Ordering::Relaxed), Instant::now());
        let (before, then) = std::mem::replace(&mut self.seen, (count, now));
        let came = u32::try_from(count.wrapping_sub(before)).unwrap_or(u32::MAX);
        let many = TERM.saturating_mul(came) > now.duration_since(then).saturating_mul(MANY);
        reads.kept.store(many, Ordering::Relaxed);
        if many {
            conn.batch_execute("BEGIN")?;
            self.until = Some(now + TERM);
            // A transaction locks when it first reads.
            conn.batch_execute("SELECT count(*) FROM sqlite_schema")?;
        }
        Ok(())
    }
}

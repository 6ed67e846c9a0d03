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

use crossbeam_utils::CachePadded;
use diesel::{
    QueryResult, RunQueryDsl, connection::SimpleConnection, dsl::sql, sql_types::BigInt,
    sqlite::SqliteConnection,
};
use thread_local::ThreadLocal;

use super::background::Word;

/// How long it is kept. Meanwhile a checkpoint, whoever's, gets no further than to what was there when it was taken.
const TERM: Duration = Duration::from_millis(50);
/// Reads in a term that make it worth its while: it costs what some reads cost.
const MANY: u32 = 40;
/// After so many of one thread, the keeper is told.
const SOME: u64 = 256;

/// Counts reads, each thread its own, and tells the keeper of the lock.
pub(super) struct Reads {
    counts: ThreadLocal<CachePadded<AtomicU64>>,
    /// The keeper knows that there are many.
    told: AtomicBool,
    keeper: Sender<Word>,
}

impl Reads {
    pub(super) fn new(keeper: Sender<Word>) -> Self {
        Self {
            counts: ThreadLocal::new(),
            told: AtomicBool::new(false),
            keeper,
        }
    }

    /// One more.
    pub(super) fn one(&self) {
        let before = self.counts.get_or_default().fetch_add(1, Ordering::Relaxed);
        if before % SOME == SOME - 1 && !self.told.swap(true, Ordering::Relaxed) {
            // It may have ended.
            let _ = self.keeper.send(Word::Reads);
        }
    }

    /// All that there were.
    fn count(&self) -> u64 {
        let counts = self.counts.iter();
        counts.map(|count| count.load(Ordering::Relaxed)).sum()
    }
}

/// The keeper's side.
pub(super) struct ReadLock {
    /// What there was at the last renewal: reads, the moment, and the version of the data.
    seen: (u64, Instant, i64),
    /// Until when it is kept.
    until: Option<Instant>,
}

impl ReadLock {
    pub(super) fn new() -> Self {
        Self {
            seen: (0, Instant::now(), 0),
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

    /// Takes it for another term, if enough reads came since it was last asked for. Not if a commit came, too: the next one
    /// would make it useless, and a WAL whose every commit is kept by somebody never starts over. To be released before.
    pub(super) fn renew(&mut self, conn: &mut SqliteConnection, reads: &Reads) -> QueryResult<()> {
        reads.told.store(false, Ordering::Relaxed);
        let (count, now) = (reads.count(), Instant::now());
        let (before, then, old) = self.seen;
        let came = u32::try_from(count.wrapping_sub(before)).unwrap_or(u32::MAX);
        self.seen = (count, now, old);
        if came < MANY || TERM.saturating_mul(came) < now.duration_since(then).saturating_mul(MANY)
        {
            return Ok(());
        }
        let version = sql::<BigInt>("PRAGMA data_version").get_result(conn)?;
        self.seen = (count, now, version);
        if version == old {
            self.take(conn, now + TERM)?;
        }
        // While commits come, it is enough to ask as often as they are looked for.
        reads.told.store(true, Ordering::Relaxed);
        Ok(())
    }

    fn take(&mut self, conn: &mut SqliteConnection, until: Instant) -> QueryResult<()> {
        // A transaction locks when it first reads.
        let taken = conn.batch_execute("BEGIN; SELECT 1 FROM sqlite_schema LIMIT 1");
        match taken {
            Ok(()) => self.until = Some(until),
            Err(_) => {
                let _ = conn.batch_execute("ROLLBACK");
            }
        }
        taken
    }
}

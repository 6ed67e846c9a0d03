//! Owns the one writing connection: group commit with a savepoint per unit (docs/decisions/0003).
//! Must not know: what the units do.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

use chrono::{DateTime, Utc};
use diesel::{connection::SimpleConnection, sqlite::SqliteConnection};
use slog::{Logger, error};
use tokio::sync::{mpsc, oneshot};

use super::ledger::Ledger;
use crate::{
    clock::Clock,
    store::{StoreError, wake::Wake},
};

/// Units in one commit at most: bounds the wait of the first one.
const BATCH: usize = 512;
/// Units that may wait for the writer. Beyond it, callers wait up to [`QUEUE_DEADLINE`] and then get `Unavailable`.
const QUEUE: usize = 8_192;
const QUEUE_DEADLINE: Duration = Duration::from_secs(2);

/// What a unit works with, inside the write transaction.
pub(super) struct Tx<'a> {
    pub(super) conn: &'a mut SqliteConnection,
    /// One moment for the whole commit.
    pub(super) now: DateTime<Utc>,
    pub(super) ledger: &'a mut Ledger,
    /// Set when workers should look again: a job became due, waits for its time, or was asked to stop.
    pub(super) wake: &'a mut bool,
}

/// A unit of work on its way to the writer and, with its outcome, back.
trait Unit: Send {
    /// Does the work. False when it failed and its changes must be taken back.
    fn run(&mut self, tx: &mut Tx<'_>) -> bool;
    /// The work panicked.
    fn panicked(&mut self, panic: &(dyn Any + Send));
    /// Answers the caller, after the commit: `failure` says why the commit failed.
    fn answer(self: Box<Self>, failure: Option<&Failure>);
}

/// Why a whole commit failed, for each of its units.
type Failure = dyn Fn() -> StoreError;

struct Work<F, T> {
    run: Option<F>,
    outcome: Result<T, StoreError>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<F, T> Unit for Work<F, T>
where
    F: FnOnce(&mut Tx<'_>) -> Result<T, StoreError> + Send,
    T: Send,
{
    fn run(&mut self, tx: &mut Tx<'_>) -> bool {
        if let Some(work) = self.run.take() {
            self.outcome = work(tx);
        }
        self.outcome.is_ok()
    }

    fn panicked(&mut self, panic: &(dyn Any + Send)) {
        let text = panic
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_default();
        self.outcome = Err(StoreError::internal(format!("a write panicked: {text}")));
    }

    fn answer(self: Box<Self>, failure: Option<&Failure>) {
        let outcome = match failure {
            Some(failure) if self.outcome.is_ok() => Err(failure()),
            _ => self.outcome,
        };
        // A caller that has gone away does not want to know.
        let _ = self.reply.send(outcome);
    }
}

/// The way to the writer's thread. The thread ends when the last of it is dropped.
#[derive(Clone)]
pub(super) struct Writer {
    units: mpsc::Sender<Box<dyn Unit>>,
}

impl Writer {
    pub(super) fn start(
        conn: SqliteConnection,
        clock: Arc<dyn Clock>,
        wake: Wake,
        log: &Logger,
    ) -> Result<(Self, JoinHandle<()>), StoreError> {
        let (units, queue) = mpsc::channel(QUEUE);
        let committer = Committer {
            conn,
            clock,
            wake,
            log: log.clone(),
            ledger: Ledger::default(),
        };
        let thread = thread::Builder::new()
            .name("lockstep-writer".to_owned())
            .spawn(move || committer.run(queue))
            .map_err(|error| StoreError::Internal(Box::new(error)))?;
        Ok((Self { units }, thread))
    }

    /// Runs `work` in the next commit and answers after it.
    pub(super) async fn write<F, T>(&self, work: F) -> Result<T, StoreError>
    where
        F: FnOnce(&mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
        T: Send + 'static,
    {
        const STOPPED: StoreError = StoreError::unavailable("it is stopping");
        let (reply, answer) = oneshot::channel();
        let unit = Box::new(Work {
            run: Some(work),
            outcome: Err(STOPPED),
            reply,
        });
        self.units
            .send_timeout(unit, QUEUE_DEADLINE)
            .await
            .map_err(|error| match error {
                mpsc::error::SendTimeoutError::Timeout(_) => {
                    StoreError::unavailable("too many writes are waiting")
                }
                mpsc::error::SendTimeoutError::Closed(_) => STOPPED,
            })?;
        answer.await.unwrap_or(Err(STOPPED))
    }
}

/// The writer's thread.
struct Committer {
    conn: SqliteConnection,
    clock: Arc<dyn Clock>,
    wake: Wake,
    log: Logger,
    ledger: Ledger,
}

impl Committer {
    fn run(mut self, mut queue: mpsc::Receiver<Box<dyn Unit>>) {
        let mut batch = Vec::new();
        while queue.blocking_recv_many(&mut batch, BATCH) > 0 {
            self.commit(&mut batch);
        }
        if let Err(error) = self
            .conn
            .batch_execute("PRAGMA optimize; PRAGMA wal_checkpoint(TRUNCATE)")
        {
            slog::debug!(self.log, "no last checkpoint"; "error" => %error);
        }
    }

    /// One transaction for the whole batch: all of it is durable before the first caller is answered.
    fn commit(&mut self, batch: &mut Vec<Box<dyn Unit>>) {
        let mut wake = false;
        let committed = self.transaction(batch, &mut wake);
        if let Err(error) = &committed {
            self.ledger = Ledger::default();
            error!(self.log, "commit failed"; "units" => batch.len(), "error" => %error);
            // Also when BEGIN failed and there is nothing to roll back.
            let _ = self.conn.batch_execute("ROLLBACK");
        } else if wake {
            self.wake.committed();
        }
        let failure = committed.err().map(|error| {
            let text = error.to_string();
            move || StoreError::classify(&text, text.clone().into())
        });
        for unit in batch.drain(..) {
            unit.answer(failure.as_ref().map(|failure| failure as &Failure));
        }
    }

    fn transaction(
        &mut self,
        batch: &mut [Box<dyn Unit>],
        wake: &mut bool,
    ) -> Result<(), diesel::result::Error> {
        self.conn.batch_execute("BEGIN IMMEDIATE")?;
        let now = self.clock.now();
        for unit in batch.iter_mut() {
            self.conn.batch_execute("SAVEPOINT unit")?;
            let mark = self.ledger.mark();
            let mut unit_wakes = false;
            let mut tx = Tx {
                conn: &mut self.conn,
                now,
                ledger: &mut self.ledger,
                wake: &mut unit_wakes,
            };
            // A unit leaves nothing half done: what it wrote is rolled back with its savepoint.
            let ran = catch_unwind(AssertUnwindSafe(|| unit.run(&mut tx)));
            let done = ran.unwrap_or_else(|panic| {
                unit.panicked(panic.as_ref());
                false
            });
            if done {
                self.conn.batch_execute("RELEASE unit")?;
                *wake |= unit_wakes;
            } else {
                self.ledger.rewind(mark);
                self.conn.batch_execute("ROLLBACK TO unit; RELEASE unit")?;
            }
        }
        self.ledger.flush(&mut self.conn)?;
        self.conn.batch_execute("COMMIT")
    }
}

#[cfg(test)]
mod tests {
    use diesel::{Connection, RunQueryDsl, dsl::sql, sql_query, sql_types::BigInt};
    use slog::{Discard, o};

    use super::*;
    use crate::clock::SystemClock;

    /// SQLite answers a full disk by rolling back the whole transaction. The units that shared it have done nothing
    /// wrong: they may be tried again, and a settlement among them must not be taken for one that can never be stored.
    #[tokio::test]
    async fn a_full_disk_is_nobody_elses_fault() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("full.db");
        let mut conn = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
        conn.batch_execute(
            "CREATE TABLE t (x); CREATE TABLE job_counts (x); PRAGMA max_page_count = 20",
        )
        .unwrap();
        let log = Logger::root(Discard, o!());
        let wake = Wake::new(&path, &log);
        let (writer, thread) = Writer::start(conn, Arc::new(SystemClock), wake, &log).unwrap();
        let insert = |bytes: u32| {
            writer.write(move |tx| {
                Ok(
                    sql_query(format!("INSERT INTO t VALUES (zeroblob({bytes}))"))
                        .execute(tx.conn)?,
                )
            })
        };
        // Holds the writer, so that the other three share one commit.
        let (running, runs) = oneshot::channel();
        let (release, released) = std::sync::mpsc::channel::<()>();
        let holder = writer.clone();
        let holder = tokio::spawn(async move {
            let hold = move |_: &mut Tx<'_>| {
                let _ = running.send(());
                let _ = released.recv();
                Ok(())
            };
            holder.write(hold).await
        });
        runs.await.unwrap();
        // Polled in this order: the release comes when all three wait.
        let (before, full, after, ()) =
            tokio::join!(biased; insert(1), insert(1_000_000), insert(1), async { drop(release) });
        holder.await.unwrap().unwrap();
        for refused in [before, full, after] {
            let error = refused.unwrap_err();
            assert!(error.retryable(), "{error:?}");
        }
        insert(1).await.unwrap();
        let rows = writer
            .write(|tx| Ok(sql::<BigInt>("SELECT count(*) FROM t").get_result::<i64>(tx.conn)?));
        assert_eq!(rows.await.unwrap(), 1);
        drop(writer);
        thread.join().unwrap();
    }
}

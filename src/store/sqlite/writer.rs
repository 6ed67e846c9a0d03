//! Owns the one writing connection: group commit with a savepoint per unit (docs/decisions/0003).
//! Must not know: what the units do.

use std::{
    sync::Arc,
    thread::{self, JoinHandle},
    time::Instant,
};

use diesel::{RunQueryDsl, connection::SimpleConnection, sqlite::SqliteConnection};
use slog::{Logger, error};

use super::sql::{
    controls::Controls,
    fresh::store_together,
    ledger::Ledger,
    standing::{Shelf, Standing},
    statement::statement,
    tx::{Turn, Tx},
    unit::{Failure, Unit, Units},
    waiting::Waiting,
};
use crate::{
    clock::Clock,
    store::{StoreError, time::micros, wake::Wake},
};

/// Batches with a savepoint for each unit after one of them failed: failures seldom come alone.
const CAREFUL: u8 = 16;

/// The way to the writer's thread. The thread ends when the last of it is dropped.
pub(super) type Writer = Units;

/// Starts the thread.
pub(super) fn start(
    conn: SqliteConnection,
    clock: Arc<dyn Clock>,
    wake: Wake,
    log: &Logger,
) -> Result<(Writer, JoinHandle<()>), StoreError> {
    let (units, waiting) = Units::new();
    let committer = Committer {
        conn,
        clock,
        wake,
        log: log.clone(),
        ledger: Ledger::default(),
        controls: Controls::default(),
        careful: 0,
        standing: Standing::new(Shelf::default(), None),
    };
    let thread = thread::Builder::new()
        .name("lockstep-writer".to_owned())
        .spawn(move || committer.run(waiting))
        .map_err(|error| StoreError::Internal(Box::new(error)))?;
    Ok((units, thread))
}

/// The writer's thread.
struct Committer {
    conn: SqliteConnection,
    clock: Arc<dyn Clock>,
    wake: Wake,
    log: Logger,
    ledger: Ledger,
    controls: Controls,
    /// Batches to come whose units have a savepoint each.
    careful: u8,
    standing: Standing,
}

impl Committer {
    fn run(mut self, mut waiting: Waiting) {
        let mut batch = Vec::new();
        while waiting.take(&mut batch) {
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
        self.standing.take_in(batch);
        if batch.is_empty() && !self.standing.is_to_be_asked() {
            return;
        }
        let (mut wake, mut moved) = (false, false);
        let mut committed = self.transaction(batch, &mut wake, &mut moved);
        if matches!(committed, Ok(false)) {
            // A unit failed: again, with a savepoint for each, and for some time to come.
            self.roll_back();
            self.careful = CAREFUL;
            (wake, moved) = (false, false);
            committed = self.transaction(batch, &mut wake, &mut moved);
        }
        self.careful = self.careful.saturating_sub(1);
        if let Err(error) = &committed {
            error!(self.log, "commit failed"; "units" => batch.len(), "error" => %error);
            self.roll_back();
        }
        let failure = committed.err().map(|error| {
            let text = error.to_string();
            move || StoreError::classify(&text, text.clone().into())
        });
        let failure = failure.as_ref().map(|failure| failure as &Failure);
        let standing = self.standing.answered(failure.is_some());
        for unit in batch.drain(..).chain(standing) {
            unit.answer(failure);
        }
        // After the answers: a worker that has its jobs by now need not look again.
        if failure.is_none() && wake {
            self.wake.committed();
        }
        if failure.is_none() && moved {
            self.wake.moved();
        }
    }

    fn roll_back(&mut self) {
        self.ledger = Ledger::default();
        self.controls.forget();
        // Also when BEGIN failed and there is nothing to roll back.
        let _ = self.conn.batch_execute("ROLLBACK");
    }

    /// False, and nothing is committed, when a unit failed that has no savepoint.
    fn transaction(
        &mut self,
        batch: &mut [Box<dyn Unit>],
        wake: &mut bool,
        moved: &mut bool,
    ) -> Result<bool, diesel::result::Error> {
        statement("BEGIN IMMEDIATE").execute(&mut self.conn)?;
        self.controls.refresh(&mut self.conn)?;
        let (began, now) = (Instant::now(), self.clock.now());
        let careful = self.careful > 0;
        let mut tx = Tx {
            conn: &mut self.conn,
            now,
            began,
            ledger: &mut self.ledger,
            controls: &mut self.controls,
            wake,
            turn: &mut Turn::Alone,
            careful,
        };
        let Ok(together) = (if careful {
            Ok(false)
        } else {
            store_together(&mut tx, batch)
        }) else {
            return Ok(false);
        };
        for unit in batch.iter_mut() {
            if together && unit.fresh().is_some() {
                continue;
            }
            if !run(&mut tx, unit.as_mut())? {
                return Ok(false);
            }
        }
        // Last: jobs that the others brought, and places that they left, are theirs in the same commit.
        let came = *tx.wake || !tx.ledger.is_empty();
        for unit in self.standing.asked(came) {
            if !run(&mut tx, unit.as_mut())? {
                return Ok(false);
            }
        }
        *moved = !self.ledger.is_empty();
        self.ledger.flush(&mut self.conn, micros(now))?;
        statement("COMMIT").execute(&mut self.conn)?;
        Ok(true)
    }
}

/// False when it failed, and had no savepoint.
fn run(tx: &mut Tx<'_>, unit: &mut dyn Unit) -> Result<bool, diesel::result::Error> {
    if !tx.careful {
        return Ok(unit.run(tx));
    }
    statement("SAVEPOINT unit").execute(tx.conn)?;
    let (mark, woken) = (tx.ledger.mark(), *tx.wake);
    if unit.run(tx) {
        statement("RELEASE unit").execute(tx.conn)?;
    } else {
        tx.ledger.rewind(mark);
        tx.controls.forget();
        *tx.wake = woken;
        tx.conn.batch_execute("ROLLBACK TO unit; RELEASE unit")?;
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Sender, channel};

    use diesel::{Connection, RunQueryDsl, dsl::sql, sql_query, sql_types::BigInt};
    use futures::poll;
    use slog::{Discard, o};

    use super::{super::sql::unit::QUEUE, *};
    use crate::{clock::SystemClock, model::JobStatus};

    /// A writer on a table of its own.
    struct Bench {
        writer: Writer,
        thread: JoinHandle<()>,
        _folder: tempfile::TempDir,
    }

    impl Bench {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("bench.db");
            let mut conn = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
            let tables = "CREATE TABLE t (x); PRAGMA max_page_count = 20; CREATE TABLE job_counts (queue, job_type, \
                status, count, PRIMARY KEY (queue, job_type, status)); \
                CREATE TABLE job_events (id INTEGER PRIMARY KEY, at, transitions)";
            conn.batch_execute(tables).unwrap();
            let log = Logger::root(Discard, o!());
            let wake = Wake::new(&path, &log);
            let (writer, thread) = start(conn, Arc::new(SystemClock), wake, &log).unwrap();
            Self {
                writer,
                thread,
                _folder: folder,
            }
        }

        async fn insert(&self, bytes: u32) -> Result<usize, StoreError> {
            self.writer.write(move |tx| insert(tx, bytes)).await
        }

        /// Keeps the writer busy until what this answers is dropped: what is sent meanwhile shares one commit.
        async fn hold(&self) -> Sender<()> {
            let (running, mut runs) = tokio::sync::mpsc::unbounded_channel();
            let (release, released) = channel();
            let writer = self.writer.clone();
            tokio::spawn(async move {
                let hold = move |_: &mut Tx<'_>| {
                    let _ = running.send(());
                    let _ = released.recv();
                    Ok(())
                };
                writer.write(hold).await
            });
            runs.recv().await.unwrap();
            release
        }

        async fn number(&self, query: &'static str) -> i64 {
            let read = move |tx: &mut Tx<'_>| Ok(sql::<BigInt>(query).get_result::<i64>(tx.conn)?);
            self.writer.write(read).await.unwrap()
        }

        fn close(self) {
            drop(self.writer);
            self.thread.join().unwrap();
        }
    }

    fn insert(tx: &mut Tx<'_>, bytes: u32) -> Result<usize, StoreError> {
        for job in 0..i64::from(bytes.min(100)) {
            tx.ledger
                .moved(job, ("queue", "job_type"), None, Some(JobStatus::Pending));
        }
        let query = format!("INSERT INTO t VALUES (zeroblob({bytes}))");
        Ok(sql_query(query).execute(tx.conn)?)
    }

    #[tokio::test]
    async fn a_unit_that_fails_or_panics_takes_nothing_of_the_others_with_it() {
        let bench = Bench::new();
        let hold = bench.hold().await;
        let fails = bench.writer.write(|tx| {
            insert(tx, 10)?;
            Err::<(), _>(StoreError::EmailTaken)
        });
        let panics = bench.writer.write(|tx| -> Result<(), StoreError> {
            insert(tx, 100)?;
            panic!("on purpose")
        });
        let (before, failed, between, panicked, after, ()) = tokio::join!(
            biased;
            bench.insert(1), fails, bench.insert(1), panics, bench.insert(1), async { drop(hold) }
        );
        assert!(matches!(failed, Err(StoreError::EmailTaken)));
        assert!(matches!(panicked, Err(StoreError::Internal(_))));
        for done in [before, between, after] {
            done.unwrap();
        }
        let rows = "SELECT coalesce(sum(length(x)), 0) FROM t";
        assert_eq!(bench.number(rows).await, 3);
        assert_eq!(bench.number("SELECT count FROM job_counts").await, 3);
        bench.close();
    }

    /// What a rolled-back try gave to who waits is not given.
    #[tokio::test]
    async fn who_waits_is_asked_again_when_the_others_are() {
        let bench = Bench::new();
        let rows = |tx: &mut Tx<'_>| {
            Ok(sql::<BigInt>("SELECT count(*) FROM t").get_result::<i64>(tx.conn)?)
        };
        let writer = bench.writer.clone();
        let mut waiting = Box::pin(async move { writer.stand(rows, |rows| *rows > 0).await });
        assert!(poll!(&mut waiting).is_pending(), "it is with the writer");
        let hold = bench.hold().await;
        let fails = bench.writer.write(|tx| {
            insert(tx, 1)?;
            Err::<(), _>(StoreError::EmailTaken)
        });
        let (kept, failed, ()) = tokio::join!(biased; bench.insert(1), fails, async { drop(hold) });
        kept.unwrap();
        assert!(failed.is_err());
        assert_eq!(waiting.await.unwrap(), 1);
        bench.close();
    }

    /// SQLite answers a full disk by rolling back the whole transaction. The units that shared it have done nothing
    /// wrong: they may be tried again, and a settlement among them must not be taken for one that can never be stored.
    #[tokio::test]
    async fn a_full_disk_is_nobody_elses_fault() {
        let bench = Bench::new();
        let hold = bench.hold().await;
        let (before, full, after, ()) = tokio::join!(
            biased;
            bench.insert(1), bench.insert(1_000_000), bench.insert(1), async { drop(hold) }
        );
        for refused in [before, full, after] {
            let error = refused.unwrap_err();
            assert!(error.retryable(), "{error:?}");
        }
        bench.insert(1).await.unwrap();
        assert_eq!(bench.number("SELECT count(*) FROM t").await, 1);
        assert_eq!(bench.number("SELECT count FROM job_counts").await, 1);
        bench.close();
    }

    #[tokio::test]
    async fn a_full_queue_refuses_and_keeps_what_it_took() {
        let bench = Bench::new();
        let hold = bench.hold().await;
        let waiting: Vec<_> = (0..QUEUE)
            .map(|_| {
                let writer = bench.writer.clone();
                tokio::spawn(async move { writer.write(|_| Ok(())).await })
            })
            .collect();
        while bench.writer.capacity() > 0 {
            tokio::task::yield_now().await;
        }
        let refused = bench.insert(1).await.unwrap_err();
        assert!(refused.retryable(), "{refused:?}");
        drop(hold);
        for taken in waiting {
            taken.await.unwrap().unwrap();
        }
        assert_eq!(bench.number("SELECT count(*) FROM t").await, 0);
        bench.close();
    }
}

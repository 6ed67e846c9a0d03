//! Owns the writing connections: a thread each, group commit, and what is done when a transaction cannot be had at once
//! (docs/decisions/0014).
//! Must not know: what the units do.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use diesel::connection::SimpleConnection;
use rand::Rng;
use slog::{Logger, error, warn};

use super::{
    clock::ServerClock,
    ending::{end, prepare},
    fate,
    hints::Hints,
    miss::{Miss, is, missed, no_connection, refused},
    settings::Settings,
    sql::{
        controls::Controls,
        fresh::store_together,
        ledger::Ledger,
        tx::{Lane, Turn, Tx},
        unit::{BATCH, Failure, Unit, Units, Waiting},
    },
    wrapper::{Conn, reopen, send_ahead},
};
use crate::store::{
    StoreError,
    error::{CONFLICT, LOST, READ_ONLY},
    time::micros,
    wake::Wake,
};

/// How long a commit is tried again before its callers are told that it cannot be had now.
const PATIENCE: Duration = Duration::from_secs(8);
/// Alone, it fails only where every statement after it fails, too.
const BEGIN: &str = "BEGIN";
/// How long a unit waits for a lock, in ms, when one of its batch has waited in vain.
const ONE_OF_MANY: u32 = 1_000;

/// The ways to the writing connections.
#[derive(Clone)]
pub(super) struct Writers {
    claims: Units,
    runs: Units,
    /// Two: while one waits for the disk, the other has the next jobs sent.
    new: [Units; 2],
    turn: Arc<AtomicUsize>,
    rest: Units,
}

impl Writers {
    pub(super) fn of(&self, lane: Lane) -> &Units {
        match lane {
            Lane::Claims => &self.claims,
            Lane::Runs => &self.runs,
            Lane::New => &self.new[self.turn.fetch_add(1, Ordering::Relaxed) % 2],
            Lane::Rest => &self.rest,
        }
    }
}

/// What each of the threads has.
#[derive(Clone)]
pub(super) struct Common {
    pub(super) settings: Arc<Settings>,
    pub(super) clock: Arc<ServerClock>,
    pub(super) wake: Wake,
    pub(super) hints: Arc<Hints>,
    pub(super) log: Logger,
}

/// Starts the threads. They connect when they first have something to write.
pub(super) fn start(common: &Common) -> Result<(Writers, Vec<JoinHandle<()>>), StoreError> {
    let mut threads = Vec::new();
    let mut lane = |name: &str| -> Result<Units, StoreError> {
        let (units, waiting) = Units::new();
        let committer = Committer::new(common.clone());
        let thread = thread::Builder::new()
            .name(format!("lockstep-{name}"))
            .spawn(move || committer.run(waiting))
            .map_err(|error| StoreError::Internal(Box::new(error)))?;
        threads.push(thread);
        Ok(units)
    };
    let writers = Writers {
        claims: lane("claims")?,
        runs: lane("runs")?,
        new: [lane("new-1")?, lane("new-2")?],
        turn: Arc::default(),
        rest: lane("rest")?,
    };
    Ok((writers, threads))
}

/// How a transaction is tried.
#[derive(Clone, Copy)]
struct Way {
    turn: Turn,
    /// With a savepoint for each unit.
    careful: bool,
    /// When a lock that is not had ends the try.
    deadline: Instant,
}

/// One writing thread.
struct Committer {
    common: Common,
    conn: Option<Conn>,
    ledger: Ledger,
    controls: Controls,
}

impl Committer {
    fn new(common: Common) -> Self {
        Self {
            common,
            conn: None,
            ledger: Ledger::default(),
            controls: Controls::default(),
        }
    }

    fn run(mut self, mut waiting: Waiting) {
        let mut batch = Vec::new();
        while waiting.blocking_recv_many(&mut batch, BATCH) > 0 {
            self.commit(&mut batch);
        }
    }

    /// One transaction for the whole batch: all of it is durable before the first caller is answered.
    fn commit(&mut self, batch: &mut Vec<Box<dyn Unit>>) {
        let (mut wake, mut moved) = (false, false);
        let committed = self.until_committed(batch, &mut wake, &mut moved);
        let refusals = batch.iter().filter_map(|unit| unit.failure());
        if refusals
            .chain(committed.as_ref().err())
            .any(|error| is(error, READ_ONLY))
        {
            // A session stays read-only when its database is not any more.
            self.conn = None;
        }
        match &committed {
            Ok(()) => {
                if wake {
                    self.common.wake.committed();
                }
                if moved {
                    self.common.wake.moved();
                }
            }
            Err(failure) => {
                let cause = std::error::Error::source(failure).map(ToString::to_string);
                error!(self.common.log, "commit failed"; "units" => batch.len(), "error" => %failure, "cause" => cause);
            }
        }
        let failure = committed.err().map(|error| {
            let text = error.to_string();
            let reason = match error {
                StoreError::Unavailable { reason, .. } => Some(reason),
                _ => None,
            };
            move || match reason {
                Some(reason) => StoreError::Unavailable {
                    reason,
                    source: Some(text.clone().into()),
                },
                None => StoreError::internal(text.clone()),
            }
        });
        for unit in batch.drain(..) {
            unit.answer(failure.as_ref().map(|failure| failure as &Failure));
        }
    }

    /// Tries until it is done, or cannot be. Conflicts with others and lost connections are no fault of the units.
    fn until_committed(
        &mut self,
        batch: &mut [Box<dyn Unit>],
        wake: &mut bool,
        moved: &mut bool,
    ) -> Result<(), StoreError> {
        let deadline = Instant::now() + PATIENCE;
        let (mut turn, mut careful) = (Turn::Shared, false);
        let mut losses = 0;
        loop {
            (*wake, *moved) = (false, false);
            let way = Way {
                turn,
                careful,
                deadline,
            };
            let mut miss = match self.attempt(batch, way, wake, moved) {
                Ok(()) => return Ok(()),
                Err(miss) => miss,
            };
            self.ledger = Ledger::default();
            self.controls.forget();
            if matches!(miss, Miss::Refused(_) | Miss::Alone | Miss::Unit)
                && let Err(lost) = self.roll_back()
            {
                miss = lost;
            }
            match miss {
                Miss::Alone => turn = Turn::Alone,
                Miss::Unit => careful = true,
                Miss::Refused(error) if !is(&error, CONFLICT) => return Err(error),
                Miss::Refused(error) => {
                    warn!(self.common.log, "a transaction is begun again"; "error" => %error);
                    if Instant::now() >= deadline {
                        return Err(error);
                    }
                }
                Miss::Lost(error) => {
                    self.conn = None;
                    if Instant::now() >= deadline {
                        return Err(error);
                    }
                    pause(&mut losses);
                }
                Miss::Unknown(error, mark) => {
                    self.conn = None;
                    let connect = || connect(&self.common.settings);
                    let committed = match mark {
                        None => Some(false),
                        Some(mark) => fate::was_committed(mark, deadline, &mut self.conn, connect),
                    };
                    if committed.ok_or(error)? {
                        return Ok(());
                    }
                }
            }
        }
    }

    fn connected(&mut self) -> Result<&mut Conn, StoreError> {
        let conn = match self.conn.take() {
            Some(conn) => conn,
            None => connect(&self.common.settings)?,
        };
        Ok(self.conn.insert(conn))
    }

    fn attempt(
        &mut self,
        batch: &mut [Box<dyn Unit>],
        way: Way,
        wake: &mut bool,
        moved: &mut bool,
    ) -> Result<(), Miss> {
        let begin = begin(&self.common.settings, way);
        let conn = self.connected().map_err(Miss::Lost)?;
        if begin == BEGIN {
            send_ahead(conn, BEGIN).map_err(missed)?;
        } else {
            conn.batch_execute(&begin).map_err(missed)?;
        }
        let conn = self.conn.as_mut().ok_or_else(no_connection)?;
        self.controls.refresh(conn).map_err(missed)?;
        let start = (Instant::now(), self.common.clock.now());
        self.work(batch, way, start, wake)?;
        *moved = !self.ledger.is_empty();
        let conn = self.conn.as_mut().ok_or_else(no_connection)?;
        let prepared = self.common.settings.statement_cache;
        // Alone, nobody waits behind it for the one lock of all notifications.
        let idle = *wake && batch.len() == 1;
        let hint = || idle.then(|| self.common.hints.to_go_along()).flatten();
        if end(conn, &mut self.ledger, micros(start.1), prepared, hint)? {
            // Others know.
            *wake = false;
            self.common.wake.hint();
        }
        Ok(())
    }

    /// Runs the units in the transaction that has begun.
    fn work(
        &mut self,
        batch: &mut [Box<dyn Unit>],
        way: Way,
        (began, now): (Instant, DateTime<Utc>),
        wake: &mut bool,
    ) -> Result<(), Miss> {
        let Way {
            mut turn,
            careful,
            deadline,
        } = way;
        let conn = self.conn.as_mut().ok_or_else(no_connection)?;
        let mut tx = Tx {
            conn,
            now,
            began,
            ledger: &mut self.ledger,
            controls: &mut self.controls,
            wake,
            turn: &mut turn,
            careful,
        };
        let together = !careful
            && store_together(&mut tx, batch).map_err(|error| match refused(error) {
                // One of them is the reason, and only that one is to hear of it.
                Miss::Refused(error) if !is(&error, CONFLICT) => Miss::Unit,
                miss => miss,
            })?;
        for unit in batch.iter_mut() {
            if together && unit.fresh().is_some() {
                continue;
            }
            if careful {
                tx.conn.batch_execute("SAVEPOINT unit").map_err(missed)?;
            }
            let (mark, woken) = (tx.ledger.mark(), *tx.wake);
            tx.ledger.idle = false;
            let done = unit.run(&mut tx);
            if *tx.turn == Turn::Asked {
                return Err(Miss::Alone);
            }
            if done {
                if careful {
                    tx.conn.batch_execute("RELEASE unit").map_err(missed)?;
                }
                continue;
            }
            match unit.failure() {
                Some(StoreError::Unavailable { reason, .. })
                    if [LOST, CONFLICT].contains(reason) =>
                {
                    return Err(refused(StoreError::unavailable(reason)));
                }
                _ if !careful => return Err(Miss::Unit),
                // Each has waited as long as it may: what is in the way is in everybody's.
                Some(StoreError::Unavailable { reason, .. }) if Instant::now() >= deadline => {
                    return Err(Miss::Refused(StoreError::unavailable(reason)));
                }
                _ => {
                    tx.ledger.rewind(mark);
                    tx.controls.forget();
                    *tx.wake = woken;
                    tx.conn
                        .batch_execute("ROLLBACK TO unit; RELEASE unit")
                        .map_err(missed)?;
                }
            }
        }
        Ok(())
    }

    fn roll_back(&mut self) -> Result<(), Miss> {
        let conn = self.conn.as_mut().ok_or_else(no_connection)?;
        conn.batch_execute("ROLLBACK").map_err(missed)
    }
}

/// A connection for writing, that has what ends a transaction.
fn connect(settings: &Settings) -> Result<Conn, StoreError> {
    let mut conn = reopen(settings)?;
    if settings.statement_cache {
        let writing = settings.writing_sql();
        conn.batch_execute(&format!("{writing} {}", prepare()))?;
    }
    Ok(conn)
}

/// Waits before a lost connection is made anew: not at all the first time, then longer, and not everybody at once.
fn pause(losses: &mut u32) {
    if *losses > 0 {
        let shortest = 25 << (*losses).min(4);
        let pause = rand::rng().random_range(shortest..=shortest * 2);
        thread::sleep(Duration::from_millis(pause));
    }
    *losses += 1;
}

/// What begins a transaction, in one message.
fn begin(settings: &Settings, way: Way) -> String {
    let mut begin = String::from(BEGIN);
    if let Some(pooled) = settings.transaction_sql() {
        begin.push(';');
        begin.push_str(&pooled);
    }
    if way.careful {
        // One of many may have waited in vain: the others are not to wait as long, one after the other.
        let patience = settings.lock_timeout.min(ONE_OF_MANY);
        begin.push_str("; SET LOCAL lock_timeout = ");
        begin.push_str(&patience.to_string());
    }
    if way.turn == Turn::Alone {
        begin.push_str("; SELECT id FROM turns WHERE id = 1 FOR UPDATE");
    }
    begin
}

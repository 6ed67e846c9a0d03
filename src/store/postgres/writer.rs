//! Owns the writing connections: a thread each, group commit, and what is done when a transaction cannot be had at once
//! (docs/decisions/0014).
//! Must not know: what the units do.

use std::{
    sync::Arc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use diesel::connection::SimpleConnection;
use rand::Rng;
use slog::{Logger, error, warn};

use super::{
    at_once,
    clock::ServerClock,
    ending::end,
    fate,
    hints::Hints,
    miss::{Miss, is, missed, no_connection},
    settings::Settings,
    sql::{
        controls::Controls,
        ledger::Ledger,
        standing::{Shelf, Standing},
        tx::{Lane, Turn, Tx},
        unit::{Failure, Unit, Units, contained},
        waiting::Waiting,
    },
    transaction::{BEGIN, Way, begin, work},
    wrapper::{reopen, send_ahead},
    writing::Writing,
};
use crate::store::{
    StoreError,
    error::{CONFLICT, READ_ONLY},
    time::micros,
    wake::Wake,
};

/// How long a commit is tried again before its callers are told that it cannot be had now.
const PATIENCE: Duration = Duration::from_secs(8);

/// The ways to the writing connections.
#[derive(Clone)]
pub(super) struct Writers {
    claims: Units,
    runs: Units,
    new: Units,
    rest: Units,
}

impl Writers {
    pub(super) fn of(&self, lane: Lane) -> &Units {
        match lane {
            Lane::Claims => &self.claims,
            Lane::Runs => &self.runs,
            Lane::New => &self.new,
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
    let (mut threads, shelf) = (Vec::new(), Shelf::default());
    let mut lane = |names: &[&str], home: Option<&Units>| -> Result<Units, StoreError> {
        let (units, waiting) = Units::new();
        for name in names {
            let standing = Standing::new(shelf.clone(), home.map(Units::nudger));
            let committer = Committer::new(common.clone(), standing);
            let waiting = waiting.shared();
            let thread = thread::Builder::new()
                .name(format!("lockstep-{name}"))
                .spawn(move || committer.run(waiting))
                .map_err(|error| StoreError::Internal(Box::new(error)))?;
            threads.push(thread);
        }
        Ok(units)
    };
    // Claims stand with the first.
    let claims = lane(&["claims"], None)?;
    let writers = Writers {
        runs: lane(&["runs"], Some(&claims))?,
        // While one waits for the disk, the other sends what has come meanwhile.
        new: lane(&["new-1", "new-2"], Some(&claims))?,
        rest: lane(&["rest"], Some(&claims))?,
        claims,
    };
    Ok((writers, threads))
}

/// What a transaction brought.
#[derive(Default)]
struct Brought {
    /// Something to claim.
    wake: bool,
    /// Others have heard of that.
    told: bool,
    /// Jobs moved.
    moved: bool,
}

/// One writing thread.
struct Committer {
    common: Common,
    conn: Option<Writing>,
    ledger: Ledger,
    controls: Controls,
    standing: Standing,
}

impl Committer {
    fn new(common: Common, standing: Standing) -> Self {
        Self {
            common,
            conn: None,
            ledger: Ledger::default(),
            controls: Controls::default(),
            standing,
        }
    }

    fn run(mut self, mut waiting: Waiting) {
        let mut batch = Vec::new();
        while waiting.take(&mut batch) {
            self.standing.take_in(&mut batch);
            if !batch.is_empty() || self.standing.is_to_be_asked() {
                self.commit(&mut batch);
            }
        }
    }

    /// One transaction for the whole batch: all of it is durable before the first caller is answered.
    fn commit(&mut self, batch: &mut Vec<Box<dyn Unit>>) {
        let mut brought = Brought::default();
        let committed = self.until_committed(batch, &mut brought);
        let refusals = batch.iter().filter_map(|unit| unit.failure());
        if refusals
            .chain(self.standing.failures())
            .chain(committed.as_ref().err())
            .any(|error| is(error, READ_ONLY))
        {
            // A session stays read-only when its database is not any more.
            self.conn = None;
        }
        match &committed {
            Ok(()) => {
                let wake = &self.common.wake;
                let standing = &self.standing;
                let came = brought.wake || (brought.moved && !standing.is_open());
                if came && !standing.was_asked() {
                    wake.nudge();
                }
                if brought.told {
                    wake.told();
                } else if brought.wake {
                    wake.committed();
                }
                if brought.moved {
                    wake.moved();
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
        let standing = self.standing.answered(failure.is_some());
        for unit in batch.drain(..).chain(standing) {
            unit.answer(failure.as_ref().map(|failure| failure as &Failure));
        }
    }

    /// Tries until it is done, or cannot be. Conflicts with others and lost connections are no fault of the units.
    fn until_committed(
        &mut self,
        batch: &mut [Box<dyn Unit>],
        brought: &mut Brought,
    ) -> Result<(), StoreError> {
        let deadline = Instant::now() + PATIENCE;
        let (mut turn, mut careful) = (Turn::Shared, false);
        // Who is alone in its batch has the time.
        let mut visits = batch.len() == 1;
        let mut losses = 0;
        loop {
            *brought = Brought::default();
            let way = Way {
                turn,
                careful,
                visits,
                deadline,
            };
            let miss = match self.attempt(batch, way, brought) {
                Ok(()) => return Ok(()),
                Err(miss) => self.take_back(miss),
            };
            visits = false;
            match miss {
                Miss::Alone => {
                    // Before it begins: whoever commits from now on nudges.
                    if !self.standing.is_guest() {
                        self.standing.close();
                    }
                    turn = Turn::Alone;
                }
                Miss::Unit => careful = true,
                Miss::Guest => self.standing.close(),
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
                Miss::Untold(error) => {
                    self.conn = None;
                    return Err(error);
                }
                Miss::Unknown(error, mark) => {
                    self.conn = None;
                    let connect = || reopen(&self.common.settings);
                    let committed = match mark {
                        None => Some(false),
                        Some(mark) => fate::was_committed(mark, deadline, connect),
                    };
                    if committed.ok_or(error)? {
                        return Ok(());
                    }
                    self.standing.give_back();
                }
            }
        }
    }

    /// A plain job that is alone needs no transaction of several messages. False: nothing is stored, and it does.
    fn store_at_once(
        &mut self,
        batch: &mut [Box<dyn Unit>],
        way: Way,
        brought: &mut Brought,
    ) -> Result<bool, Miss> {
        let shared = way.turn == Turn::Shared && !way.careful;
        // Where somebody stands here who takes it in the same commit, that is shorter.
        if !shared || !self.standing.is_guest() || self.standing.is_to_lend() {
            return Ok(false);
        }
        let store = || {
            Ok(at_once::store(
                &mut self.conn,
                &self.common,
                batch,
                way.deadline,
            ))
        };
        let stored = contained(store).unwrap_or_else(|panic| Err(Miss::Untold(panic)))?;
        if let Some(told) = stored {
            *brought = Brought {
                wake: true,
                told,
                moved: true,
            };
        }
        Ok(stored.is_some())
    }

    fn attempt(
        &mut self,
        batch: &mut [Box<dyn Unit>],
        way: Way,
        brought: &mut Brought,
    ) -> Result<(), Miss> {
        if self.store_at_once(batch, way, brought)? {
            return Ok(());
        }
        let start = begin(&self.common.settings, way);
        let Writing { conn, .. } = Writing::in_place(&mut self.conn, &self.common.settings)?;
        if start == BEGIN {
            send_ahead(conn, BEGIN).map_err(missed)?;
        } else {
            conn.batch_execute(&start).map_err(missed)?;
        }
        self.controls.refresh(conn).map_err(missed)?;
        let (began, now) = (Instant::now(), self.common.clock.now());
        let mut turn = way.turn;
        let mut tx = Tx {
            conn,
            now,
            began,
            ledger: &mut self.ledger,
            controls: &mut self.controls,
            wake: &mut brought.wake,
            turn: &mut turn,
            careful: way.careful,
        };
        work(&mut tx, batch, &mut self.standing, way)?;
        brought.moved = !self.ledger.is_empty();
        let prepared = self.common.settings.statement_cache;
        // Alone, nobody waits behind it for the one lock of all notifications.
        let idle = brought.wake && batch.len() == 1;
        let hint = || {
            let along = idle.then(|| self.common.hints.to_go_along()).flatten();
            along.map(|(command, _)| command)
        };
        brought.told = end(conn, &mut self.ledger, micros(now), prepared, hint)?;
        self.standing.open(way.turn == Turn::Shared);
        Ok(())
    }

    /// After a try that did not commit, nothing of it is left. Answers how it ended after all.
    fn take_back(&mut self, miss: Miss) -> Miss {
        self.ledger = Ledger::default();
        self.controls.forget();
        let miss = match miss.is_open().then(|| self.roll_back()) {
            Some(Err(lost)) => lost,
            _ => miss,
        };
        // A commit that may have come to pass may have given something.
        if !matches!(miss, Miss::Unknown(..) | Miss::Untold(_)) {
            self.standing.give_back();
        }
        miss
    }

    fn roll_back(&mut self) -> Result<(), Miss> {
        let Writing { conn, .. } = self.conn.as_mut().ok_or_else(no_connection)?;
        conn.batch_execute("ROLLBACK").map_err(missed)
    }
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

//! Owns the loop that claims jobs, starts their runs, and stops: one task that owns all state, so there are no locks.
//! Must not know: any concrete job type, or SQL. Leases live in leases.rs, settlements in settle.rs.

use std::{collections::HashMap, sync::Arc, time::Duration};

use futures::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use slog::{error, warn};
use tokio::{
    runtime::Handle,
    sync::watch,
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::{
    held::Held,
    outcome::{self, RunEnd, StopReason},
    run::{self, Brakes},
    runner::{Order, Runner},
    settle::{Batch, Unsettled},
    wait::Wait,
};
use crate::{
    model::{ClaimedJob, LeaseState, LeaseToken, Settled},
    store::{Claim, Claims, StoreError, Wakeups},
};

/// Most jobs of one claim.
const CLAIM_LIMIT: usize = 500;

/// How long the last settlements may take after the last run has ended at a stop.
const LAST_SETTLEMENTS: Duration = Duration::from_secs(5);

/// Shortest wait for a rate limit: keeps a clock that stands still from spinning.
const SHORTEST_WAIT: Duration = Duration::from_millis(5);

/// A job and the proof that it is ours. A token is only promised to be unique to its job.
pub(super) type Lease = (i64, LeaseToken);

/// Something that the loop waited for.
pub(super) enum Event {
    Claimed(Instant, usize, Result<Claims, StoreError>),
    RunEnded(Lease, RunEnd),
    Settled(Batch, Result<Vec<Settled>, StoreError>),
    SettleAgain,
    HeartbeatDue,
    Heartbeat(Instant, Vec<Lease>, Result<Vec<LeaseState>, StoreError>),
    LeasesEnd,
    LookAgain,
    Poll,
    LookedAgain,
    DrainOver,
    GiveUp,
}

/// How far a stop has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Running,
    Draining,
    Stopping,
    GivenUp,
}

/// The one claim that is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Claiming {
    No,
    Yes,
    /// It was told that this process stops.
    LetGo,
}

pub(super) struct Control {
    pub(super) runner: Arc<Runner>,
    processors: Handle,
    queues: Vec<String>,
    /// Every lease of this process: of runs, and of outcomes that are not stored yet.
    pub(super) held: HashMap<Lease, Held>,
    /// How many of them run.
    running: usize,
    pub(super) unsettled: Unsettled,
    pub(super) events: FuturesUnordered<BoxFuture<'static, Event>>,
    phase: Phase,
    /// Drops all runs without waiting for them.
    drop_now: CancellationToken,
    wakeups: Wakeups,
    /// There may be jobs to claim.
    look: bool,
    claiming: Claiming,
    claim_wait: Wait,
    /// When a timer makes us look again.
    look_at: Option<Instant>,
}

impl Control {
    pub(super) fn new(runner: Arc<Runner>, processors: Handle) -> Self {
        Self {
            queues: runner.queues(),
            // Before the first look, so that no wake-up falls between.
            wakeups: runner.store.subscribe(),
            processors,
            held: HashMap::new(),
            running: 0,
            unsettled: Unsettled::default(),
            events: FuturesUnordered::new(),
            phase: Phase::Running,
            drop_now: CancellationToken::new(),
            look: true,
            claiming: Claiming::No,
            claim_wait: Wait::default(),
            look_at: None,
            runner,
        }
    }

    /// Runs until a stop is through.
    pub(super) async fn run(mut self, mut orders: watch::Receiver<Order>) {
        let mut orphaned = false;
        self.after(self.heartbeat_every(), Event::HeartbeatDue);
        self.after(self.runner.config.poll, Event::Poll);
        loop {
            self.claim();
            self.settle();
            if self.is_through() {
                return;
            }
            tokio::select! {
                biased;
                changed = orders.changed(), if !orphaned => {
                    // Nobody is left to give orders: the handle was dropped.
                    orphaned = changed.is_err();
                    let order = if orphaned { Order::StopNow } else { *orders.borrow_and_update() };
                    self.obey(order);
                }
                // Jobs before the hint that there are some.
                Some(event) = self.events.next() => self.handle_all(event),
                // A claim under way is asked again by the store.
                () = self.wakeups.changed(), if self.claiming == Claiming::No => self.look = true,
            }
        }
    }

    /// Handles `event` and all others that are ready, so that runs that ended together are settled together.
    fn handle_all(&mut self, event: Event) {
        self.handle(event);
        while let Some(Some(event)) = self.events.next().now_or_never() {
            self.handle(event);
        }
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Claimed(sent, limit, answer) => self.claimed(sent, limit, answer),
            Event::RunEnded(lease, end) => self.run_ended(lease, end),
            Event::Settled(batch, answer) => {
                self.settled(batch, answer);
                // It may have left a place that no claim stands for.
                self.look |= self.claiming == Claiming::No;
            }
            Event::SettleAgain => self.unsettled.resume(),
            Event::HeartbeatDue => self.heartbeat(),
            Event::Heartbeat(sent, leases, answer) => {
                self.heartbeat_answered(sent, &leases, answer);
            }
            Event::LeasesEnd => self.stop_unsure_runs(),
            Event::LookAgain => {
                self.look = true;
                self.look_at = None;
            }
            Event::Poll => {
                self.look = true;
                self.after(self.runner.config.poll, Event::Poll);
            }
            Event::LookedAgain => {}
            Event::DrainOver => self.stop_runs(),
            Event::GiveUp => self.phase = Phase::GivenUp,
        }
    }

    pub(super) fn after(&self, wait: Duration, event: Event) {
        self.at(Instant::now() + wait, event);
    }

    pub(super) fn at(&self, instant: Instant, event: Event) {
        self.events
            .push(sleep_until(instant).map(|()| event).boxed());
    }

    /// Claims as many jobs as there are free slots. While settlements cannot be stored, takes no more.
    fn claim(&mut self) {
        if self.claiming != Claiming::No {
            return self.look_again();
        }
        let slots = self.runner.config.worker_count.max(1);
        let limit = slots.saturating_sub(self.running).min(CLAIM_LIMIT);
        let wanted = self.phase == Phase::Running && self.look;
        if !wanted || limit == 0 || self.unsettled.is_held_up() {
            return;
        }
        self.wakeups.seen();
        self.look = false;
        self.claiming = Claiming::Yes;
        let runner = Arc::clone(&self.runner);
        let queues = self.queues.clone();
        let sent = Instant::now();
        self.events.push(Box::pin(async move {
            let queues: Vec<&str> = queues.iter().map(String::as_str).collect();
            let reads = runner.registry.reads();
            let claim = Claim {
                queues: &queues,
                worker: &runner.config.worker_id,
                limit,
                lease: runner.config.lease,
                reads: Some(&reads),
            };
            let answer = runner.store.job_claim_next(claim).await;
            Event::Claimed(sent, limit, answer)
        }));
    }

    /// A claim that waits with the store does not see that this process stops, and may have missed a hint.
    fn look_again(&mut self) {
        let stops = self.phase != Phase::Running;
        let untold = stops && self.claiming == Claiming::Yes;
        if !self.look && !untold {
            return;
        }
        self.look = false;
        if stops {
            self.claiming = Claiming::LetGo;
        }
        let runner = Arc::clone(&self.runner);
        self.events.push(Box::pin(async move {
            // If it cannot be said now, the next poll says it again.
            let _ = if stops {
                runner.store.job_let_go().await
            } else {
                runner.store.job_look_again().await
            };
            Event::LookedAgain
        }));
    }

    fn claimed(&mut self, sent: Instant, limit: usize, answer: Result<Claims, StoreError>) {
        self.claiming = Claiming::No;
        match answer {
            Ok(claims) => {
                self.claim_wait = Wait::default();
                self.look |= claims.more || claims.jobs.len() >= limit;
                // To wait for the next ones.
                self.look |= claims.ready_at.is_none();
                let began = claims.began.map_or(sent, Instant::from_std);
                if let Some(ready) = claims.ready_at {
                    let wait = (ready - self.runner.clock.now()).to_std();
                    self.look_after(wait.unwrap_or_default().max(SHORTEST_WAIT));
                }
                for job in claims.jobs {
                    self.start(job, began + self.runner.config.lease);
                }
            }
            Err(error) => {
                let wait = self.claim_wait.next();
                warn!(self.runner.log, "cannot claim jobs";
                    "error" => outcome::with_causes(&error), "wait_ms" => wait.as_millis());
                self.look_after(wait);
            }
        }
    }

    /// One timer, the earliest, is enough: every claim may ask for one.
    fn look_after(&mut self, wait: Duration) {
        let at = Instant::now() + wait;
        if self.look_at.is_none_or(|known| at < known) {
            self.look_at = Some(at);
            self.at(at, Event::LookAgain);
        }
    }

    fn start(&mut self, mut job: ClaimedJob, lease_end: Instant) {
        let lease = (job.id, job.lease);
        let payload = std::mem::take(&mut job.payload);
        let job = Arc::new(job);
        let brakes = Brakes::new(&self.drop_now);
        let mut held = Held::new(Arc::clone(&job), brakes.clone(), lease_end);
        self.running += 1;
        if self.phase != Phase::Running {
            // Claimed while the stop began.
            held.ask_to_stop(StopReason::WorkerStops);
            self.held.insert(lease, held);
            self.run_ended(lease, RunEnd::Dropped);
            return;
        }
        self.held.insert(lease, held);
        let runner = Arc::clone(&self.runner);
        let processors = self.processors.clone();
        self.events.push(Box::pin(async move {
            let end = run::run(&runner, &job, payload, &brakes, &processors).await;
            Event::RunEnded(lease, end)
        }));
    }

    fn run_ended(&mut self, lease: Lease, end: RunEnd) {
        let Some(held) = self.held.get_mut(&lease) else {
            return;
        };
        held.has_ended();
        self.running -= 1;
        if matches!(end, RunEnd::Panicked(_)) {
            self.runner.metrics.panicked("processor");
        }
        let policy = self.runner.registry.policy(&held.job.job_type);
        match outcome::settlement(&held.job, policy, end, held.stop, rand::random()) {
            Some(settlement) => self.unsettled.push(lease, settlement),
            // Somebody else's by now.
            None => drop(self.held.remove(&lease)),
        }
        // A slot is free. A claim that waits has slots, and is asked again when this run is settled, if its place is wanted.
        self.look |= self.claiming == Claiming::No;
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Run => {}
            Order::Drain(until) => {
                self.phase = self.phase.max(Phase::Draining);
                self.at(until, Event::DrainOver);
            }
            Order::StopNow => {
                self.stop_runs();
                self.drop_now.cancel();
            }
        }
    }

    fn stop_runs(&mut self) {
        self.phase = self.phase.max(Phase::Stopping);
        for held in self.held.values_mut().filter(|held| held.is_running()) {
            held.ask_to_stop(StopReason::WorkerStops);
        }
        self.after(self.runner.config.grace + LAST_SETTLEMENTS, Event::GiveUp);
    }

    fn is_through(&self) -> bool {
        match self.phase {
            Phase::Running => false,
            Phase::Draining | Phase::Stopping => {
                self.held.is_empty() && self.claiming == Claiming::No
            }
            Phase::GivenUp => {
                error!(self.runner.log, "stopped with outcomes that could not be stored; their leases run out";
                    "jobs" => self.held.len());
                true
            }
        }
    }
}

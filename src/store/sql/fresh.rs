//! Owns new jobs and users that only need to be stored, on their way to the database: those of a batch are stored together,
//! first the users and then the jobs.
//! Must not know: how a batch is collected or committed.

use std::time::Duration;

use chrono::{DateTime, Utc};
use slog::Logger;
use tokio::sync::oneshot;

use super::{
    dialect,
    enqueue::{insert, is_plain},
    new_row::NewRow,
    sign_ups,
    together::insert_many,
    tx::Tx,
    unit::{Failure, Unit, contained, told},
};
use crate::{
    model::{Enqueued, NewJob, NewUser, User, UserCreatedJob},
    store::{StoreError, UserCreated},
};

/// What is new, what became of it in the last run, and who wants to know.
pub(in crate::store) struct Fresh<N, T> {
    new: N,
    outcome: Option<Result<T, StoreError>>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<N, T> Fresh<N, T> {
    fn answer(self, failure: Option<&Failure>) {
        // A caller that has gone away does not want to know.
        let _ = self.reply.send(told(self.outcome, failure));
    }

    fn failure(&self) -> Option<&StoreError> {
        self.outcome.as_ref()?.as_ref().err()
    }
}

type FreshJob = Fresh<NewJob, Enqueued>;
/// With the log that hears of a job that is owed.
type FreshUser = Fresh<(NewUser, UserCreatedJob, Logger), UserCreated>;

/// One of the two.
#[expect(clippy::large_enum_variant, reason = "a unit is in a box of its own")]
pub(in crate::store) enum Kind {
    Job(FreshJob),
    User(FreshUser),
}

/// A unit that only stores something new.
pub(in crate::store) struct Store {
    kind: Kind,
    /// How much waiting outweighs one step of priority.
    ageing: Duration,
}

impl Store {
    /// A plain job.
    pub(in crate::store) fn job(
        new: NewJob,
        ageing: Duration,
    ) -> (Self, oneshot::Receiver<Result<Enqueued, StoreError>>) {
        let (reply, answer) = oneshot::channel();
        let outcome = None;
        let kind = Kind::Job(Fresh {
            new,
            outcome,
            reply,
        });
        (Self { kind, ageing }, answer)
    }

    /// A user, and the job that comes with it.
    pub(in crate::store) fn user(
        user: NewUser,
        job: UserCreatedJob,
        ageing: Duration,
        log: Logger,
    ) -> (Self, oneshot::Receiver<Result<UserCreated, StoreError>>) {
        let (reply, answer) = oneshot::channel();
        let (new, outcome) = ((user, job, log), None);
        let kind = Kind::User(Fresh {
            new,
            outcome,
            reply,
        });
        (Self { kind, ageing }, answer)
    }
}

impl Unit for Store {
    fn run(&mut self, tx: &mut Tx<'_>) -> bool {
        let Self { kind, ageing } = self;
        match kind {
            Kind::Job(fresh) => {
                let outcome = contained(|| insert(tx, &fresh.new, *ageing));
                fresh.outcome.insert(outcome).is_ok()
            }
            Kind::User(fresh) => {
                let (user, job, log) = &fresh.new;
                let outcome = contained(|| sign_ups::create(tx, user, job, *ageing, log));
                fresh.outcome.insert(outcome).is_ok()
            }
        }
    }

    fn failure(&self) -> Option<&StoreError> {
        match &self.kind {
            Kind::Job(fresh) => fresh.failure(),
            Kind::User(fresh) => fresh.failure(),
        }
    }

    fn fresh(&mut self) -> Option<(&mut Kind, Duration)> {
        Some((&mut self.kind, self.ageing))
    }

    fn answer(self: Box<Self>, failure: Option<&Failure>) {
        match self.kind {
            Kind::Job(fresh) => fresh.answer(failure),
            Kind::User(fresh) => fresh.answer(failure),
        }
    }
}

/// Stores a plain job that is alone in its batch, by what answers its number, or `None` where it is not stored. False: it is
/// not, or the batch is another one.
#[allow(dead_code, reason = "SQLite has nothing to gain")]
pub(in crate::store) fn store_alone<E>(
    batch: &mut [Box<dyn Unit>],
    now: DateTime<Utc>,
    insert: impl FnOnce(&NewRow<'_>) -> Result<Option<i64>, E>,
) -> Result<bool, E> {
    let [unit] = batch else { return Ok(false) };
    let Some((Kind::Job(fresh), ageing)) = unit.fresh() else {
        return Ok(false);
    };
    let row = NewRow::of(&fresh.new, now, ageing);
    let Some(id) = insert(&row)? else {
        return Ok(false);
    };
    fresh.outcome = Some(Ok(row.enqueued(id, now)));
    Ok(true)
}

/// Stores what is new in a batch. False, and nothing is stored: each is to be run for itself. After an error, all is to be
/// run again in another transaction, each for itself.
pub(in crate::store) fn store_together(
    tx: &mut Tx<'_>,
    batch: &mut [Box<dyn Unit>],
) -> Result<bool, StoreError> {
    let mut all = Vec::with_capacity(batch.len());
    let mut waits = Duration::ZERO;
    for (kind, ageing) in batch.iter_mut().filter_map(|unit| unit.fresh()) {
        waits = ageing;
        all.push(kind);
    }
    if all.len() < dialect::TOGETHER {
        return Ok(false);
    }
    contained(|| store_all(tx, &mut all, waits))
}

fn store_all(tx: &mut Tx<'_>, all: &mut [&mut Kind], ageing: Duration) -> Result<bool, StoreError> {
    let mut new = Vec::new();
    for kind in all.iter() {
        if let Kind::User(fresh) = kind {
            new.push(&fresh.new.0);
        }
    }
    let any_user = !new.is_empty();
    let Some(stored) = sign_ups::store_many(tx, &new)? else {
        return Ok(false);
    };
    let mut stored = stored.into_iter();
    // In the order of their callers: `None`, where an address is taken.
    let mut users = Vec::with_capacity(all.len());
    let mut made = Vec::with_capacity(all.len());
    for kind in all.iter() {
        let Kind::User(fresh) = kind else { continue };
        let user = stored.next().ok_or_else(lost)?;
        if let Some(user) = &user {
            made.push(fresh.new.1(user.id));
        }
        users.push(user);
    }
    if !made.iter().all(is_plain) {
        return Err(StoreError::internal("a user's job is not plain"));
    }
    let mut jobs: Vec<&NewJob> = made.iter().collect();
    jobs.extend(all.iter().filter_map(|kind| match kind {
        Kind::Job(fresh) => Some(&fresh.new),
        Kind::User(_) => None,
    }));
    let Some(stored) = insert_many(tx, &jobs, ageing)? else {
        // The users are stored, and each is to meet the limit for itself.
        return if any_user { Err(lost()) } else { Ok(false) };
    };
    let (theirs, plain) = stored.split_at(made.len());
    let theirs = theirs.iter().map(|(_, id)| *id).collect();
    let plain = plain.iter().map(|(row, id)| row.enqueued(*id, tx.now));
    let plain = plain.collect();
    hand_out(all, users, theirs, plain)?;
    Ok(true)
}

/// To each its own: users, the numbers of their jobs, and jobs, each in the order of their callers.
fn hand_out(
    all: &mut [&mut Kind],
    users: Vec<Option<User>>,
    theirs: Vec<i64>,
    jobs: Vec<Enqueued>,
) -> Result<(), StoreError> {
    let (mut users, mut theirs, mut jobs) =
        (users.into_iter(), theirs.into_iter(), jobs.into_iter());
    for kind in all.iter_mut() {
        match &mut **kind {
            Kind::Job(fresh) => fresh.outcome = Some(Ok(jobs.next().ok_or_else(lost)?)),
            Kind::User(fresh) => {
                fresh.outcome = Some(match users.next().ok_or_else(lost)? {
                    Some(user) => Ok(UserCreated {
                        user,
                        job_id: Some(theirs.next().ok_or_else(lost)?),
                    }),
                    None => Err(StoreError::EmailTaken),
                });
            }
        }
    }
    Ok(())
}

fn lost() -> StoreError {
    StoreError::internal("not all that is new was stored")
}

//! Owns operating on the database itself, by the same rules as over HTTP.
//! Must not know: how the outcome is shown.

use std::{sync::Arc, time::Duration};

use serde_json::Value;
use slog::Logger;

use super::{Failure, target::Target, wait};
use crate::{
    clock::SystemClock,
    config::Config,
    contract::{self, types, wire, wire_enqueue, wire_events, wire_groups},
    model::{
        BulkChange, EventFilter, EventsFrom, Fault, JobFilter, NewUser, UserChange, UserFilter,
    },
    processors::user_created::job_for,
    queue::new_job,
    store::{Store, StoreConfig},
    validation::{Mode, Validator},
};

/// Rows per query.
const BATCH: usize = 1_000;

/// A database, opened for one command.
pub(super) struct Database {
    store: Store,
    mode: Mode,
}

impl Database {
    /// A database that does not exist is made only for a command that stores something new: an operator who asks a
    /// question of the wrong file should hear so.
    pub(super) async fn open(config: &Config, create: bool, log: &Logger) -> Result<Self, Failure> {
        let store_config = StoreConfig {
            create,
            policies: contract::POLICIES,
            ..StoreConfig::new(config.database_url.clone())
        };
        let store = Store::open(&store_config, Arc::new(SystemClock), log)
            .await
            .map_err(|error| Failure::of_store(error, "database"))?;
        Ok(Self {
            store,
            mode: config.validation_mode,
        })
    }

    pub(super) fn store(&self) -> &Store {
        &self.store
    }

    pub(super) async fn close(self) {
        self.store.close().await;
    }
}

impl Target for Database {
    async fn job_stats(&self) -> Result<types::JobStats, Failure> {
        let counts = self.store.job_counts().await;
        let counts = counts.map_err(|error| Failure::of_store(error, "statistics"))?;
        Ok(wire::stats(&counts)?)
    }

    async fn jobs(&self, filter: JobFilter, limit: u32) -> Result<Vec<types::Job>, Failure> {
        let mut jobs = Vec::new();
        let mut before = None;
        while let Some(wanted) = batch(limit, jobs.len()) {
            let rows = self.store.job_list(filter.clone(), before, wanted).await;
            let rows = rows.map_err(|error| Failure::of_store(error, "jobs"))?;
            before = rows.last().map(|row| row.id);
            let ended = rows.len() < wanted;
            for row in &rows {
                jobs.push(wire::job(row)?);
            }
            if ended {
                break;
            }
        }
        Ok(jobs)
    }

    async fn job(&self, id: u64) -> Result<types::Job, Failure> {
        let found = self.store.job_get(number(id)?).await;
        let found = found.map_err(|error| Failure::of_store(error, &job(id)))?;
        Ok(wire::job(
            &found.ok_or_else(|| Failure::NotFound(job(id)))?,
        )?)
    }

    async fn job_attempts(&self, id: u64) -> Result<Vec<types::JobAttempt>, Failure> {
        let runs = self.store.job_attempts(number(id)?, BATCH).await;
        let runs = runs.map_err(|error| Failure::of_store(error, &job(id)))?;
        Ok(runs.iter().map(wire::attempt).collect::<Result<_, _>>()?)
    }

    async fn job_wait(&self, id: u64, limit: Option<Duration>) -> Result<types::Job, Failure> {
        let row = number(id)?;
        wait::until_end(self.store(), row, limit)
            .await
            .map_err(|error| Failure::of_store(error, &job(id)))?;
        self.job(id).await
    }

    async fn events(
        &self,
        from: EventsFrom,
        filter: &EventFilter,
        limit: u32,
        wait: Duration,
    ) -> Result<types::JobEvents, Failure> {
        let page = wait::for_events(self.store(), from, filter, limit, wait).await;
        let page = page.map_err(|error| Failure::of_store(error, "events"))?;
        Ok(wire_events::page(&page)?)
    }

    async fn job_create(&self, body: Value, dry_run: bool) -> Result<types::EnqueuedJob, Failure> {
        let request: types::JobRequest = self.read("JobRequest", body)?;
        let policy = contract::policy(&request.job_type).ok_or_else(|| {
            Failure::invalid(&[Fault::new("/body/job_type", "is not a declared job type")])
        })?;
        let payload = Value::Object(request.payload.clone());
        self.check(policy.payload_schema, &payload, "/body/payload")?;
        let options = contract::options_of(&request);
        let job = new_job(policy, payload.to_string(), options);
        let job = job.map_err(|faults| Failure::invalid(&faults))?;
        let refused = |error| Failure::of_store(error, "job");
        if dry_run {
            let would = self.store.job_dry_run(job).await.map_err(refused)?;
            return Ok(wire_enqueue::would_enqueue(&would)?);
        }
        let stored = self.store.job_enqueue(job).await.map_err(refused)?;
        Ok(wire_enqueue::enqueued(&stored)?)
    }

    async fn drift(&self, document: Option<&Value>) -> Result<types::Drift, Failure> {
        super::drift::of_store(&self.store, document, self.mode).await
    }

    async fn job_cancel(&self, id: u64) -> Result<types::Job, Failure> {
        let stored = self.store.job_cancel(number(id)?).await;
        let stored = stored.map_err(|error| Failure::of_store(error, &job(id)))?;
        Ok(wire::job(&stored)?)
    }

    async fn job_retry(&self, id: u64) -> Result<types::Job, Failure> {
        let stored = self.store.job_retry(number(id)?).await;
        let stored = stored.map_err(|error| Failure::of_store(error, &job(id)))?;
        Ok(wire::job(&stored)?)
    }

    async fn job_delete(&self, id: u64) -> Result<(), Failure> {
        let deleted = self.store.job_delete(number(id)?).await;
        deleted.map_err(|error| Failure::of_store(error, &job(id)))
    }

    async fn jobs_create(&self, body: Value) -> Result<types::BulkJobs, Failure> {
        self.create_many(body).await
    }

    async fn jobs_change(&self, change: &BulkChange) -> Result<types::BulkChange, Failure> {
        self.change_many(change).await
    }

    async fn group_create(&self, body: Value) -> Result<types::JobGroupCreated, Failure> {
        self.create_group(body).await
    }

    async fn groups(&self, limit: u32) -> Result<Vec<types::JobGroup>, Failure> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let groups = self.store.group_list(None, limit).await;
        let groups = groups.map_err(|error| Failure::of_store(error, "groups"))?;
        Ok(groups
            .iter()
            .map(wire_groups::group)
            .collect::<Result<_, _>>()?)
    }

    async fn group(&self, id: u64) -> Result<types::JobGroup, Failure> {
        let found = self.store.group_get(number(id)?).await;
        let found = found.map_err(|error| Failure::of_store(error, "group"))?;
        let found = found.ok_or_else(|| Failure::NotFound(format!("group {id}")))?;
        Ok(wire_groups::group(&found)?)
    }

    async fn group_cancel(&self, id: u64) -> Result<types::JobGroup, Failure> {
        let group = self.store.group_cancel(number(id)?).await;
        let group = group.map_err(|error| Failure::of_store(error, &format!("group {id}")))?;
        Ok(wire_groups::group(&group)?)
    }

    async fn user_create(&self, body: Value) -> Result<types::User, Failure> {
        let request: types::UserRequest = self.read("UserRequest", body)?;
        let user = NewUser {
            email: request.email.to_string(),
            age: *request.age,
            name: request.name.map(|name| name.to_string()),
            bio: request.bio.map(|bio| bio.to_string()),
            is_active: request.is_active,
            additional_data: None,
        };
        let job = job_for(&user);
        let stored = self.store.user_create(user, job).await;
        let stored = stored.map_err(|error| Failure::of_store(error, "user"))?;
        Ok(wire::user(stored.user)?)
    }

    async fn users(&self, filter: UserFilter, limit: u32) -> Result<Vec<types::User>, Failure> {
        let mut users = Vec::new();
        let mut before = None;
        while let Some(wanted) = batch(limit, users.len()) {
            let rows = self.store.user_list(filter.clone(), before, wanted).await;
            let rows = rows.map_err(|error| Failure::of_store(error, "users"))?;
            before = rows.last().map(|row| row.id);
            let ended = rows.len() < wanted;
            for row in rows {
                users.push(wire::user(row)?);
            }
            if ended {
                break;
            }
        }
        Ok(users)
    }

    async fn user(&self, id: u64) -> Result<types::User, Failure> {
        let found = self.store.user_get(number(id)?).await;
        let found = found.map_err(|error| Failure::of_store(error, &user(id)))?;
        let found = found.ok_or_else(|| Failure::NotFound(user(id)))?;
        Ok(wire::user(found)?)
    }

    async fn user_update(&self, id: u64, body: Value) -> Result<types::User, Failure> {
        let patch: types::UserPatch = self.read("UserPatch", body)?;
        let change = UserChange {
            email: patch.email.map(|email| email.to_string()),
            age: patch.age.map(|age| *age),
            name: patch.name.map(|name| Some(name.to_string())),
            bio: patch.bio.map(|bio| Some(bio.to_string())),
            is_active: patch.is_active,
        };
        let stored = self.store.user_update(number(id)?, change, None).await;
        let stored = stored.map_err(|error| Failure::of_store(error, &user(id)))?;
        Ok(wire::user(stored)?)
    }

    async fn user_delete(&self, id: u64) -> Result<(), Failure> {
        let deleted = self.store.user_delete(number(id)?, None).await;
        deleted.map_err(|error| Failure::of_store(error, &user(id)))
    }
}

impl Database {
    /// The body as its type, checked against the schema of that name first.
    pub(super) fn read<T: serde::de::DeserializeOwned>(
        &self,
        schema: &str,
        body: Value,
    ) -> Result<T, Failure> {
        self.check(schema, &body, "/body")?;
        serde_json::from_value(body)
            .map_err(|error| Failure::invalid(&[Fault::new("/body", error.to_string())]))
    }
}

impl Database {
    pub(super) fn validator(&self) -> Result<Validator, Failure> {
        Validator::new(contract::document(), self.mode)
            .map_err(|error| Failure::Internal("the contract cannot be compiled", Box::new(error)))
    }

    /// Checks as the server does. The schemas are compiled here, since most commands need none.
    fn check(&self, schema: &str, value: &Value, at: &str) -> Result<(), Failure> {
        match self.validator()?.check(schema, value, at).as_slice() {
            [] => Ok(()),
            faults => Err(Failure::invalid(faults)),
        }
    }
}

/// How many rows to ask for next; `None` when there are enough.
pub(super) fn batch(limit: u32, so_far: usize) -> Option<usize> {
    let left = usize::try_from(limit)
        .unwrap_or(usize::MAX)
        .saturating_sub(so_far);
    (left > 0).then(|| left.min(BATCH))
}

/// No id is larger than the store's numbers.
pub(super) fn number(id: u64) -> Result<i64, Failure> {
    i64::try_from(id).map_err(|_| Failure::NotFound(format!("id {id}")))
}

fn job(id: u64) -> String {
    format!("job {id}")
}

fn user(id: u64) -> String {
    format!("user {id}")
}

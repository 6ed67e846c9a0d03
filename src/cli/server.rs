//! Owns operating on a running server, through the generated client.
//! Must not know: how the outcome is shown.

use std::{
    num::{NonZeroU32, NonZeroU64},
    time::{Duration, Instant},
};

use lockstep_client::{Client, ConnectError, Lockstep, builder::ListJobs};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Failure, target::Target};
use crate::{
    config::Secret,
    contract::{types, wire, wire_bulk},
    model::{BulkAction, BulkChange, EventFilter, EventsFrom, Fault, JobFilter, UserFilter},
};

/// Most items on a page, by the contract.
const PAGE: u32 = 1_000;

/// Longest wait of one request.
const LONGEST_WAIT: Duration = Duration::from_secs(20);

/// A server that answers over HTTP.
pub(super) struct Server {
    client: Client,
}

impl Server {
    /// Nothing is sent yet.
    pub(super) fn new(url: &str, token: Option<&Secret>) -> Result<Self, Failure> {
        let mut settings = Lockstep::new(url);
        if let Some(token) = token {
            settings = settings.token(token.expose());
        }
        let refused = |error: ConnectError| Failure::Usage(format!("--server or token: {error}"));
        let client = settings.client().map_err(refused)?;
        Ok(Self { client })
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    fn filtered(&self, filter: &JobFilter) -> Result<ListJobs<'_>, Failure> {
        let mut request = self.client.list_jobs();
        if let Some(status) = filter.status {
            request = request.status(wire::status(status));
        }
        if let Some(job_type) = &filter.job_type {
            request = request.job_type(job_type.as_str());
        }
        if let Some(queue) = &filter.queue {
            request = request.queue(queue.as_str());
        }
        if let Some(tag) = &filter.tag {
            request = request.tag(tag.as_str());
        }
        if let Some(group) = filter.group_id {
            let group = number(group.unsigned_abs())?;
            request = request.group_id(types::JobGroupId(group));
        }
        if let Some(after) = filter.created_after {
            request = request.created_after(after);
        }
        if let Some(before) = filter.created_before {
            request = request.created_before(before);
        }
        if let Some(search) = &filter.search {
            request = request.search(search.as_str());
        }
        Ok(request)
    }
}

impl Target for Server {
    async fn job_stats(&self) -> Result<types::JobStats, Failure> {
        let answer = self.client.get_job_stats().send().await;
        answer
            .map(lockstep_client::ResponseValue::into_inner)
            .map_err(|error| Failure::of_server(error, "statistics"))
    }

    async fn jobs(&self, filter: JobFilter, limit: u32) -> Result<Vec<types::Job>, Failure> {
        let mut jobs = Vec::new();
        let mut token: Option<String> = None;
        while let Some(wanted) = page(limit, jobs.len()) {
            let mut request = self.filtered(&filter)?.limit(wanted);
            if let Some(token) = token {
                request = request.page_token(token);
            }
            let answer = request.send().await;
            let page = answer
                .map_err(|error| Failure::of_server(error, "jobs"))?
                .into_inner();
            jobs.extend(page.items);
            token = page.next_page;
            if token.is_none() {
                break;
            }
        }
        Ok(jobs)
    }

    async fn job(&self, id: u64) -> Result<types::Job, Failure> {
        let answer = self.client.get_job().id(number(id)?).send().await;
        answer
            .map(lockstep_client::ResponseValue::into_inner)
            .map_err(|error| Failure::of_server(error, &job(id)))
    }

    async fn job_attempts(&self, id: u64) -> Result<Vec<types::JobAttempt>, Failure> {
        let answer = self.client.list_job_attempts().id(number(id)?).send().await;
        answer
            .map(|answer| answer.into_inner().items)
            .map_err(|error| Failure::of_server(error, &job(id)))
    }

    async fn job_wait(&self, id: u64, limit: Option<Duration>) -> Result<types::Job, Failure> {
        let began = Instant::now();
        loop {
            let left = limit.map(|limit| limit.saturating_sub(began.elapsed()));
            let request = self.client.get_job().id(number(id)?);
            let answer = request.wait_seconds(seconds(left)).send().await;
            let job = answer
                .map(lockstep_client::ResponseValue::into_inner)
                .map_err(|error| Failure::of_server(error, &job(id)))?;
            let over = limit.is_some_and(|limit| began.elapsed() >= limit);
            if over || has_ended(job.status) {
                return Ok(job);
            }
        }
    }

    async fn events(
        &self,
        from: EventsFrom,
        filter: &EventFilter,
        limit: u32,
        wait: Duration,
    ) -> Result<types::JobEvents, Failure> {
        let mut request = self.client.list_events().wait_seconds(seconds(Some(wait)));
        if let Some(limit) = NonZeroU32::new(limit) {
            request = request.limit(limit);
        }
        match from {
            EventsFrom::Oldest => {}
            EventsFrom::Now => request = request.after("now"),
            EventsFrom::After(cursor) => request = request.after(cursor.to_string()),
        }
        if let Some(job_type) = &filter.job_type {
            request = request.job_type(job_type.as_str());
        }
        if let Some(id) = filter.job_id {
            request = request.job_id(types::JobId(number(id.unsigned_abs())?));
        }
        let answer = request.send().await;
        answer
            .map(lockstep_client::ResponseValue::into_inner)
            .map_err(|error| Failure::of_server(error, "events"))
    }

    async fn job_create(&self, body: Value, dry_run: bool) -> Result<types::EnqueuedJob, Failure> {
        let body: types::JobRequest = typed(body)?;
        let answer = self
            .client
            .create_job()
            .dry_run(dry_run)
            .body(body)
            .send()
            .await;
        answer
            .map(lockstep_client::ResponseValue::into_inner)
            .map_err(|error| Failure::of_server(error, "job"))
    }

    async fn drift(&self, document: Option<&Value>) -> Result<types::Drift, Failure> {
        super::drift::of_server(&self.client, document).await
    }

    async fn job_cancel(&self, id: u64) -> Result<types::Job, Failure> {
        let answer = self.client.cancel_job().id(number(id)?).send().await;
        answer
            .map(lockstep_client::ResponseValue::into_inner)
            .map_err(|error| Failure::of_server(error, &job(id)))
    }

    async fn job_retry(&self, id: u64) -> Result<types::Job, Failure> {
        let answer = self.client.retry_job().id(number(id)?).send().await;
        answer
            .map(lockstep_client::ResponseValue::into_inner)
            .map_err(|error| Failure::of_server(error, &job(id)))
    }

    async fn job_delete(&self, id: u64) -> Result<(), Failure> {
        let answer = self.client.delete_job().id(number(id)?).send().await;
        answer
            .map(|_| ())
            .map_err(|error| Failure::of_server(error, &job(id)))
    }

    async fn jobs_create(&self, body: Value) -> Result<types::BulkJobs, Failure> {
        let body: types::BulkJobsRequest = typed(body)?;
        let answer = self.client.create_jobs().body(body).send().await;
        answer
            .map(lockstep_client::ResponseValue::into_inner)
            .map_err(|error| Failure::of_server(error, "jobs"))
    }

    async fn jobs_change(&self, change: &BulkChange) -> Result<types::BulkChange, Failure> {
        let body = wire_bulk::change(change).map_err(|error| Failure::Usage(error.to_string()))?;
        let answer = match change.action {
            BulkAction::Retry => self.client.retry_jobs().body(body).send().await,
            BulkAction::Cancel => self.client.cancel_jobs().body(body).send().await,
            BulkAction::Delete => self.client.delete_jobs().body(body).send().await,
        };
        answer
            .map(lockstep_client::ResponseValue::into_inner)
            .map_err(|error| Failure::of_server(error, "jobs"))
    }

    async fn group_create(&self, body: Value) -> Result<types::JobGroupCreated, Failure> {
        let body: types::JobGroupRequest = typed(body)?;
        let answer = self.client.create_group().body(body).send().await;
        answer
            .map(lockstep_client::ResponseValue::into_inner)
            .map_err(|error| Failure::of_server(error, "group"))
    }

    async fn groups(&self, limit: u32) -> Result<Vec<types::JobGroup>, Failure> {
        let mut groups = Vec::new();
        let mut token: Option<String> = None;
        while let Some(wanted) = page(limit, groups.len()) {
            let mut request = self.client.list_groups().limit(wanted);
            if let Some(token) = token {
                request = request.page_token(token);
            }
            let answer = request.send().await;
            let page = answer
                .map_err(|error| Failure::of_server(error, "groups"))?
                .into_inner();
            groups.extend(page.items);
            token = page.next_page;
            if token.is_none() {
                break;
            }
        }
        Ok(groups)
    }

    async fn group(&self, id: u64) -> Result<types::JobGroup, Failure> {
        let answer = self.client.get_group().id(number(id)?).send().await;
        answer
            .map(lockstep_client::ResponseValue::into_inner)
            .map_err(|error| Failure::of_server(error, &format!("group {id}")))
    }

    async fn group_cancel(&self, id: u64) -> Result<types::JobGroup, Failure> {
        let answer = self.client.cancel_group().id(number(id)?).send().await;
        answer
            .map(lockstep_client::ResponseValue::into_inner)
            .map_err(|error| Failure::of_server(error, &format!("group {id}")))
    }

    async fn user_create(&self, body: Value) -> Result<types::User, Failure> {
        let body: types::UserRequest = typed(body)?;
        let answer = self.client.create_user().body(body).send().await;
        answer
            .map(lockstep_client::ResponseValue::into_inner)
            .map_err(|error| Failure::of_server(error, "user"))
    }

    async fn users(&self, filter: UserFilter, limit: u32) -> Result<Vec<types::User>, Failure> {
        let mut users = Vec::new();
        let mut token: Option<String> = None;
        while let Some(wanted) = page(limit, users.len()) {
            let mut request = self.client.list_users().limit(wanted);
            if let Some(email) = &filter.email {
                request = request.email(email.as_str());
            }
            if let Some(is_active) = filter.is_active {
                request = request.is_active(is_active);
            }
            if let Some(token) = token {
                request = request.page_token(token);
            }
            let answer = request.send().await;
            let page = answer
                .map_err(|error| Failure::of_server(error, "users"))?
                .into_inner();
            users.extend(page.items);
            token = page.next_page;
            if token.is_none() {
                break;
            }
        }
        Ok(users)
    }

    async fn user(&self, id: u64) -> Result<types::User, Failure> {
        let answer = self.client.get_user().id(number(id)?).send().await;
        answer
            .map(lockstep_client::ResponseValue::into_inner)
            .map_err(|error| Failure::of_server(error, &user(id)))
    }

    async fn user_update(&self, id: u64, body: Value) -> Result<types::User, Failure> {
        let body: types::UserPatch = typed(body)?;
        let request = self.client.update_user().id(number(id)?).body(body);
        let answer = request.send().await;
        answer
            .map(lockstep_client::ResponseValue::into_inner)
            .map_err(|error| Failure::of_server(error, &user(id)))
    }

    async fn user_delete(&self, id: u64) -> Result<(), Failure> {
        let answer = self.client.delete_user().id(number(id)?).send().await;
        answer
            .map(|_| ())
            .map_err(|error| Failure::of_server(error, &user(id)))
    }
}

/// How many to ask for next; `None` when there are enough.
pub(super) fn page(limit: u32, so_far: usize) -> Option<NonZeroU32> {
    let so_far = u32::try_from(so_far).unwrap_or(u32::MAX);
    NonZeroU32::new(limit.saturating_sub(so_far).min(PAGE))
}

pub(super) fn number(id: u64) -> Result<NonZeroU64, Failure> {
    NonZeroU64::new(id).ok_or_else(|| Failure::Usage("ids begin at 1".to_owned()))
}

const fn has_ended(status: types::JobStatus) -> bool {
    use types::JobStatus::{Cancelled, Completed, Failed};
    matches!(status, Completed | Failed | Cancelled)
}

/// What one request waits: less than the client does for its answer.
fn seconds(left: Option<Duration>) -> u32 {
    let left = left.map_or(LONGEST_WAIT, |left| left.min(LONGEST_WAIT));
    u32::try_from(left.as_millis().div_ceil(1000)).unwrap_or(0)
}

/// The types check bounds as they read, and name the rule, not the value.
pub(super) fn typed<T: DeserializeOwned>(body: Value) -> Result<T, Failure> {
    serde_json::from_value(body)
        .map_err(|error| Failure::invalid(&[Fault::new("/body", error.to_string())]))
}

fn job(id: u64) -> String {
    format!("job {id}")
}

fn user(id: u64) -> String {
    format!("user {id}")
}

//! Owns operating on a running server, through the generated client.
//! Must not know: how the outcome is shown.

use std::num::{NonZeroU32, NonZeroU64};

use lockstep_client::{Client, ConnectError, Lockstep};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Failure, target::Target};
use crate::{
    config::Secret,
    contract::{types, wire},
    model::{Fault, JobFilter, JobStatus, UserFilter},
};

/// Most items on a page, by the contract.
const PAGE: u32 = 1_000;

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
            let mut request = self.client.list_jobs().limit(wanted);
            if let Some(status) = filter.status {
                request = request.status(wire::status(status));
            }
            if let Some(job_type) = &filter.job_type {
                request = request.job_type(job_type.as_str());
            }
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

    async fn job_create(&self, body: Value) -> Result<types::EnqueuedJob, Failure> {
        let body: types::JobRequest = typed(body)?;
        let answer = self.client.create_job().body(body).send().await;
        answer
            .map(lockstep_client::ResponseValue::into_inner)
            .map_err(|error| Failure::of_server(error, "job"))
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

    async fn job_clear(&self, status: JobStatus) -> Result<usize, Failure> {
        let mut deleted = 0;
        loop {
            let filter = JobFilter {
                status: Some(status),
                job_type: None,
            };
            let before = deleted;
            for job in self.jobs(filter, PAGE).await? {
                match self.job_delete(job.id.get()).await {
                    Ok(()) => deleted += 1,
                    // Somebody else was faster, or a worker has taken it meanwhile.
                    Err(Failure::NotFound(_) | Failure::Conflict(_)) => {}
                    Err(failure) => return Err(failure),
                }
            }
            if deleted == before {
                return Ok(deleted);
            }
        }
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
fn page(limit: u32, so_far: usize) -> Option<NonZeroU32> {
    let so_far = u32::try_from(so_far).unwrap_or(u32::MAX);
    NonZeroU32::new(limit.saturating_sub(so_far).min(PAGE))
}

fn number(id: u64) -> Result<NonZeroU64, Failure> {
    NonZeroU64::new(id).ok_or_else(|| Failure::Usage("ids begin at 1".to_owned()))
}

/// The types check bounds as they read, and name the rule, not the value.
fn typed<T: DeserializeOwned>(body: Value) -> Result<T, Failure> {
    serde_json::from_value(body)
        .map_err(|error| Failure::invalid(&[Fault::new("/body", error.to_string())]))
}

fn job(id: u64) -> String {
    format!("job {id}")
}

fn user(id: u64) -> String {
    format!("user {id}")
}

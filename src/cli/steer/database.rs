//! Owns orders on the database itself, by the same rules as over HTTP.
//! Must not know: how the outcome is shown.

use serde_json::Value;

use super::{
    super::{Failure, database::Database},
    Steer,
};
use crate::{
    contract::{self, types, wire_control},
    model::{ControlKind, ControlLimits, JobPolicy},
    store::StoreError,
};

/// Most workers that are listed.
const MOST_WORKERS: usize = 1_000;

impl Steer for Database {
    async fn queues(&self) -> Result<types::Queues, Failure> {
        let counts = self.store().queue_counts().await.map_err(refused)?;
        let controls = self.store().controls().await.map_err(refused)?;
        Ok(wire_control::queues(&counts, &controls)?)
    }

    async fn queue_pause(&self, name: &str, body: Value) -> Result<types::Queue, Failure> {
        let name = queue_name(name)?;
        self.pause(ControlKind::Queue, &name, body).await?;
        self.queue(&name).await
    }

    async fn queue_resume(&self, name: &str) -> Result<types::Queue, Failure> {
        let name = queue_name(name)?;
        self.resume(ControlKind::Queue, &name).await?;
        self.queue(&name).await
    }

    async fn queue_limit(&self, name: &str, body: Value) -> Result<types::Queue, Failure> {
        let name = queue_name(name)?;
        let limits: types::QueueLimits = self.read("QueueLimits", body)?;
        let limits = wire_control::limits_of_queue(&limits);
        self.limit(ControlKind::Queue, &name, limits).await?;
        self.queue(&name).await
    }

    async fn job_types(&self) -> Result<types::JobTypes, Failure> {
        let controls = self.store().controls().await.map_err(refused)?;
        Ok(wire_control::job_types(&controls)?)
    }

    async fn type_pause(&self, name: &str, body: Value) -> Result<types::JobType, Failure> {
        let policy = policy(name)?;
        self.pause(ControlKind::JobType, name, body).await?;
        self.job_type(policy).await
    }

    async fn type_resume(&self, name: &str) -> Result<types::JobType, Failure> {
        let policy = policy(name)?;
        self.resume(ControlKind::JobType, name).await?;
        self.job_type(policy).await
    }

    async fn type_limit(&self, name: &str, body: Value) -> Result<types::JobType, Failure> {
        let policy = policy(name)?;
        let limits: types::JobTypeLimits = self.read("JobTypeLimits", body)?;
        let limits = wire_control::limits_of_type(&limits);
        self.limit(ControlKind::JobType, name, limits).await?;
        self.job_type(policy).await
    }

    async fn workers(&self) -> Result<types::Workers, Failure> {
        let workers = self.store().workers(MOST_WORKERS).await.map_err(refused)?;
        Ok(wire_control::workers(&workers)?)
    }

    async fn job_explain(&self, id: u64) -> Result<types::JobExplanation, Failure> {
        let what = format!("job {id}");
        let row = i64::try_from(id).map_err(|_| Failure::NotFound(what.clone()))?;
        let found = self.store().job_explain(row).await;
        let found = found.map_err(|error| Failure::of_store(error, &what))?;
        Ok(wire_control::explanation(&found)?)
    }
}

impl Database {
    async fn pause(&self, kind: ControlKind, name: &str, body: Value) -> Result<(), Failure> {
        let request: types::PauseRequest = self.read("PauseRequest", body)?;
        let (reason, by) = (request.reason.map(Into::into), request.by.map(Into::into));
        let paused = self
            .store()
            .control_pause(kind, name.to_owned(), reason, by);
        paused.await.map(drop).map_err(refused)
    }

    async fn resume(&self, kind: ControlKind, name: &str) -> Result<(), Failure> {
        let resumed = self.store().control_resume(kind, name.to_owned()).await;
        resumed.map(drop).map_err(refused)
    }

    async fn limit(
        &self,
        kind: ControlKind,
        name: &str,
        limits: ControlLimits,
    ) -> Result<(), Failure> {
        let limited = self.store().control_limit(kind, name.to_owned(), limits);
        limited.await.map(drop).map_err(refused)
    }

    async fn queue(&self, name: &str) -> Result<types::Queue, Failure> {
        let counts = self.store().queue_counts().await.map_err(refused)?;
        let controls = self.store().controls().await.map_err(refused)?;
        Ok(wire_control::queue(name, &counts, &controls)?)
    }

    async fn job_type(&self, policy: &JobPolicy) -> Result<types::JobType, Failure> {
        let controls = self.store().controls().await.map_err(refused)?;
        Ok(wire_control::job_type(policy, &controls)?)
    }
}

fn queue_name(name: &str) -> Result<String, Failure> {
    let name: Result<types::QueueName, _> = name.parse();
    let wrong = |error: types::error::ConversionError| Failure::Usage(format!("queue: {error}"));
    Ok(name.map_err(wrong)?.into())
}

fn policy(name: &str) -> Result<&'static JobPolicy, Failure> {
    contract::policy(name).ok_or_else(|| Failure::NotFound(format!("job type {name}")))
}

fn refused(error: StoreError) -> Failure {
    Failure::of_store(error, "orders")
}

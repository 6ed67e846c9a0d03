//! Owns orders to a running server, through the generated client.
//! Must not know: how the outcome is shown.

use std::num::NonZeroU64;

use lockstep_client::ResponseValue;
use serde_json::Value;

use super::{
    super::{
        Failure,
        server::{Server, typed},
    },
    Steer,
};
use crate::contract::types;

type Answer<T> = Result<ResponseValue<T>, lockstep_client::Error<types::Error>>;

fn told<T>(answer: Answer<T>, what: &str) -> Result<T, Failure> {
    answer
        .map(ResponseValue::into_inner)
        .map_err(|error| Failure::of_server(error, what))
}

impl Steer for Server {
    async fn queues(&self) -> Result<types::Queues, Failure> {
        told(self.client().list_queues().send().await, "queues")
    }

    async fn queue_pause(&self, name: &str, body: Value) -> Result<types::Queue, Failure> {
        let body: types::PauseRequest = typed(body)?;
        let request = self.client().pause_queue().queue(name).body(body);
        told(request.send().await, &queue(name))
    }

    async fn queue_resume(&self, name: &str) -> Result<types::Queue, Failure> {
        let request = self.client().resume_queue().queue(name);
        told(request.send().await, &queue(name))
    }

    async fn queue_limit(&self, name: &str, body: Value) -> Result<types::Queue, Failure> {
        let body: types::QueueLimits = typed(body)?;
        let request = self.client().limit_queue().queue(name).body(body);
        told(request.send().await, &queue(name))
    }

    async fn job_types(&self) -> Result<types::JobTypes, Failure> {
        told(self.client().list_job_types().send().await, "job types")
    }

    async fn type_pause(&self, name: &str, body: Value) -> Result<types::JobType, Failure> {
        let body: types::PauseRequest = typed(body)?;
        let request = self.client().pause_job_type().job_type(name).body(body);
        told(request.send().await, &job_type(name))
    }

    async fn type_resume(&self, name: &str) -> Result<types::JobType, Failure> {
        let request = self.client().resume_job_type().job_type(name);
        told(request.send().await, &job_type(name))
    }

    async fn type_limit(&self, name: &str, body: Value) -> Result<types::JobType, Failure> {
        let body: types::JobTypeLimits = typed(body)?;
        let request = self.client().limit_job_type().job_type(name).body(body);
        told(request.send().await, &job_type(name))
    }

    async fn workers(&self) -> Result<types::Workers, Failure> {
        told(self.client().list_workers().send().await, "workers")
    }

    async fn job_explain(&self, id: u64) -> Result<types::JobExplanation, Failure> {
        let number = NonZeroU64::new(id);
        let number = number.ok_or_else(|| Failure::Usage("ids begin at 1".to_owned()))?;
        let answer = self.client().explain_job().id(number).send().await;
        told(answer, &format!("job {id}"))
    }
}

fn queue(name: &str) -> String {
    format!("queue {name}")
}

fn job_type(name: &str) -> String {
    format!("job type {name}")
}

//! Owns operating on the schedules of a running server, through the generated client.
//! Must not know: how the outcome is shown.

use lockstep_client::{Error, ResponseValue};
use serde_json::Value;

use super::target::{ScheduleTarget, named};
use crate::{
    cli::{
        Failure,
        server::{Server, number, page, typed},
    },
    contract::types,
};

impl ScheduleTarget for Server {
    async fn schedule_create(&self, body: Value) -> Result<types::Schedule, Failure> {
        let body: types::ScheduleRequest = typed(body)?;
        let answer = self.client().create_schedule().body(body).send().await;
        inner(answer, "schedule")
    }

    async fn schedules(&self, limit: u32) -> Result<Vec<types::Schedule>, Failure> {
        let mut schedules = Vec::new();
        let mut token: Option<String> = None;
        while let Some(wanted) = page(limit, schedules.len()) {
            let mut request = self.client().list_schedules().limit(wanted);
            if let Some(token) = token {
                request = request.page_token(token);
            }
            let page = inner(request.send().await, "schedules")?;
            schedules.extend(page.items);
            token = page.next_page;
            if token.is_none() {
                break;
            }
        }
        Ok(schedules)
    }

    async fn schedule(&self, id: u64) -> Result<types::Schedule, Failure> {
        let answer = self.client().get_schedule().id(number(id)?).send().await;
        inner(answer, &named(id))
    }

    async fn schedule_update(&self, id: u64, body: Value) -> Result<types::Schedule, Failure> {
        let body: types::SchedulePatch = typed(body)?;
        let request = self.client().update_schedule().id(number(id)?).body(body);
        inner(request.send().await, &named(id))
    }

    async fn schedule_pause(&self, id: u64, body: Value) -> Result<types::Schedule, Failure> {
        let body: types::SchedulePause = typed(body)?;
        let request = self.client().pause_schedule().id(number(id)?).body(body);
        inner(request.send().await, &named(id))
    }

    async fn schedule_resume(&self, id: u64) -> Result<types::Schedule, Failure> {
        let answer = self.client().resume_schedule().id(number(id)?).send().await;
        inner(answer, &named(id))
    }

    async fn schedule_run(&self, id: u64) -> Result<types::EnqueuedJob, Failure> {
        let answer = self.client().run_schedule().id(number(id)?).send().await;
        inner(answer, &named(id))
    }

    async fn schedule_delete(&self, id: u64) -> Result<(), Failure> {
        let answer = self.client().delete_schedule().id(number(id)?).send().await;
        inner(answer, &named(id))
    }

    async fn schedule_runs(&self, id: u64, limit: u32) -> Result<Vec<types::ScheduleRun>, Failure> {
        // One page holds all that is kept.
        let Some(wanted) = page(limit, 0) else {
            return Ok(Vec::new());
        };
        let request = self.client().list_schedule_runs().id(number(id)?);
        let answer = request.limit(wanted).send().await;
        Ok(inner(answer, &named(id))?.items)
    }
}

fn inner<T>(
    answer: Result<ResponseValue<T>, Error<types::Error>>,
    what: &str,
) -> Result<T, Failure> {
    answer
        .map(ResponseValue::into_inner)
        .map_err(|error| Failure::of_server(error, what))
}

//! Owns storing and changing many jobs on the database itself, by the same rules as over HTTP.
//! Must not know: how the outcome is shown.

use serde_json::Value;

use super::{Failure, database::Database};
use crate::{
    contract::{
        self, Items, types,
        wire_bulk::{self, Refusal},
        wire_groups,
    },
    model::BulkChange,
    store::{Done, ItemOutcome, StoreError},
};

impl Database {
    /// `body` is what `POST /bulk/jobs` takes.
    pub(super) async fn create_many(&self, body: Value) -> Result<types::BulkJobs, Failure> {
        let list = body["items"].clone();
        let request: types::BulkJobsRequest = self.read("BulkJobsRequest", body)?;
        let validator = self.validator()?;
        let check = |schema: &str, value: &Value, at: &str| validator.check(schema, value, at);
        let items = contract::items_of(request.items, &list, "/body/items", check);
        let Items {
            ready,
            places,
            refused,
        } = items;
        let done = if request.all_or_nothing {
            let faults: Vec<_> = refused.values().flatten().cloned().collect();
            if !faults.is_empty() {
                return Err(Failure::invalid(&faults));
            }
            self.store().job_enqueue_all(ready, None).await
        } else {
            let done = self.store().job_enqueue_each(ready, None).await;
            done.map_err(|error| error.in_place(&places))
        };
        Ok(wire_bulk::jobs(
            &places,
            &outcomes(done)?,
            &refused,
            refusal,
        )?)
    }

    /// `body` is what `POST /groups` takes.
    pub(super) async fn create_group(
        &self,
        body: Value,
    ) -> Result<types::JobGroupCreated, Failure> {
        let request: types::JobGroupRequest = self.read("JobGroupRequest", body.clone())?;
        let validator = self.validator()?;
        let check = |schema: &str, value: &Value, at: &str| validator.check(schema, value, at);
        let group = contract::group_of(request, &body, check);
        let group = group.map_err(|faults| Failure::invalid(&faults))?;
        let done = self.store().group_create(group, None).await;
        match done.map_err(|error| Failure::of_store(error, "group"))? {
            Done::Now((group, jobs)) => Ok(wire_groups::created(&group, &jobs)?),
            // Nobody names a key here.
            Done::Before(_) => Err(Failure::No("the group was stored before".to_owned())),
        }
    }

    pub(super) async fn change_many(
        &self,
        change: &BulkChange,
    ) -> Result<types::BulkChange, Failure> {
        // The contract's bounds hold here too.
        wire_bulk::change(change).map_err(|error| Failure::Usage(error.to_string()))?;
        let changed = self.store().job_bulk(change.clone()).await;
        let changed = changed.map_err(|error| Failure::of_store(error, "jobs"))?;
        Ok(wire_bulk::changed(changed)?)
    }
}

fn outcomes(done: Result<Done<Vec<ItemOutcome>>, StoreError>) -> Result<Vec<ItemOutcome>, Failure> {
    match done.map_err(|error| Failure::of_store(error, "jobs"))? {
        Done::Now(outcomes) => Ok(outcomes),
        // Nobody names a key here.
        Done::Before(_) => Ok(Vec::new()),
    }
}

fn refusal(index: usize, reason: &StoreError) -> Refusal {
    let at = format!("/body/items/{index}");
    let (code, pointer) = match reason {
        StoreError::Refused { field, .. } => {
            (types::ErrorCode::InvalidRequest, format!("{at}/{field}"))
        }
        StoreError::DuplicateJob { .. } => (types::ErrorCode::DuplicateJob, at),
        StoreError::QueueFull { .. } => (types::ErrorCode::QueueFull, at),
        _ => (types::ErrorCode::Internal, at),
    };
    Refusal {
        code,
        message: reason.to_string(),
        pointer,
    }
}

//! Owns storing many jobs in one commit.
//! Must not know: where they come from.

use std::time::Duration;

use super::{
    Engine,
    enqueue::{insert, is_plain},
    idempotency::once,
    together::insert_many,
    tx::{Lane, Tx},
};
use crate::{
    model::{Enqueued, NewItem, NewJob, order},
    store::{Done, ItemOutcome, Once, StoreError},
};

impl Engine {
    /// Each item for itself: what refuses one does not touch the others.
    pub(in crate::store) async fn job_enqueue_each(
        &self,
        items: Vec<NewItem>,
        key: Option<Once<Vec<ItemOutcome>>>,
    ) -> Result<Done<Vec<ItemOutcome>>, StoreError> {
        let ageing = self.ageing;
        self.write(Lane::Rest, move |tx| {
            once(tx, key.as_ref(), |tx| each(tx, &items, None, ageing))
        })
        .await
    }

    /// All or none: `ItemRefused` names the first that is refused.
    pub(in crate::store) async fn job_enqueue_all(
        &self,
        items: Vec<NewItem>,
        key: Option<Once<Vec<ItemOutcome>>>,
    ) -> Result<Done<Vec<ItemOutcome>>, StoreError> {
        let ageing = self.ageing;
        let work = move |tx: &mut Tx<'_>| {
            let jobs = insert_linked(tx, &items, None, ageing)?;
            Ok(jobs.into_iter().map(Ok).collect())
        };
        self.write(Lane::Rest, move |tx| once(tx, key.as_ref(), &work))
            .await
    }
}

/// All of them, or an error and nothing (the unit is taken back).
pub(in crate::store) fn insert_linked(
    tx: &mut Tx<'_>,
    items: &[NewItem],
    group_id: Option<i64>,
    ageing: Duration,
) -> Result<Vec<Enqueued>, StoreError> {
    let outcomes = each(tx, items, group_id, ageing)?;
    let numbered = outcomes.into_iter().enumerate();
    numbered
        .map(|(index, outcome)| {
            outcome.map_err(|reason| match reason {
                reason @ (StoreError::Unavailable { .. }
                | StoreError::Unusable { .. }
                | StoreError::Internal(_)) => reason,
                reason => StoreError::ItemRefused {
                    index,
                    reason: Box::new(reason),
                },
            })
        })
        .collect()
}

/// Outcomes in the order of the items.
fn each(
    tx: &mut Tx<'_>,
    items: &[NewItem],
    group_id: Option<i64>,
    ageing: Duration,
) -> Result<Vec<ItemOutcome>, StoreError> {
    let plain = |item: &NewItem| item.after_items.is_empty() && is_plain(&item.job);
    if group_id.is_none() && items.iter().all(plain) {
        let jobs: Vec<&NewJob> = items.iter().map(|item| &item.job).collect();
        if let Some(stored) = insert_many(tx, &jobs, ageing)? {
            let stored = stored.iter();
            return Ok(stored
                .map(|(row, id)| Ok(row.enqueued(*id, tx.now)))
                .collect());
        }
    }
    one_by_one(tx, items, group_id, ageing)
}

/// Items are stored in the order of what they wait for.
fn one_by_one(
    tx: &mut Tx<'_>,
    items: &[NewItem],
    group_id: Option<i64>,
    ageing: Duration,
) -> Result<Vec<ItemOutcome>, StoreError> {
    let links: Vec<&[usize]> = items
        .iter()
        .map(|item| item.after_items.as_slice())
        .collect();
    let order = order(&links).map_err(|index| StoreError::ItemRefused {
        index,
        reason: Box::new(StoreError::Refused {
            field: "after_items",
            message: "after_items must not lead back to the item, nor out of the list".to_owned(),
        }),
    })?;
    let mut outcomes: Vec<Option<ItemOutcome>> = Vec::new();
    outcomes.resize_with(items.len(), || None);
    for index in order {
        let item = &items[index];
        let mut job = item.job.clone();
        job.group_id = job.group_id.or(group_id);
        let mut missing = None;
        for before in &item.after_items {
            match &outcomes[*before] {
                Some(Ok(enqueued)) => job.after.push(enqueued.job.id),
                _ => missing = Some(*before),
            }
        }
        let outcome = match missing {
            Some(before) => Err(StoreError::Refused {
                field: "after_items",
                message: format!("item {before}, which it waits for, was refused"),
            }),
            None => insert(tx, &job, ageing),
        };
        // What is wrong with the database is wrong with all of them.
        if let Err(
            error @ (StoreError::Unavailable { .. }
            | StoreError::Unusable { .. }
            | StoreError::Internal(_)),
        ) = outcome
        {
            return Err(error);
        }
        outcomes[index] = Some(outcome);
    }
    Ok(outcomes.into_iter().flatten().collect())
}

//! Owns the jobs of a request that has many: each is checked as one alone is, and knows whom it waits for.
//! Must not know: HTTP, or how jobs are stored.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{options_of, types};
use crate::{
    model::{Fault, NewItem},
    queue::new_job,
};

/// The jobs of one request, told apart.
#[derive(Debug, Default)]
pub struct Items {
    /// What may be stored. `after_items` are places in this list.
    pub ready: Vec<NewItem>,
    /// Where in the request each of them stands.
    pub places: Vec<usize>,
    /// What may not, by its place in the request, with pointers to the faults.
    pub refused: BTreeMap<usize, Vec<Fault>>,
}

/// Reads the jobs of a list that stands at `at`; `json` is the same list as it was sent. `check` answers what of a payload
/// breaks the schema of that name.
pub fn items_of(
    items: Vec<types::JobItem>,
    json: &Value,
    at: &str,
    check: impl Fn(&str, &Value, &str) -> Vec<Fault>,
) -> Items {
    let count = items.len();
    let mut read = Vec::with_capacity(count);
    for (index, item) in items.into_iter().enumerate() {
        let payload = &json[index]["payload"];
        read.push(one(item, payload, count, &format!("{at}/{index}"), &check));
    }
    forsake(&mut read, at);
    sort(read)
}

/// The fault of a job type that nobody declared.
pub fn unknown_job_type(pointer: impl Into<String>) -> Fault {
    let known = super::POLICIES.iter().map(|policy| policy.job_type);
    let known: Vec<_> = known.collect();
    let message = format!("job_type must be a declared job type: {}", known.join(", "));
    Fault::new(pointer, message)
}

fn one(
    item: types::JobItem,
    payload: &Value,
    count: usize,
    at: &str,
    check: impl Fn(&str, &Value, &str) -> Vec<Fault>,
) -> Result<NewItem, Vec<Fault>> {
    let (request, after_items) = split(item);
    let Some(policy) = super::policy(&request.job_type) else {
        return Err(vec![unknown_job_type(format!("{at}/job_type"))]);
    };
    let mut faults = check(policy.payload_schema, payload, &format!("{at}/payload"));
    if after_items.iter().any(|place| *place >= count) {
        faults.push(Fault::new(
            format!("{at}/after_items"),
            format!("after_items must be places in the list, 0 to {}", count - 1),
        ));
    }
    match new_job(policy, payload.to_string(), options_of(&request)) {
        Ok(job) if faults.is_empty() => Ok(NewItem { job, after_items }),
        Ok(_) => Err(faults),
        Err(more) => {
            faults.extend(more.into_iter().map(|fault| fault.under(at)));
            Err(faults)
        }
    }
}

/// Refuses what waits for something that is refused, and so on.
fn forsake(read: &mut [Result<NewItem, Vec<Fault>>], at: &str) {
    loop {
        let lost = |item: &Result<NewItem, _>| {
            let after = &item.as_ref().ok()?.after_items;
            after.iter().copied().find(|before| read[*before].is_err())
        };
        let found: Vec<(usize, usize)> = read
            .iter()
            .enumerate()
            .filter_map(|(index, item)| Some((index, lost(item)?)))
            .collect();
        if found.is_empty() {
            return;
        }
        for (index, before) in found {
            read[index] = Err(vec![Fault::new(
                format!("{at}/{index}/after_items"),
                format!("item {before}, which it waits for, was refused"),
            )]);
        }
    }
}

fn sort(read: Vec<Result<NewItem, Vec<Fault>>>) -> Items {
    let mut items = Items::default();
    let mut now_at = vec![0; read.len()];
    for (index, item) in read.into_iter().enumerate() {
        match item {
            Ok(item) => {
                now_at[index] = items.ready.len();
                items.ready.push(item);
                items.places.push(index);
            }
            Err(faults) => {
                items.refused.insert(index, faults);
            }
        }
    }
    for item in &mut items.ready {
        for place in &mut item.after_items {
            *place = now_at[*place];
        }
    }
    items
}

fn split(item: types::JobItem) -> (types::JobRequest, Vec<usize>) {
    let after = item.after_items.iter();
    let after = after.map(|place| usize::try_from(*place).unwrap_or(usize::MAX));
    let after = after.collect();
    let request = types::JobRequest {
        job_type: item.job_type,
        payload: item.payload,
        priority: item.priority,
        max_retries: item.max_retries,
        scheduled_at: item.scheduled_at,
        queue: item.queue,
        timeout_seconds: item.timeout_seconds,
        delay_seconds: item.delay_seconds,
        expires_at: item.expires_at,
        tags: item.tags,
        metadata: item.metadata,
        unique_key: item.unique_key,
        unique_scope: item.unique_scope,
        unique_period_seconds: item.unique_period_seconds,
        on_conflict: item.on_conflict,
        after: item.after,
    };
    (request, after)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(list: &Value) -> Items {
        let items = serde_json::from_value(list.clone()).unwrap();
        items_of(items, list, "/body/items", |_, payload, at| {
            let wrong = payload.get("wrong").is_some();
            wrong
                .then(|| Fault::new(format!("{at}/wrong"), "wrong"))
                .into_iter()
                .collect()
        })
    }

    fn item(job_type: &str, payload: &Value, after: &[usize]) -> Value {
        json!({"job_type": job_type, "payload": payload, "after_items": after})
    }

    #[test]
    fn what_waits_for_a_refused_one_is_refused_and_the_rest_find_their_places() {
        let list = json!([
            item("data_analysis", &json!({}), &[3]),
            item("data_analysis", &json!({"wrong": 1}), &[]),
            item("data_analysis", &json!({}), &[4]),
            item("data_analysis", &json!({"message": "b"}), &[]),
            item("data_analysis", &json!({}), &[1, 3]),
            item("data_analysis", &json!({}), &[0, 3]),
        ]);
        let items = read(&list);
        assert_eq!(items.places, [0, 3, 5]);
        let after: Vec<_> = items.ready.iter().map(|item| &*item.after_items).collect();
        assert_eq!(after, [&[1][..], &[], &[0, 1]]);
        assert_eq!(items.ready[1].job.payload, r#"{"message":"b"}"#);
        let pointers = items
            .refused
            .values()
            .flatten()
            .map(|fault| &*fault.pointer);
        assert_eq!(
            pointers.collect::<Vec<_>>(),
            [
                "/body/items/1/payload/wrong",
                "/body/items/2/after_items",
                "/body/items/4/after_items"
            ]
        );
    }

    #[test]
    fn every_fault_of_an_item_is_named() {
        let mut first = item("data_analysis", &json!({"wrong": 1}), &[9]);
        first["unique_period_seconds"] = json!(5);
        let list = json!([first, item("no_such_type", &json!({}), &[])]);
        let items = read(&list);
        let pointers = items
            .refused
            .values()
            .flatten()
            .map(|fault| &*fault.pointer);
        assert_eq!(
            pointers.collect::<Vec<_>>(),
            [
                "/body/items/0/payload/wrong",
                "/body/items/0/after_items",
                "/body/items/0/unique_period_seconds",
                "/body/items/1/job_type"
            ]
        );
    }
}

//! Owns `lockstep jobs drift`.
//! Must not know: how payloads are read.

use std::{
    num::{NonZeroU32, NonZeroU64},
    path::Path,
    sync::Arc,
};

use lockstep_client::Client;
use serde_json::Value;

use super::{Failure, Output, Rows, failure::with_causes, specs, target::Target};
use crate::{
    contract::{self, types, wire_drift},
    drift::{MOST_EXAMPLES, Reader},
    processors,
    store::Store,
    validation::Mode,
};

/// Jobs that a server walks over in one call, by the contract.
const PAGE: NonZeroU32 = NonZeroU32::new(5_000).expect("not zero");

/// Tells which jobs a contract could not read: this program's, or the one in a file.
pub(super) async fn run(
    spec: Option<&Path>,
    target: &impl Target,
    output: &mut Output,
) -> Result<(), Failure> {
    let document = spec.map(specs::read).transpose()?;
    let found = target.drift(document.as_ref()).await?;
    output.show(&found, table)?;
    judge(&found, document.as_ref())
}

/// Workers of this program leave aside what no upcaster leads from. Those of another one have upcasters of their own, which
/// only it knows: what is good under its schema counts as good.
fn judge(found: &types::Drift, other: Option<&Value>) -> Result<(), Failure> {
    let sum = |count: fn(&types::TypeDrift) -> i64| found.job_types.iter().map(count).sum::<i64>();
    let broken = sum(|it| it.queued + it.scheduled + it.failed);
    let unread = sum(|it| it.unread);
    if broken > 0 {
        let jobs = jobs(broken);
        return Err(Failure::No(format!("{jobs} could not be read")));
    }
    if unread > 0 && other.is_none() {
        let jobs = jobs(unread);
        return Err(Failure::No(format!(
            "{jobs} would be left aside: declare an upcaster, `unchanged` where the payload is good as it is"
        )));
    }
    Ok(())
}

fn jobs(count: i64) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} job{plural}")
}

fn table(found: &types::Drift) -> Rows {
    if found.job_types.is_empty() {
        let jobs = jobs(found.examined);
        return Rows::pairs([(
            format!("{jobs} examined, all readable").as_str(),
            String::new(),
        )]);
    }
    let columns = [
        "TYPE",
        "QUEUED",
        "SCHEDULED",
        "FAILED",
        "UPCAST",
        "UNREAD",
        "PLACE",
        "FIRST FAULT",
        "JOBS",
    ];
    Rows::new(&columns).with(&found.job_types, |it| {
        let ids: Vec<_> = it.job_ids.iter().map(ToString::to_string).collect();
        vec![
            it.job_type.to_string(),
            it.queued.to_string(),
            it.scheduled.to_string(),
            it.failed.to_string(),
            it.upcast.to_string(),
            it.unread.to_string(),
            it.pointer.as_deref().map_or("", String::as_str).to_owned(),
            it.message.as_deref().map_or("", String::as_str).to_owned(),
            ids.join(" "),
        ]
    })
}

/// What the jobs of a database came to, under `document` or under this program's own contract.
pub(super) async fn of_store(
    store: &Store,
    document: Option<&Value>,
    mode: Mode,
) -> Result<types::Drift, Failure> {
    let upcasters = processors::upcasters()
        .map_err(|error| Failure::Internal("the upcasters cannot be used", Box::new(error)))?;
    let own = document.is_none();
    let document = document.unwrap_or_else(|| contract::document());
    let reader = Reader::of_document(document, mode, contract::POLICIES, upcasters);
    let reader = reader.map_err(|error| {
        if own {
            return Failure::Internal("the contract cannot be compiled", Box::new(error));
        }
        Failure::Usage(with_causes(&error))
    })?;
    let found = Arc::new(reader).all(store).await;
    let found = found.map_err(|error| Failure::of_store(error, "jobs"))?;
    Ok(wire_drift::drift(&found, None)?)
}

/// What the jobs of a server came to, call by call.
pub(super) async fn of_server(
    client: &Client,
    document: Option<&Value>,
) -> Result<types::Drift, Failure> {
    if document.is_some() {
        return Err(Failure::Usage(
            "--spec works on the database: a server knows its own contract only".to_owned(),
        ));
    }
    let mut found = types::Drift {
        examined: 0,
        job_types: Vec::new(),
        next_after_id: None,
    };
    let mut after = Some(0);
    while let Some(id) = after {
        let answer = client.get_drift().after_id(id).limit(PAGE).send().await;
        let page = answer
            .map_err(|error| Failure::of_server(error, "jobs"))?
            .into_inner();
        after = page.next_after_id.map(NonZeroU64::get);
        merge(&mut found, page);
    }
    Ok(found)
}

/// Adds a later page to the sum of those before.
fn merge(sum: &mut types::Drift, page: types::Drift) {
    sum.examined += page.examined;
    for one in page.job_types {
        let known = sum
            .job_types
            .iter_mut()
            .find(|it| it.job_type == one.job_type);
        let Some(known) = known else {
            sum.job_types.push(one);
            continue;
        };
        known.queued += one.queued;
        known.scheduled += one.scheduled;
        known.failed += one.failed;
        known.upcast += one.upcast;
        known.unread += one.unread;
        if known.message.is_none() {
            known.pointer = one.pointer;
            known.message = one.message;
        }
        let room = MOST_EXAMPLES.saturating_sub(known.job_ids.len());
        known.job_ids.extend(one.job_ids.into_iter().take(room));
    }
    sum.job_types
        .sort_by(|one, other| one.job_type.as_str().cmp(other.job_type.as_str()));
}

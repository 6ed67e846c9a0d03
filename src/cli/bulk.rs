//! Owns commands that change or store many jobs.
//! Must not know: whether a database or a server does the work.

use clap::Args;
use serde_json::{Value, json};

use super::{Failure, Output, Rows, enqueue, jobs, selection::Many, target::Target};
use crate::{
    contract::types,
    model::{BulkAction, BulkChange, JobFilter},
};

/// Most jobs in one request, by the contract.
const MOST: usize = 1_000;

/// Longest request of many, in bytes of JSON: well below what servers take.
const MOST_BYTES: usize = 512 << 10;

/// What became of all jobs that matched.
#[derive(Debug, Default)]
pub(super) struct Totals {
    pub(super) matched: u64,
    pub(super) changed: u64,
    pub(super) skipped: u64,
}

/// Counts, asks with `question`, and does it.
pub(super) async fn change(
    target: &impl Target,
    action: BulkAction,
    many: Many,
    question: impl Fn(u64) -> String,
    output: &mut Output,
) -> Result<Totals, Failure> {
    let Many {
        filter,
        dry_run,
        yes,
    } = many;
    let counted = all(target, action, &filter, true).await?;
    if counted.matched == 0 || dry_run {
        return Ok(counted);
    }
    if !yes && !output.confirm(&question(counted.matched))? {
        return Err(Failure::No(format!("nothing was {}", action.verb())));
    }
    all(target, action, &filter, false).await
}

/// Counts, asks, does it, and says what was done.
pub(super) async fn run(
    target: &impl Target,
    action: BulkAction,
    many: Many,
    output: &mut Output,
) -> Result<(), Failure> {
    let dry_run = many.dry_run;
    let verb = match action {
        BulkAction::Retry => "Retry",
        BulkAction::Cancel => "Cancel",
        BulkAction::Delete => "Delete",
    };
    let question = |count| format!("{verb} {}?", plural(count));
    let done = change(target, action, many, question, output).await?;
    let figures =
        json!({ "matched": done.matched, "changed": done.changed, "skipped": done.skipped });
    output.show(&figures, |_| {
        let verb = action.verb();
        jobs::sentence(&match (dry_run, done.skipped) {
            (true, _) => format!("{} would be {verb}", plural(done.matched)),
            (false, 0) => format!("{} {verb}", plural(done.changed)),
            (false, skipped) => format!("{} {verb}, {skipped} skipped", plural(done.changed)),
        })
    })
}

pub(super) fn plural(count: u64) -> String {
    format!("{count} job{}", if count == 1 { "" } else { "s" })
}

/// One request after the other, until there is none left.
async fn all(
    target: &impl Target,
    action: BulkAction,
    filter: &JobFilter,
    dry_run: bool,
) -> Result<Totals, Failure> {
    let mut change = BulkChange {
        action,
        filter: filter.clone(),
        after: None,
        limit: MOST,
        dry_run,
    };
    if let Some(fault) = change.faults().into_iter().next() {
        return Err(Failure::Usage(fault.message));
    }
    let mut totals = Totals::default();
    loop {
        let done = target.jobs_change(&change).await?;
        totals.matched += u64::from(done.matched);
        totals.changed += u64::from(done.changed);
        totals.skipped += u64::from(done.skipped);
        let Some(next) = done.next_after_id else {
            return Ok(totals);
        };
        change.after = Some(crate::contract::wire_bulk::number(&next));
    }
}

#[derive(Debug, Args)]
pub(super) struct EnqueueMany {
    /// JSON lines, each a job as `POST /jobs` takes it; - for stdin.
    file: String,
    /// Each job for itself: what is refused does not keep back the others. Any number of jobs.
    #[arg(long)]
    each: bool,
}

impl EnqueueMany {
    pub(super) async fn run(
        self,
        target: &impl Target,
        output: &mut Output,
    ) -> Result<(), Failure> {
        let items = self.items()?;
        let mut done: Vec<types::BulkJob> = Vec::with_capacity(items.len());
        for batch in self.batches(items)? {
            let begins = u32::try_from(done.len()).unwrap_or(u32::MAX);
            let body = json!({ "items": batch, "all_or_nothing": !self.each });
            let answer = target.jobs_create(body).await?;
            done.extend(answer.items.into_iter().map(|job| types::BulkJob {
                index: job.index + begins,
                ..job
            }));
        }
        show(&done, output)
    }

    fn items(&self) -> Result<Vec<Value>, Failure> {
        let text = enqueue::read_text(&self.file)?;
        let lines = text.lines().enumerate();
        let lines = lines.filter(|(_, line)| !line.trim().is_empty());
        let items: Vec<Value> = lines
            .map(|(index, line)| {
                serde_json::from_str(line).map_err(|error| {
                    Failure::Usage(format!("line {} is not JSON: {error}", index + 1))
                })
            })
            .collect::<Result<_, _>>()?;
        if items.is_empty() {
            return Err(Failure::Usage(format!("there is no job in {}", self.file)));
        }
        Ok(items)
    }

    fn batches(&self, items: Vec<Value>) -> Result<Vec<Vec<Value>>, Failure> {
        if !self.each && items.len() > MOST {
            return Err(Failure::Usage(format!(
                "at most {MOST} jobs can be stored all or none; with --each any number can"
            )));
        }
        let linked = items.iter().any(|item| item.get("after_items").is_some());
        if linked && items.len() > MOST {
            return Err(Failure::Usage(format!(
                "after_items needs all jobs in one request, of at most {MOST}"
            )));
        }
        if !self.each || linked {
            return Ok(vec![items]);
        }
        let mut batches: Vec<Vec<Value>> = Vec::new();
        let mut bytes = usize::MAX;
        for item in items {
            let length = item.to_string().len();
            match batches.last_mut() {
                Some(batch) if batch.len() < MOST && bytes.saturating_add(length) <= MOST_BYTES => {
                    bytes += length;
                    batch.push(item);
                }
                _ => {
                    bytes = length;
                    batches.push(vec![item]);
                }
            }
        }
        Ok(batches)
    }
}

fn show(done: &[types::BulkJob], output: &mut Output) -> Result<(), Failure> {
    let count = |outcome| done.iter().filter(|job| job.outcome == outcome).count();
    let refused: Vec<_> = done.iter().filter(|job| job.error.is_some()).collect();
    output.show(&json!({ "items": done }), |_| {
        jobs::sentence(&format!(
            "{} created, {} existing, {} replaced, {} refused",
            count(types::BulkOutcome::Created),
            count(types::BulkOutcome::Existing),
            count(types::BulkOutcome::Replaced),
            refused.len()
        ))
    })?;
    if refused.is_empty() {
        return Ok(());
    }
    output.only_in_table(|| {
        Rows::new(&["ITEM", "REFUSED BECAUSE", "AT"]).with(&refused, |job| {
            let error = job.error.as_ref();
            let text = |part: Option<&str>| part.unwrap_or_default().to_owned();
            vec![
                job.index.to_string(),
                text(error.map(|error| error.message.as_str())),
                text(error.map(|error| error.pointer.as_str())),
            ]
        })
    })?;
    let (refused, all) = (refused.len(), done.len());
    Err(Failure::No(format!("{refused} of {all} were refused")))
}

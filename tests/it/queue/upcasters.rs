//! Payloads under older schemas: who runs them, through which upcasters, and who leaves them alone.

use lockstep::{
    model::{JobPolicy, JobStatus},
    queue::{
        EnqueueOptions, JobContext, JobError, JobType, Processor, Registry, UpcasterError,
        Upcasters, new_job,
    },
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{job, runner};
use crate::support::database::{Database, parsed};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Old {
    to: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct New {
    recipients: Vec<String>,
}

macro_rules! letter {
    ($name:ident, $payload:ty, $fingerprint:literal) => {
        struct $name;

        impl JobType for $name {
            type Payload = $payload;
            type Result = Value;
            const POLICY: JobPolicy = JobPolicy {
                schema_fingerprint: $fingerprint,
                ..JobPolicy::new("letter")
            };
        }

        impl Processor for $name {
            type Job = Self;

            async fn process(&self, _: JobContext, payload: $payload) -> Result<Value, JobError> {
                Ok(json!({ "by": $fingerprint, "got": payload }))
            }
        }
    };
}

letter!(First, Old, "first");
letter!(Third, New, "third");

/// Stores a letter that was accepted under some schema.
async fn letter(db: &Database, fingerprint: &'static str, payload: Value) -> i64 {
    const POLICY: &JobPolicy = &First::POLICY;
    let mut letter = new_job(POLICY, payload.to_string(), EnqueueOptions::default()).unwrap();
    letter.schema_fingerprint = fingerprint.into();
    db.store.job_enqueue(letter).await.unwrap().job.id
}

fn listed(mut payload: Value) -> Result<Value, &'static str> {
    let to = payload["to"].take();
    if !to.is_string() {
        return Err("to is missing");
    }
    Ok(json!({ "to": [to] }))
}

#[expect(clippy::unnecessary_wraps, reason = "it is what an upcaster answers")]
fn renamed(mut payload: Value) -> Result<Value, &'static str> {
    Ok(json!({ "recipients": payload["to"].take() }))
}

fn upcasters() -> Result<Upcasters, UpcasterError> {
    Upcasters::new()
        .to_current::<Third>("second", renamed)?
        .to::<Third>("first", "second", listed)
}

async fn result(db: &Database, id: i64) -> Value {
    let job = job(db, id).await;
    assert_eq!(job.status, JobStatus::Completed, "{job:?}");
    serde_json::from_str(&job.result.unwrap()).unwrap()
}

#[tokio::test]
async fn neither_the_old_nor_the_new_worker_runs_what_it_cannot_read() {
    let db = Database::new().await;
    let old = letter(&db, "first", json!({"to": "ada"})).await;
    let new = letter(&db, "third", json!({"recipients": ["ada"]})).await;
    let old_worker = runner(&db, Registry::new().with(First));
    let new_worker = runner(&db, Registry::new().with(Third));

    assert_eq!(new_worker.run_due().await.unwrap(), 1);
    assert_eq!(result(&db, new).await["by"], "third");
    let waiting = job(&db, old).await;
    assert_eq!((waiting.status, waiting.attempt), (JobStatus::Pending, 0));
    assert_eq!(waiting.held_by.as_deref(), Some("schema:letter:first"));

    let newer = letter(&db, "third", json!({"recipients": ["bob"]})).await;
    assert_eq!(old_worker.run_due().await.unwrap(), 1);
    assert_eq!(result(&db, old).await["by"], "first");
    let waiting = job(&db, newer).await;
    assert_eq!((waiting.status, waiting.attempt), (JobStatus::Pending, 0));
    assert_eq!(waiting.held_by.as_deref(), Some("schema:letter:third"));

    assert_eq!(new_worker.run_due().await.unwrap(), 1);
    assert_eq!(result(&db, newer).await["by"], "third");
    db.close().await;
}

#[tokio::test]
async fn upcasters_bring_old_payloads_up_whoever_put_them_aside() {
    let db = Database::new().await;
    let first = letter(&db, "first", json!({"to": "ada"})).await;
    let second = letter(&db, "second", json!({"to": ["ada", "bob"]})).await;
    let unknown = letter(&db, "zeroth", json!({"to": "ada"})).await;
    let without = runner(&db, Registry::new().with(Third));
    assert_eq!(without.run_due().await.unwrap(), 0);

    let registry = Registry::new()
        .with(Third)
        .with_upcasters(upcasters().unwrap());
    let mut reads = registry.reads();
    reads.sort_unstable();
    let expected = ["first", "second", "third"].map(|print| ("letter", Some(print)));
    assert_eq!(reads, expected);
    assert_eq!(runner(&db, registry).run_due().await.unwrap(), 2);
    assert_eq!(
        result(&db, first).await["got"],
        json!({"recipients": ["ada"]})
    );
    let both = json!({"recipients": ["ada", "bob"]});
    assert_eq!(result(&db, second).await["got"], both);
    // What is stored stays as it was accepted.
    assert_eq!(parsed(&job(&db, first).await.payload), json!({"to": "ada"}));
    assert_eq!(job(&db, unknown).await.status, JobStatus::Pending);
    db.close().await;
}

#[tokio::test]
async fn a_payload_that_cannot_be_brought_up_fails_for_good_without_being_told() {
    let db = Database::new().await;
    let refused = letter(&db, "first", json!({"too": "secret"})).await;
    let mistaken = letter(&db, "second", json!({"to": "secret"})).await;
    let panics = letter(&db, "wild", json!({"to": "secret"})).await;
    let ways = upcasters().unwrap();
    let registry = Registry::new()
        .with(Third)
        .with_upcasters(ways)
        .with_upcaster::<Third>("wild", |payload| panic!("{payload}"))
        .unwrap();
    assert_eq!(runner(&db, registry).run_due().await.unwrap(), 3);
    for (id, expected) in [
        (
            refused,
            "the upcaster from schema first refused the payload: to is missing",
        ),
        (
            mistaken,
            "failed to parse payload: invalid type: string, expected a sequence",
        ),
        (panics, "the upcaster from schema wild panicked"),
    ] {
        let job = job(&db, id).await;
        assert_eq!((job.status, job.retry_count), (JobStatus::Failed, 0));
        let error = job.error_message.unwrap();
        assert!(error.starts_with(expected), "{error}");
        assert!(!error.contains("secret"), "{error}");
    }
    db.close().await;
}

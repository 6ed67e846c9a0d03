//! Owns `lockstep jobs enqueue`: its arguments, and the body of `POST /jobs` that they make.
//! Must not know: whether a database or a server does the work.

use std::{io::Read, path::Path};

use chrono::{DateTime, Utc};
use clap::Args;
use serde_json::{Map, Value, json};

use super::{Failure, Output, Rows, target::Target};
use crate::contract::types;

/// Longest payload that is read, in bytes.
const MOST_BYTES: u64 = 100 << 20;

#[derive(Debug, Args)]
pub(super) struct Enqueue {
    /// Job type, as the contract declares it.
    job_type: String,
    /// Goes into the payload as "message".
    message: Option<String>,
    /// Higher runs first; the job type's own when left out.
    #[arg(allow_negative_numbers = true)]
    priority: Option<i32>,
    /// The payload as JSON text, as @FILE, or as - for stdin.
    #[arg(long, conflicts_with = "message", value_name = "JSON|@FILE|-")]
    payload: Option<String>,
    /// The same as the third argument.
    #[arg(
        long = "priority",
        conflicts_with = "priority",
        allow_negative_numbers = true,
        value_name = "PRIORITY",
        id = "priority_flag"
    )]
    priority_flag: Option<i32>,
    /// Where it waits; the job type's own queue when left out.
    #[arg(long)]
    queue: Option<String>,
    /// Not to run before this time, such as 2030-01-01T08:00:00Z.
    #[arg(long, value_name = "TIME")]
    at: Option<DateTime<Utc>>,
    /// Not to run before so many seconds have passed.
    #[arg(long, value_name = "SECONDS", conflicts_with = "at")]
    delay: Option<u64>,
    /// Cancelled when it still waits at this time.
    #[arg(long, value_name = "TIME")]
    expires_at: Option<DateTime<Utc>>,
    /// Runs after the first that errors may cause; the job type's own when left out.
    #[arg(long, value_name = "COUNT")]
    max_retries: Option<u32>,
    /// Longest run, in seconds; the job type's own when left out.
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<u64>,
    /// A word for people and filters; more than one may be given.
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// A JSON object for people and programs; the processor does not get it.
    #[arg(long, value_name = "JSON")]
    metadata: Option<String>,
    /// No other job of the type may have it while --unique-scope says so.
    #[arg(long, value_name = "KEY")]
    unique_key: Option<String>,
    /// `while_queued`, `until_started`, `until_finished` or `for_period`.
    #[arg(long, value_name = "SCOPE")]
    unique_scope: Option<String>,
    /// For the scope `for_period`, in seconds.
    #[arg(long, value_name = "SECONDS")]
    unique_period: Option<u64>,
    /// When another job has the key: return it, replace its payload, or reject this one.
    #[arg(long, value_name = "return|replace|reject")]
    on_conflict: Option<String>,
    /// A job that must complete before; more than one may be given.
    #[arg(long, value_name = "ID")]
    after: Vec<u64>,
    /// Only say what would be.
    #[arg(long)]
    dry_run: bool,
}

impl Enqueue {
    pub(super) async fn run(
        self,
        target: &impl Target,
        output: &mut Output,
    ) -> Result<(), Failure> {
        use types::EnqueueOutcome::{
            Created, Existing, Replaced, WouldCreate, WouldReject, WouldReplace, WouldReturn,
        };
        let dry_run = self.dry_run;
        let job = target.job_create(self.body()?, dry_run).await?;
        let id = job.id.map(|id| format!(" {id}")).unwrap_or_default();
        let what = match job.outcome {
            Created => "enqueued",
            Existing => "has the unique key already",
            Replaced => "has the unique key, and got the new payload",
            WouldCreate => "would be enqueued",
            WouldReturn => "has the unique key: nothing would change",
            WouldReplace => "has the unique key: it would get the new payload",
            WouldReject => "has the unique key: this one would be refused",
        };
        output.show(&job, |_| {
            Rows::pairs([(format!("job{id} {what}").as_str(), String::new())])
        })
    }

    /// What `POST /jobs` takes.
    fn body(self) -> Result<Value, Failure> {
        let payload = match (&self.payload, &self.message) {
            (Some(payload), _) => read_json("payload", payload)?,
            (None, Some(message)) => json!({ "message": message }),
            (None, None) => json!({}),
        };
        let metadata = self.metadata.as_deref();
        let metadata = metadata
            .map(|text| read_json("metadata", text))
            .transpose()?;
        if metadata.as_ref().is_some_and(|value| !value.is_object()) {
            return Err(Failure::Usage(
                "--metadata must be a JSON object".to_owned(),
            ));
        }
        let time = |at: Option<DateTime<Utc>>| at.map(|at| Value::from(at.to_rfc3339()));
        let text = |text: Option<String>| text.map(Value::from);
        let number = |number: Option<u64>| number.map(Value::from);
        let options = [
            (
                "priority",
                self.priority.or(self.priority_flag).map(Value::from),
            ),
            ("queue", text(self.queue)),
            ("scheduled_at", time(self.at)),
            ("delay_seconds", number(self.delay)),
            ("expires_at", time(self.expires_at)),
            ("max_retries", self.max_retries.map(Value::from)),
            ("timeout_seconds", number(self.timeout)),
            ("tags", (!self.tags.is_empty()).then(|| json!(self.tags))),
            ("metadata", metadata),
            ("unique_key", text(self.unique_key)),
            ("unique_scope", text(self.unique_scope)),
            ("unique_period_seconds", number(self.unique_period)),
            ("on_conflict", text(self.on_conflict)),
            ("after", (!self.after.is_empty()).then(|| json!(self.after))),
        ];
        let mut body = Map::new();
        body.insert("job_type".to_owned(), self.job_type.into());
        body.insert("payload".to_owned(), payload);
        for (name, value) in options {
            if let Some(value) = value {
                body.insert(name.to_owned(), value);
            }
        }
        Ok(Value::Object(body))
    }
}

/// JSON text, a file with `@` before its name, or `-` for stdin.
pub(super) fn read_json(what: &str, given: &str) -> Result<Value, Failure> {
    let text = match given.strip_prefix('@') {
        Some(path) => read_file(path)?,
        None if given == "-" => read_text(given)?,
        None => given.to_owned(),
    };
    serde_json::from_str(&text)
        .map_err(|error| Failure::Usage(format!("the {what} is not JSON: {error}")))
}

/// What is in a file, or for - what comes in.
pub(super) fn read_text(name: &str) -> Result<String, Failure> {
    if name == "-" {
        return read("stdin", std::io::stdin().lock());
    }
    read_file(name)
}

fn read_file(path: &str) -> Result<String, Failure> {
    let file = std::fs::File::open(Path::new(path)).map_err(|error| unreadable(path, &error))?;
    read(path, file)
}

fn read(name: &str, source: impl Read) -> Result<String, Failure> {
    let mut text = String::new();
    let length = source
        .take(MOST_BYTES + 1)
        .read_to_string(&mut text)
        .map_err(|error| unreadable(name, &error))?;
    if length as u64 > MOST_BYTES {
        return Err(Failure::Usage(format!(
            "{name} is longer than {MOST_BYTES} bytes"
        )));
    }
    Ok(text)
}

fn unreadable(name: &str, error: &std::io::Error) -> Failure {
    Failure::Usage(format!("cannot read {name}: {error}"))
}

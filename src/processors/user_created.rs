//! Owns the `user_created` job: how it is made when somebody signs up.
//! Must not know: SQL, HTTP, or how jobs are claimed and settled.

use std::time::Duration;

use serde::Serialize;

use crate::{
    model::{Backoff, BackoffKind, JobPolicy, NewUser, UserCreatedJob},
    queue::{self, EnqueueOptions},
};

// Until the generated marker lands.
static POLICY: JobPolicy = JobPolicy {
    job_type: "user_created",
    queue: "default",
    priority: 1,
    max_retries: 3,
    timeout: Duration::from_mins(1),
    backoff: Backoff {
        kind: BackoffKind::Linear,
        base: Duration::from_mins(5),
        cap: Duration::from_hours(1),
        jitter: 0.0,
    },
    keep_completed: None,
    keep_failed: None,
    sensitive: &[],
    schema_fingerprint: "",
    payload_schema: "UserCreatedPayload",
    result_schema: Some("UserCreatedResult"),
};

/// What `user_data` holds after its id.
#[derive(Serialize)]
struct Data<'a> {
    email: &'a str,
    age: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bio: Option<&'a str>,
    is_active: bool,
}

/// The job of a new user, made once its id is known. All but the id is serialised here, because the closure runs
/// inside the write transaction.
///
/// # Panics
/// Never: strings, numbers and booleans always serialise.
pub fn job_for(user: &NewUser) -> UserCreatedJob {
    let data = serde_json::to_string(&Data {
        email: &user.email,
        age: user.age,
        name: user.name.as_deref(),
        bio: user.bio.as_deref(),
        is_active: user.is_active,
    })
    .expect("strings, numbers and booleans serialise");
    let mut rest = format!(",{}", &data[1..]);
    if let Some(properties) = &user.additional_data {
        rest.push_str(",\"additional_props\":");
        rest.push_str(properties);
    }
    rest.push('}');
    Box::new(move |id| {
        let payload = format!("{{\"user_id\":{id},\"user_data\":{{\"id\":{id}{rest}");
        queue::new_job(&POLICY, payload, EnqueueOptions::default())
    })
}

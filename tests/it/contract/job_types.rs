//! Job types carry what their `x-job` declares, and their payload types read what their schema accepts.

use std::time::Duration;

use lockstep::{
    contract::{
        POLICIES, document,
        jobs::{DataAnalysis, DataExport, EmailNotification, UserCreated},
        policy, schemas,
    },
    model::BackoffKind,
    queue::JobType,
};
use serde_json::json;

#[test]
fn policies_are_sorted_and_found_by_name() {
    let names: Vec<_> = POLICIES.iter().map(|policy| policy.job_type).collect();
    assert_eq!(
        names,
        [
            "data_analysis",
            "data_export",
            "email_notification",
            "user_created"
        ]
    );
    for name in names {
        assert_eq!(policy(name).map(|policy| policy.job_type), Some(name));
    }
    for unknown in ["", "data", "user_created ", "zebra", "USER_CREATED"] {
        assert!(policy(unknown).is_none(), "{unknown:?}");
    }
}

#[test]
fn policies_say_what_the_document_says() {
    for policy in POLICIES {
        let operation = &document()["paths"][format!("/enqueue/{}", policy.job_type)]["post"];
        let declared = &operation["x-job"];
        assert_eq!(declared["queue"], policy.queue);
        assert_eq!(declared["priority"], policy.priority);
        assert_eq!(declared["max_retries"], policy.max_retries);
        assert_eq!(declared["timeout_seconds"], policy.timeout.as_secs());
        assert_eq!(
            declared["backoff"]["base_seconds"],
            policy.backoff.base.as_secs()
        );
        assert_eq!(
            declared["backoff"]["cap_seconds"],
            policy.backoff.cap.as_secs()
        );
        let kept = |key: &str| declared["retention"][key].as_u64().map(Duration::from_secs);
        assert_eq!(kept("completed_seconds"), policy.keep_completed);
        assert_eq!(kept("failed_seconds"), policy.keep_failed);
        assert_eq!(policy.schema_fingerprint.len(), 32);
        assert!(schemas().contains_key(policy.payload_schema));
        assert!(
            policy
                .result_schema
                .is_some_and(|name| schemas().contains_key(name))
        );
        assert_eq!(
            policy.backoff.kind,
            BackoffKind::Linear,
            "the seed's 5, 10, 15 minutes"
        );
    }
    assert_eq!(EmailNotification::POLICY.sensitive, ["/recipients"]);
}

/// The generator's ranges and the answer's schema say the same.
#[test]
fn policies_fit_the_answer_that_shows_them() {
    let validator = super::validator(&schemas()["JobType"]);
    for policy in POLICIES {
        let shown = json!({
            "job_type": policy.job_type,
            "queue": policy.queue,
            "priority": policy.priority,
            "max_retries": policy.max_retries,
            "timeout_seconds": policy.timeout.as_secs(),
            "backoff": {
                "kind": "linear",
                "base_seconds": policy.backoff.base.as_secs(),
                "cap_seconds": policy.backoff.cap.as_secs(),
                "jitter": policy.backoff.jitter,
            },
            "schema_fingerprint": policy.schema_fingerprint,
        });
        assert!(validator.is_valid(&shown), "{shown}");
    }
}

#[test]
fn payload_types_read_the_examples() {
    fn read<J: JobType>() {
        let name = J::POLICY.job_type;
        let operation = &document()["paths"][format!("/enqueue/{name}")]["post"];
        let example = &operation["requestBody"]["content"]["application/json"]["example"];
        let payload: J::Payload = serde_json::from_value(example.clone()).unwrap();
        assert_eq!(serde_json::to_value(payload).unwrap(), *example, "{name}");
    }
    read::<DataAnalysis>();
    read::<DataExport>();
    read::<EmailNotification>();
    read::<UserCreated>();
}

//! Owns which job types a document declares, with the fingerprints that the generator would give their payloads.
//! Must not know: stored jobs, or the rest of what a job type declares.

use serde_json::Value;

use super::{fingerprint::fingerprint, reference};

/// What a document says of one job type's payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclaredJob {
    pub job_type: String,
    /// Name of the payload's component schema.
    pub payload_schema: String,
    pub schema_fingerprint: String,
    /// JSON pointers into the payload.
    pub sensitive: Vec<String>,
}

/// The job types of a document: its operations with `x-job`. Fails with the operation that cannot be understood.
pub fn job_types(document: &Value) -> Result<Vec<DeclaredJob>, String> {
    let paths = document["paths"].as_object().into_iter().flatten();
    let mut found = Vec::new();
    for (path, item) in paths {
        let operation = &item["post"];
        if operation["x-job"].is_object() {
            let declared = declared(document, operation);
            found.push(declared.map_err(|lacks| format!("POST {path}: {lacks}"))?);
        }
    }
    Ok(found)
}

fn declared(document: &Value, operation: &Value) -> Result<DeclaredJob, &'static str> {
    let id = operation["operationId"].as_str().unwrap_or_default();
    let job_type = id
        .strip_prefix("enqueue_")
        .ok_or("the operationId of a job type is enqueue_<job_type>")?;
    let body = reference::resolve(document, &operation["requestBody"]);
    let schema = body.map_or(
        &Value::Null,
        |body| &body["content"]["application/json"]["schema"],
    );
    let payload_schema = reference::of(schema)
        .and_then(reference::schema_name)
        .ok_or("the payload is a $ref to #/components/schemas/")?;
    let target = reference::resolve(document, schema).ok_or("the payload's schema is missing")?;
    let sensitive = operation["x-job"]["sensitive"].as_array();
    Ok(DeclaredJob {
        job_type: job_type.to_owned(),
        payload_schema: payload_schema.to_owned(),
        schema_fingerprint: fingerprint(document, target),
        sensitive: sensitive
            .into_iter()
            .flatten()
            .filter_map(|pointer| pointer.as_str().map(str::to_owned))
            .collect(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::contract;

    #[test]
    fn the_contract_s_own_are_those_of_the_generator() {
        let found = job_types(contract::document()).unwrap();
        assert_eq!(found.len(), contract::POLICIES.len());
        for job in found {
            let policy = contract::policy(&job.job_type).unwrap();
            assert_eq!(job.payload_schema, policy.payload_schema);
            assert_eq!(job.schema_fingerprint, policy.schema_fingerprint);
            assert_eq!(job.sensitive, policy.sensitive);
        }
    }

    #[test]
    fn what_cannot_be_understood_is_named() {
        let mut document = contract::document().clone();
        document["paths"]["/enqueue/data_export"]["post"]["requestBody"] = json!({});
        let refused = job_types(&document).unwrap_err();
        assert!(
            refused.starts_with("POST /enqueue/data_export: "),
            "{refused}"
        );
    }
}

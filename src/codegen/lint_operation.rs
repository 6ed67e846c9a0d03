//! Owns the restricted style of one operation: names, parameters, body, answers, security, pagination.
//! Must not know: other operations, or what is generated.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{
    names, reference,
    refusal::{Pointer, Refusals},
    schema_lint::SchemaLint,
};

/// What the server says in every answer (src/api/reply.rs), or Dropshot and hyper do.
const SAID_ANYWAY: [&str; 8] = [
    "cache-control",
    "connection",
    "content-length",
    "content-type",
    "date",
    "x-content-type-options",
    "x-frame-options",
    "x-request-id",
];

pub(super) struct OperationLint<'d> {
    pub(super) document: &'d Value,
    pub(super) path: &'d str,
    pub(super) method: &'d str,
    pub(super) operation: &'d Value,
    pub(super) at: &'d Pointer,
}

impl OperationLint<'_> {
    pub(super) fn check(&self, refusals: &mut Refusals) {
        self.names(refusals);
        self.unsupported(refusals);
        self.parameters(refusals);
        self.body(refusals);
        self.responses(refusals);
        self.security(refusals);
        self.pagination(refusals);
        self.job(refusals);
    }

    fn names(&self, refusals: &mut Refusals) {
        let at = self.at.then("operationId");
        match self.operation["operationId"].as_str() {
            None => refusals.add(&at, "missing: it names the method of server and client"),
            Some(id) if !names::is_snake_case(id) => {
                refusals.add(&at, format!("{id} is not snake_case, or is a word of Rust"));
            }
            Some(_) => {}
        }
        for key in ["summary", "description"] {
            if self.operation[key]
                .as_str()
                .is_none_or(|text| text.trim().is_empty())
            {
                refusals.add(&self.at.then(key), "missing");
            }
        }
        let at = self.at.then("tags");
        let declared = self.document["tags"].as_array().into_iter().flatten();
        let declared: BTreeSet<_> = declared.filter_map(|tag| tag["name"].as_str()).collect();
        match self.operation["tags"].as_array().map(Vec::as_slice) {
            Some([Value::String(tag)]) if declared.contains(tag.as_str()) => {}
            Some([tag]) => refusals.add(&at, format!("{tag} is not among the document's tags")),
            _ => refusals.add(&at, "exactly one tag"),
        }
    }

    fn unsupported(&self, refusals: &mut Refusals) {
        for key in ["callbacks", "servers", "externalDocs"] {
            if self.operation.get(key).is_some() {
                refusals.add(&self.at.then(key), "not supported");
            }
        }
    }

    fn parameters(&self, refusals: &mut Refusals) {
        let mut named = BTreeSet::new();
        let mut variables = BTreeSet::new();
        for (index, written) in elements(&self.operation["parameters"]).enumerate() {
            let at = self.at.then("parameters").then(index);
            let Some(parameter) = reference::resolve(self.document, written) else {
                continue;
            };
            self.parameter(parameter, &at, refusals);
            let name = parameter["name"].as_str().unwrap_or_default();
            let place = parameter["in"].as_str().unwrap_or_default();
            if !named.insert((place, names::field_name(name))) {
                refusals.add(&at, format!("{name} is declared twice in the {place}"));
            }
            if place == "path" {
                variables.insert(name);
            }
        }
        let template: BTreeSet<_> = self
            .path
            .split('/')
            .filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
            .collect();
        if template != variables {
            refusals.add(
                self.at,
                format!(
                    "the path has the variables {template:?}, its parameters say {variables:?}"
                ),
            );
        }
        if self
            .path
            .replace("/{", "")
            .replace("}/", "/")
            .trim_end_matches('}')
            .contains(['{', '}'])
        {
            refusals.add(self.at, "a variable takes a whole segment of the path");
        }
    }

    fn parameter(&self, parameter: &Value, at: &Pointer, refusals: &mut Refusals) {
        match parameter["in"].as_str() {
            Some("path" | "query" | "header") => {}
            place => refusals.add(
                &at.then("in"),
                format!(
                    "{} is not supported; path, query or header",
                    place.unwrap_or("nothing")
                ),
            ),
        }
        for key in [
            "style",
            "explode",
            "content",
            "allowReserved",
            "allowEmptyValue",
            "example",
            "examples",
        ] {
            if parameter.get(key).is_some() {
                refusals.add(&at.then(key), "not supported");
            }
        }
        if parameter["description"]
            .as_str()
            .is_none_or(|text| text.trim().is_empty())
        {
            refusals.add(&at.then("description"), "missing");
        }
        let at = at.then("schema");
        let Some(schema) = parameter.get("schema") else {
            refusals.add(&at, "missing");
            return;
        };
        let resolved = reference::resolve(self.document, schema).unwrap_or(schema);
        if matches!(resolved["type"].as_str(), Some("array" | "object")) {
            refusals.add(&at, "a parameter is a string, a number or a boolean");
        }
        // The client hands a page's token on as it came, so its type must take any string.
        if parameter["name"] == "page_token" {
            if *schema != serde_json::json!({ "type": "string" }) {
                refusals.add(&at, "page_token is an unconstrained string");
            }
            return;
        }
        SchemaLint {
            document: self.document,
        }
        .schema(schema, &at, refusals);
    }

    fn body(&self, refusals: &mut Refusals) {
        let at = self.at.then("requestBody");
        let Some(body) = self.operation.get("requestBody") else {
            return;
        };
        if matches!(self.method, "get" | "delete") {
            refusals.add(&at, format!("{} takes no body", self.method));
        }
        if reference::of(body).is_some() {
            refusals.add(&at, "write the body in place and its schema as a $ref");
            return;
        }
        if body["required"] != true {
            refusals.add(
                &at.then("required"),
                "true: the client could not leave the body out",
            );
        }
        if body["description"]
            .as_str()
            .is_none_or(|text| text.trim().is_empty())
        {
            refusals.add(&at.then("description"), "missing");
        }
        json_schema(body, &at, refusals);
    }

    fn responses(&self, refusals: &mut Refusals) {
        let at = self.at.then("responses");
        let mut success = BTreeSet::new();
        let mut errors = BTreeSet::new();
        for (status, written) in self.operation["responses"]
            .as_object()
            .into_iter()
            .flatten()
        {
            let at = at.then(status);
            let Some(response) = reference::resolve(self.document, written) else {
                continue;
            };
            let schema = response
                .get("content")
                .and_then(|_| json_schema(response, &at, refusals));
            self.headers(response, &at, refusals);
            match status.parse::<u16>() {
                Ok(204) if schema.is_some() => refusals.add(&at, "204 has no body"),
                Ok(200..=299) => drop(success.insert(schema)),
                Ok(400..=599) if schema.is_none() => refusals.add(&at, "an error has a body"),
                Ok(400..=599) => drop(errors.insert(schema)),
                _ => refusals.add(&at, "a status is a number, 2xx, 4xx or 5xx"),
            }
        }
        if success.is_empty() {
            refusals.add(&at, "no success status");
        }
        if errors.is_empty() {
            refusals.add(&at, "no error status: every operation can fail");
        }
        for (kind, schemas) in [("success", success), ("error", errors)] {
            if schemas.len() > 1 {
                refusals.add(
                    &at,
                    format!(
                        "all {kind} statuses of an operation share one schema, here are {}",
                        schemas.len()
                    ),
                );
            }
        }
    }

    fn headers(&self, response: &Value, at: &Pointer, refusals: &mut Refusals) {
        for (name, written) in response["headers"].as_object().into_iter().flatten() {
            let at = at.then("headers").then(name);
            if SAID_ANYWAY.contains(&name.to_lowercase().as_str()) {
                refusals.add(&at, "every answer has this header from the server");
            }
            let Some(header) = reference::resolve(self.document, written) else {
                continue;
            };
            if header["schema"]["type"] != "string" {
                refusals.add(&at, "a response header is a string");
            }
            if reference::of(written).is_none() {
                SchemaLint {
                    document: self.document,
                }
                .schema(&header["schema"], &at.then("schema"), refusals);
            }
        }
    }

    fn security(&self, refusals: &mut Refusals) {
        let Some(own) = self.operation.get("security") else {
            return;
        };
        // Either the document's, or none: there is one kind of caller.
        if own.as_array().is_none_or(|own| !own.is_empty()) {
            refusals.add(
                &self.at.then("security"),
                "only `[]` (open to all); the document's own holds elsewhere",
            );
        }
    }

    fn pagination(&self, refusals: &mut Refusals) {
        let Some(pagination) = self.operation.get("x-dropshot-pagination") else {
            return;
        };
        let at = self.at.then("x-dropshot-pagination");
        if *pagination != serde_json::json!({ "required": [] }) {
            refusals.add(&at, "write `required: []`");
        }
        let queries: BTreeMap<_, _> = elements(&self.operation["parameters"])
            .filter_map(|written| reference::resolve(self.document, written))
            .filter(|parameter| parameter["in"] == "query")
            .filter_map(|parameter| Some((parameter["name"].as_str()?, parameter)))
            .collect();
        let complete = queries.contains_key("limit") && queries.contains_key("page_token");
        if self.method != "get" || !complete {
            refusals.add(
                &at,
                "a paginated operation is a get with limit and page_token in its query",
            );
        }
        if queries.values().any(|query| query["required"] == true) {
            refusals.add(
                &at,
                "no query parameter is required: a later page needs only its token",
            );
        }
        let page = self.operation["responses"]["200"]["content"]["application/json"].get("schema");
        let page = page.and_then(|page| reference::resolve(self.document, page));
        let names = page.and_then(|page| page["properties"].as_object());
        if !names.is_some_and(|names| names.keys().eq(["items", "next_page"])) {
            refusals.add(
                &at,
                "its 200 answers an object with items and next_page, and nothing else",
            );
        }
    }

    fn job(&self, refusals: &mut Refusals) {
        let declared = self.operation.get("x-job").is_some();
        match (self.path.strip_prefix("/enqueue/"), declared) {
            (None, false) => {}
            (None, true) => refusals.add(
                &self.at.then("x-job"),
                "a job type is declared at /enqueue/<job_type>",
            ),
            (Some(_), false) => refusals.add(
                &self.at.then("x-job"),
                "missing: /enqueue/ declares job types",
            ),
            (Some(job_type), true) => {
                let id = format!("enqueue_{job_type}");
                if self.method != "post" || self.operation["operationId"] != id.as_str() {
                    refusals.add(
                        self.at,
                        format!("a job type is `POST {}` with operationId {id}", self.path),
                    );
                }
                if !names::is_snake_case(job_type) || job_type.len() > 64 {
                    refusals.add(
                        self.at,
                        format!(
                            "{job_type} is no name of a job type: snake_case, at most 64 letters"
                        ),
                    );
                }
                if self.operation.get("requestBody").is_none() {
                    refusals.add(
                        &self.at.then("requestBody"),
                        "missing: it is the job's payload",
                    );
                }
            }
        }
    }
}

fn elements(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

/// The one schema of a body or an answer, by name.
fn json_schema<'d>(holder: &'d Value, at: &Pointer, refusals: &mut Refusals) -> Option<&'d str> {
    let at = at.then("content");
    let content = holder["content"].as_object()?;
    if content.len() != 1 || !content.contains_key("application/json") {
        refusals.add(&at, "exactly application/json");
        return None;
    }
    let schema = &holder["content"]["application/json"]["schema"];
    let name = reference::of(schema).and_then(reference::schema_name);
    if name.is_none() {
        refusals.add(
            &at.then("application/json").then("schema"),
            "a $ref to #/components/schemas/",
        );
    }
    name
}

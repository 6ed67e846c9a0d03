//! Owns the model that the generators read: operations with everything resolved, schemas by name, job types.
//! Must not know: YAML, the style's rules (already checked), or Rust text.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{
    names, reference,
    refusal::{Pointer, Refused},
    xjob::{self, JobDeclaration},
};

/// A document that passed every check.
#[derive(Debug, Clone, PartialEq)]
pub struct Spec {
    /// As written, whole.
    pub document: Value,
    /// `info.version`.
    pub version: String,
    /// By operationId.
    pub operations: Vec<Operation>,
    /// Component schemas as written.
    pub schemas: BTreeMap<String, Value>,
}

/// One operation.
#[derive(Debug, Clone, PartialEq)]
pub struct Operation {
    /// `create_user`
    pub id: String,
    /// Upper case, as in a request.
    pub method: String,
    /// `/users/{id}`
    pub path: String,
    pub tag: String,
    pub summary: String,
    pub description: String,
    /// In the document's order.
    pub parameters: Vec<Parameter>,
    pub body: Option<Body>,
    /// 2xx, ascending; never empty. All have the same schema.
    pub success: Vec<Response>,
    /// 4xx and 5xx, ascending; never empty. All have the same schema.
    pub errors: Vec<Response>,
    /// Whether a caller must prove who it is.
    pub secured: bool,
    pub paginated: bool,
    pub job: Option<JobDeclaration>,
}

/// Where a parameter travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    Path,
    Query,
    Header,
}

impl Place {
    pub const ALL: [Self; 3] = [Self::Path, Self::Query, Self::Header];

    /// `Path`, as in the name of a type.
    pub const fn type_suffix(self) -> &'static str {
        match self {
            Self::Path => "Path",
            Self::Query => "Query",
            Self::Header => "Header",
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// As written: `If-Match`.
    pub name: String,
    pub place: Place,
    pub description: String,
    pub required: bool,
    /// As written: a `$ref` stays one.
    pub schema: Value,
}

/// A JSON body; always required.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body {
    pub description: String,
    /// Name of a component schema, which is the name of its type.
    pub schema: String,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Response {
    pub status: u16,
    pub description: String,
    /// Name of a component schema; `None` is no body.
    pub schema: Option<String>,
    /// By name: (description, schema, required).
    pub headers: BTreeMap<String, (String, Value, bool)>,
}

impl Operation {
    /// `CreateUser`
    pub fn type_name(&self) -> String {
        names::type_name(&self.id)
    }

    pub fn parameters_in(&self, place: Place) -> impl Iterator<Item = &Parameter> {
        self.parameters
            .iter()
            .filter(move |parameter| parameter.place == place)
    }

    /// Name of the type (and schema) of all parameters in one place: `ListUsersQuery`. `None` when there are none.
    pub fn parameters_type(&self, place: Place) -> Option<String> {
        self.parameters_in(place).next()?;
        Some(format!("{}{}", self.type_name(), place.type_suffix()))
    }

    /// The object schema of all parameters in one place, the descriptions with them.
    pub fn parameters_schema(&self, place: Place) -> Value {
        let mut properties = Map::new();
        for parameter in self.parameters_in(place) {
            properties.insert(parameter.name.clone(), parameter.schema.clone());
        }
        let required: Vec<_> = self
            .parameters_in(place)
            .filter(|parameter| parameter.required)
            .map(|parameter| parameter.name.as_str())
            .collect();
        let suffix = place.type_suffix().to_lowercase();
        let mut schema = json!({
            "description": format!("What `{}` takes in the {suffix}.", self.id),
            "type": "object",
            "properties": properties,
        });
        if !required.is_empty() {
            schema["required"] = json!(required);
        }
        schema
    }

    /// `user_created`, where the operation declares a job type.
    pub fn job_type(&self) -> Option<&str> {
        self.job.as_ref().and(self.path.strip_prefix("/enqueue/"))
    }
}

impl Spec {
    pub(super) fn new(document: Value) -> Result<Self, Refused> {
        let mut operations = Vec::new();
        let mut refused = Vec::new();
        let at = Pointer::default().then("paths");
        for (path, item) in object(&document["paths"]) {
            for (method, operation) in object(item) {
                let at = at.then(path).then(method);
                match read_operation(&document, path, method, operation, &at) {
                    Ok(operation) => operations.push(operation),
                    Err(Refused(reasons)) => refused.extend(reasons),
                }
            }
        }
        if !refused.is_empty() {
            return Err(Refused(refused));
        }
        operations.sort_by(|a, b| a.id.cmp(&b.id));
        let schemas = object(&document["components"]["schemas"])
            .map(|(name, schema)| (name.clone(), schema.clone()))
            .collect();
        let version = text(&document["info"]["version"]);
        let spec = Self {
            document,
            version,
            operations,
            schemas,
        };
        spec.check_names()?;
        Ok(spec)
    }

    /// Component schemas and the parameters' object schemas: everything that becomes a type.
    pub fn all_schemas(&self) -> BTreeMap<String, Value> {
        let mut schemas = self.schemas.clone();
        for operation in &self.operations {
            for place in Place::ALL {
                if let Some(name) = operation.parameters_type(place) {
                    schemas.insert(name, operation.parameters_schema(place));
                }
            }
        }
        schemas
    }

    /// Operations that declare job types, by job type.
    pub fn jobs(&self) -> Vec<(&str, &Operation, &JobDeclaration)> {
        let mut jobs: Vec<_> = self
            .operations
            .iter()
            .filter_map(|operation| {
                Some((operation.job_type()?, operation, operation.job.as_ref()?))
            })
            .collect();
        jobs.sort_by_key(|(job_type, ..)| *job_type);
        jobs
    }

    fn check_names(&self) -> Result<(), Refused> {
        for operation in &self.operations {
            for place in Place::ALL {
                if let Some(name) = operation.parameters_type(place)
                    && self.schemas.contains_key(&name)
                {
                    return Err(Refused::one(
                        format!("/components/schemas/{name}"),
                        format!("the name is taken by the parameters of {}", operation.id),
                    ));
                }
            }
        }
        Ok(())
    }
}

fn read_operation(
    document: &Value,
    path: &str,
    method: &str,
    operation: &Value,
    at: &Pointer,
) -> Result<Operation, Refused> {
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    let body = operation.get("requestBody").map(|body| Body {
        description: text(&body["description"]),
        schema: schema_name(body).unwrap_or_default(),
    });
    let job = match operation.get("x-job") {
        Some(job) => {
            let payload = body.as_ref().map_or("", |body| body.schema.as_str());
            Some(xjob::declaration(
                document,
                job,
                payload,
                &at.then("x-job"),
            )?)
        }
        None => None,
    };
    let mut responses: Vec<Response> = object(&operation["responses"])
        .filter_map(|(status, written)| read_response(document, status, written))
        .collect();
    responses.sort_by_key(|response| response.status);
    let (success, errors) = responses
        .into_iter()
        .partition(|response| response.status < 300);
    let security = operation.get("security").unwrap_or(&document["security"]);
    Ok(Operation {
        id: text(&operation["operationId"]),
        method: method.to_uppercase(),
        path: path.to_owned(),
        tag: text(&operation["tags"][0]),
        summary: text(&operation["summary"]),
        description: text(&operation["description"]),
        parameters: parameters
            .filter_map(|written| read_parameter(document, written))
            .collect(),
        body,
        success,
        errors,
        secured: security
            .as_array()
            .is_some_and(|required| !required.is_empty()),
        paginated: operation.get("x-dropshot-pagination").is_some(),
        job,
    })
}

fn read_parameter(document: &Value, written: &Value) -> Option<Parameter> {
    let parameter = reference::resolve(document, written)?;
    let place = match parameter["in"].as_str()? {
        "path" => Place::Path,
        "query" => Place::Query,
        _ => Place::Header,
    };
    Some(Parameter {
        name: text(&parameter["name"]),
        place,
        description: text(&parameter["description"]),
        required: parameter["required"] == true,
        schema: parameter["schema"].clone(),
    })
}

fn read_response(document: &Value, status: &str, written: &Value) -> Option<Response> {
    let response = reference::resolve(document, written)?;
    let headers = object(&response["headers"])
        .filter_map(|(name, header)| {
            let header = reference::resolve(document, header)?;
            let described = text(&header["description"]);
            let required = header["required"] == true;
            Some((
                name.clone(),
                (described, header["schema"].clone(), required),
            ))
        })
        .collect();
    Some(Response {
        status: status.parse().ok()?,
        description: text(&response["description"]),
        schema: schema_name(response),
        headers,
    })
}

fn schema_name(holder: &Value) -> Option<String> {
    let reference = reference::of(&holder["content"]["application/json"]["schema"])?;
    reference::schema_name(reference).map(str::to_owned)
}

fn object(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

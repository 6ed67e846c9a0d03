//! Owns the check of a whole request, and of single values.
//! Must not know: a server.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use http::HeaderMap;
use serde_json::{Map, Value};

use super::{
    Mode,
    compile::{self, Compiler, ValidatorError},
    content_type,
    fault::{Faults, Place},
    json, messages,
    operation::{Body, Operation},
    values::Values,
};
use crate::model::Fault;

/// Most properties of one body that the contract does not name and flexible mode keeps.
const MOST_ADDITIONAL: usize = 1000;
const METHODS: [&str; 8] = [
    "get", "put", "post", "delete", "options", "head", "patch", "trace",
];

/// Everything that the contract says about requests, compiled. Built once, shared by all.
#[derive(Debug)]
pub struct Validator {
    mode: Mode,
    schemas: HashMap<String, jsonschema::Validator>,
    operations: HashMap<String, Operation, RandomState>,
}

/// A request as it arrived.
#[derive(Debug, Clone, Copy)]
pub struct RawRequest<'a> {
    /// As it arrived, from its first slash, without the query.
    pub path: &'a str,
    /// As it arrived, without the question mark.
    pub query: Option<&'a str>,
    pub headers: &'a HeaderMap,
    /// `None` when the operation has none.
    pub body: Option<&'a [u8]>,
}

/// A request that has passed. Its parameters are typed, defaults filled in; their names are borrowed from the validator.
#[derive(Debug, Clone, PartialEq)]
pub struct Checked<'c> {
    pub path: Values<'c>,
    pub query: Values<'c>,
    pub header: Values<'c>,
    /// Null when the operation has none.
    pub body: Value,
    /// In flexible mode: the properties of the body that the contract does not name, taken out of it. Never empty.
    pub additional: Option<Map<String, Value>>,
}

impl Validator {
    /// Compiles every component schema and every operation of an OpenAPI document.
    ///
    /// # Errors
    /// When the document is outside of the restricted style, or a schema does not compile.
    pub fn new(document: &Value, mode: Mode) -> Result<Self, ValidatorError> {
        let resource = compile::resource(document, mode)?;
        let compiler = Compiler::new(&resource, mode)?;
        let mut schemas = HashMap::new();
        for name in compile::components(document)?.keys() {
            schemas.insert(name.clone(), compiler.component(name)?);
        }
        let paths = document["paths"]
            .as_object()
            .ok_or(ValidatorError::Missing("paths"))?;
        let mut operations = HashMap::default();
        for (template, path) in paths {
            for written in METHODS.iter().filter_map(|method| path.get(method)) {
                let operation = Operation::new(document, &compiler, template, written)?;
                let id = written["operationId"]
                    .as_str()
                    .ok_or(ValidatorError::Missing("operationId"))?;
                operations.insert(id.to_owned(), operation);
            }
        }
        Ok(Self {
            mode,
            schemas,
            operations,
        })
    }

    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Checks a whole request of one operation.
    ///
    /// # Errors
    /// All faults together, at most 100, in the order path, query, headers, body: `/path/id`, `/query/limit`,
    /// `/header/Content-Type`, `/body/age`. Of a body with more than 10,000 values inside only the first.
    pub fn request(
        &self,
        operation_id: &str,
        input: &RawRequest<'_>,
    ) -> Result<Checked<'_>, Vec<Fault>> {
        let Some(operation) = self.operations.get(operation_id) else {
            return Err(vec![Fault::new("", "the contract has no such operation")]);
        };
        let mut faults = Faults::default();
        let mut checked = Checked {
            path: operation.path(input.path, &mut faults),
            query: operation.query(input.query, self.mode, &mut faults),
            header: operation.header(input.headers, &mut faults),
            body: Value::Null,
            additional: None,
        };
        if let Some(body) = &operation.body {
            self.body(body, input, &mut checked, &mut faults);
        }
        if faults.is_empty() {
            Ok(checked)
        } else {
            Err(faults.into_vec())
        }
    }

    /// Checks a value against a component schema. Pointers start with `at`, which is a pointer or empty.
    pub fn check(&self, schema: &str, value: &Value, at: &str) -> Vec<Fault> {
        let mut faults = Faults::default();
        self.value(schema, value, at, &mut faults);
        faults.into_vec()
    }

    fn body(
        &self,
        body: &Body,
        input: &RawRequest<'_>,
        checked: &mut Checked<'_>,
        faults: &mut Faults,
    ) {
        let bytes = input.body.unwrap_or_default();
        if let Some(wrong) = content_type::wrong(input.headers) {
            let place = Place::root("/header").property("Content-Type");
            faults.add(place.fault(wrong));
            // What is not said to be JSON is not read as JSON; that there is nothing at all is worth telling.
            if !bytes.is_empty() {
                return;
            }
        }
        let Some(mut value) = json::read(bytes, faults) else {
            return;
        };
        if self.mode == Mode::Flexible {
            checked.additional = additional(body, &mut value, faults);
        }
        self.value(&body.schema, &value, "/body", faults);
        checked.body = value;
    }

    fn value(&self, schema: &str, value: &Value, at: &str, faults: &mut Faults) {
        match self.schemas.get(schema) {
            Some(validator) => messages::check(validator, value, &Place::root(at), faults),
            None => faults.add(Place::root(at).says("the contract has no such schema")),
        }
    }
}

/// Takes out of a body what its schema would refuse for its name alone.
fn additional(body: &Body, value: &mut Value, faults: &mut Faults) -> Option<Map<String, Value>> {
    let known = body.closed.as_ref()?;
    let members = value.as_object_mut()?;
    let mut taken = Map::new();
    members.retain(|name, value| {
        known.contains(name) || {
            taken.insert(name.clone(), value.take());
            false
        }
    });
    if taken.len() > MOST_ADDITIONAL {
        let rule = format!("must have at most {MOST_ADDITIONAL} additional properties");
        faults.add(Place::root("/body").fault(rule));
    }
    (!taken.is_empty()).then_some(taken)
}

//! Owns what one operation takes: its parameters by place, and its body.
//! Must not know: other operations.

use std::{borrow::Cow, collections::HashSet};

use http::HeaderMap;
use serde_json::{Map, Value};

use super::{
    Mode,
    compile::{Compiler, ValidatorError},
    fault::{Faults, Place},
    parameter::Parameter,
    query,
};

#[derive(Debug, Default)]
pub(super) struct Operation {
    path: Vec<Parameter>,
    query: Vec<Parameter>,
    header: Vec<Parameter>,
    pub(super) body: Option<Body>,
}

/// The body of an operation.
#[derive(Debug)]
pub(super) struct Body {
    /// Name of its component schema.
    pub(super) schema: String,
    /// The properties that it knows, when it refuses others.
    pub(super) closed: Option<HashSet<String>>,
}

impl Operation {
    /// `shared` are the parameters of the whole path.
    pub(super) fn new(
        document: &Value,
        compiler: &Compiler<'_>,
        shared: &Value,
        written: &Value,
    ) -> Result<Self, ValidatorError> {
        let mut operation = Self::default();
        let lists = [shared, &written["parameters"]];
        for parameter in lists.into_iter().filter_map(Value::as_array).flatten() {
            let parameter = resolved(document, parameter);
            let schema = resolved(document, &parameter["schema"]);
            let new = Parameter::new(compiler, parameter, schema)?;
            match parameter["in"].as_str() {
                Some("path") => operation.path.push(new),
                Some("query") => operation.query.push(new),
                Some("header") => operation.header.push(new),
                _ => return Err(ValidatorError::Parameter(new.name)),
            }
        }
        operation.body = body(document, written);
        Ok(operation)
    }

    pub(super) fn path(&self, given: &[(String, String)], faults: &mut Faults) -> Value {
        values(&self.path, "/path", faults, |name| {
            let given = given.iter().filter(move |(given, _)| given == name);
            given.map(|(_, text)| Some(Cow::Borrowed(text.as_str())))
        })
    }

    pub(super) fn query(&self, given: Option<&str>, mode: Mode, faults: &mut Faults) -> Value {
        let Ok(pairs) = query::pairs(given.unwrap_or_default()) else {
            faults.add(Place::root("/query").says("the query has a broken percent escape"));
            return Value::Null;
        };
        if mode == Mode::Strict {
            for (name, _) in &pairs {
                if !self.query.iter().any(|known| known.name == *name) {
                    let place = Place::root("/query").property(name);
                    faults.add(place.fault("is not a known parameter"));
                }
            }
        }
        values(&self.query, "/query", faults, |name| {
            let given = pairs.iter().filter(move |(given, _)| given == name);
            given.map(|(_, text)| Some(Cow::Borrowed(text.as_ref())))
        })
    }

    pub(super) fn header(&self, given: &HeaderMap, faults: &mut Faults) -> Value {
        values(&self.header, "/header", faults, |name| {
            let given = given.get_all(name).into_iter();
            given.map(|text| text.to_str().ok().map(Cow::Borrowed))
        })
    }
}

/// The values of all parameters of one place. `texts` are those that a name was given, `None` if unreadable.
fn values<'t, T>(
    parameters: &'t [Parameter],
    at: &str,
    faults: &mut Faults,
    texts: impl Fn(&'t str) -> T,
) -> Value
where
    T: Iterator<Item = Option<Cow<'t, str>>>,
{
    let mut values = Map::new();
    for parameter in parameters {
        let mut texts = texts(&parameter.name);
        let value = match (texts.next(), texts.next()) {
            (None, _) => parameter.absent(at, faults),
            (Some(Some(text)), None) => parameter.read(&text, at, faults),
            (Some(None), None) => {
                let place = parameter.place(at);
                faults.add(place.fault("must be visible ASCII characters"));
                None
            }
            (Some(_), Some(_)) => {
                faults.add(parameter.place(at).fault("is given twice"));
                None
            }
        };
        if let Some(value) = value {
            values.insert(parameter.name.clone(), value);
        }
    }
    Value::Object(values)
}

fn body(document: &Value, operation: &Value) -> Option<Body> {
    let written = &operation["requestBody"]["content"]["application/json"]["schema"];
    let schema = written["$ref"].as_str()?.rsplit('/').next()?.to_owned();
    let resolved = resolved(document, written);
    let known = resolved["properties"].as_object();
    Some(Body {
        schema,
        closed: (resolved["additionalProperties"] == false).then(|| {
            known
                .into_iter()
                .flatten()
                .map(|(name, _)| name.clone())
                .collect()
        }),
    })
}

/// The value itself, or what it refers to.
fn resolved<'d>(document: &'d Value, value: &'d Value) -> &'d Value {
    value["$ref"]
        .as_str()
        .and_then(|reference| document.pointer(reference.strip_prefix('#')?))
        .unwrap_or(value)
}

//! Owns what one operation takes: its parameters by place, and its body.
//! Must not know: other operations.

use std::{borrow::Cow, collections::HashSet};

use http::HeaderMap;
use serde_json::Value;

use super::{
    Mode,
    compile::{Compiler, ValidatorError},
    fault::{Faults, Place},
    parameter::Parameter,
    path, query,
    values::Values,
};

#[derive(Debug, Default)]
pub(super) struct Operation {
    /// Each with its segment of the path.
    path: Vec<(usize, Parameter)>,
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
    /// `template` is its path, such as `/users/{id}`.
    pub(super) fn new(
        document: &Value,
        compiler: &Compiler<'_>,
        template: &str,
        written: &Value,
    ) -> Result<Self, ValidatorError> {
        let mut operation = Self::default();
        // The build refuses those of a whole path.
        for parameter in written["parameters"].as_array().into_iter().flatten() {
            let parameter = resolved(document, parameter);
            let schema = resolved(document, &parameter["schema"]);
            let new = Parameter::new(compiler, parameter, schema)?;
            match parameter["in"].as_str() {
                Some("path") => match path::position(template, &new.name) {
                    Some(position) => operation.path.push((position, new)),
                    None => return Err(ValidatorError::Variable(new.name)),
                },
                Some("query") => operation.query.push(new),
                Some("header") => operation.header.push(new),
                _ => return Err(ValidatorError::Parameter(new.name)),
            }
        }
        operation.body = body(document, written);
        Ok(operation)
    }

    pub(super) fn path(&self, given: &str, faults: &mut Faults) -> Values<'_> {
        values(&self.path, "/path", faults, |(position, parameter)| {
            let text = path::segment(given, *position);
            let text = text.map(|text| text.map_err(|_| "must be UTF-8"));
            (parameter, text.into_iter())
        })
    }

    pub(super) fn query(&self, given: Option<&str>, mode: Mode, faults: &mut Faults) -> Values<'_> {
        let Ok(pairs) = given.map_or(Ok(Vec::new()), query::pairs) else {
            faults.add(Place::root("/query").says("the query has a broken percent escape"));
            return Values::with_capacity(0);
        };
        if mode == Mode::Strict {
            for (name, _) in &pairs {
                if !self.query.iter().any(|known| known.name == *name) {
                    let place = Place::root("/query").property(name);
                    faults.add(place.fault("is not a known parameter"));
                }
            }
        }
        values(&self.query, "/query", faults, |parameter| {
            let given = pairs.iter().filter(|(name, _)| *name == parameter.name);
            let texts = given.map(|(_, text)| Ok(Cow::Borrowed(text.as_ref())));
            (parameter, texts)
        })
    }

    pub(super) fn header(&self, given: &HeaderMap, faults: &mut Faults) -> Values<'_> {
        values(&self.header, "/header", faults, |parameter| {
            let given = given.get_all(&parameter.name).into_iter();
            let texts = given.map(|text| text.to_str().map(Cow::Borrowed));
            (
                parameter,
                texts.map(|text| text.map_err(|_| "must be visible ASCII characters")),
            )
        })
    }
}

/// The values of all parameters of one place. `texts` are those that one was given, or why a text cannot be read.
fn values<'p, 't, P, T>(
    parameters: &'p [P],
    at: &str,
    faults: &mut Faults,
    texts: impl Fn(&'p P) -> (&'p Parameter, T),
) -> Values<'p>
where
    T: Iterator<Item = Result<Cow<'t, str>, &'static str>>,
{
    let mut values = Values::with_capacity(parameters.len());
    for parameter in parameters {
        let (parameter, mut texts) = texts(parameter);
        let value = match (texts.next(), texts.next()) {
            (None, _) => parameter.absent(at, faults),
            (Some(Ok(text)), None) => parameter.read(&text, at, faults),
            (Some(Err(rule)), None) => {
                faults.add(parameter.place(at).fault(rule));
                None
            }
            (Some(_), Some(_)) => {
                faults.add(parameter.place(at).fault("is given twice"));
                None
            }
        };
        if let Some(value) = value {
            values.push(&parameter.name, value);
        }
    }
    values
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

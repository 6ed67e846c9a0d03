//! Owns one parameter of an operation: how its text becomes a value, its default, its check.
//! Must not know: how the text arrived.

use serde_json::{Number, Value};

use super::{
    compile::{Compiler, ValidatorError},
    fault::{Faults, Place},
    messages,
};

/// Longest text, in characters, of a parameter whose schema sets no bound (a page's token).
const LONGEST: usize = 4096;

#[derive(Debug, Clone, Copy)]
enum Kind {
    Integer,
    Number,
    Boolean,
    String,
}

#[derive(Debug)]
pub(super) struct Parameter {
    /// As the contract writes it.
    pub(super) name: String,
    kind: Kind,
    required: bool,
    default: Option<Value>,
    validator: jsonschema::Validator,
}

impl Parameter {
    /// `written` is the parameter object, `schema` what its schema says after following a reference.
    pub(super) fn new(
        compiler: &Compiler<'_>,
        written: &Value,
        schema: &Value,
    ) -> Result<Self, ValidatorError> {
        let name = written["name"].as_str().unwrap_or_default().to_owned();
        let kind = match schema["type"].as_str() {
            Some("integer") => Kind::Integer,
            Some("number") => Kind::Number,
            Some("boolean") => Kind::Boolean,
            Some("string") => Kind::String,
            _ => return Err(ValidatorError::Parameter(name)),
        };
        Ok(Self {
            kind,
            required: written["required"] == true,
            default: schema.get("default").cloned(),
            validator: compiler.compile(&name, &written["schema"])?,
            name,
        })
    }

    /// The value when the parameter is not there.
    pub(super) fn absent(&self, at: &str, faults: &mut Faults) -> Option<Value> {
        if self.required {
            faults.add(self.place(at).fault("is required"));
        }
        self.default.clone()
    }

    /// The value that `text` stands for, if it is a good one.
    pub(super) fn read(&self, text: &str, at: &str, faults: &mut Faults) -> Option<Value> {
        if text.contains('\0') {
            faults.add(self.place(at).fault("must not contain U+0000"));
            return None;
        }
        if text.len() > LONGEST && text.chars().nth(LONGEST).is_some() {
            let rule = format!("must be at most {LONGEST} characters long");
            faults.add(self.place(at).fault(rule));
            return None;
        }
        let Some(value) = self.parse(text) else {
            faults.add(self.place(at).fault(match self.kind {
                Kind::Integer => "must be an integer",
                Kind::Number => "must be a number",
                Kind::Boolean => "must be true or false",
                Kind::String => "must be a string",
            }));
            return None;
        };
        if self.validator.is_valid(&value) {
            return Some(value);
        }
        messages::check(&self.validator, &value, &self.place(at), faults);
        None
    }

    pub(super) fn place(&self, at: &str) -> Place {
        Place::root(at).property(&self.name)
    }

    fn parse(&self, text: &str) -> Option<Value> {
        match self.kind {
            Kind::String => Some(Value::String(text.to_owned())),
            Kind::Boolean => text.parse().ok().map(Value::Bool),
            // Rust's own parser would take a plus sign.
            Kind::Integer if text.starts_with('+') => None,
            Kind::Integer => text.parse::<i64>().ok().map(Value::from),
            Kind::Number if text.trim() != text => None,
            Kind::Number => serde_json::from_str::<Number>(text).ok().map(Value::Number),
        }
    }
}

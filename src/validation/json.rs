//! Owns reading bytes as one JSON value, more strictly than `serde_json` does by itself: bounded depth, no U+0000,
//! no duplicate keys, nothing after the value. Must not know: schemas.

use std::fmt;

use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value, map::Entry};

use super::fault::{Faults, Place};

/// Deepest nesting of lists and objects; the outermost is the first level.
const DEEPEST: usize = 64;
const BODY: &str = "/body";

/// Reads a body. `None` when it is not one readable JSON value; duplicate keys and U+0000 are told, and read over.
pub(super) fn read(bytes: &[u8], faults: &mut Faults) -> Option<Value> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let at = error.valid_up_to() + 1;
            return refuse(faults, format!("the body is not UTF-8 (byte {at})"));
        }
    };
    if text.trim_ascii().is_empty() {
        return refuse(faults, "the body is empty");
    }
    if text.starts_with('\u{feff}') {
        return refuse(faults, "the body starts with a byte order mark");
    }
    let mut json = serde_json::Deserializer::from_str(text);
    let trail = Trail::Root;
    let node = Node {
        trail: &trail,
        depth: 0,
        faults,
    };
    let read = node.deserialize(&mut json);
    let (value, failed) = match read {
        Ok(value) => (Some(value), json.end().err()),
        Err(error) => (None, Some(error)),
    };
    let Some(error) = failed else { return value };
    let (line, column) = (error.line(), error.column());
    let sentence = if error.is_data() {
        // The only error that is not the parser's own.
        format!("the body is nested deeper than {DEEPEST} levels")
    } else if value.is_some() {
        format!("the body goes on after its JSON value (line {line}, column {column})")
    } else if error.is_eof() {
        format!("the body ends within its JSON value (line {line}, column {column})")
    } else {
        format!("the body is not valid JSON (line {line}, column {column})")
    };
    refuse(faults, sentence)
}

fn refuse(faults: &mut Faults, sentence: impl Into<String>) -> Option<Value> {
    faults.add(Place::root(BODY).says(sentence));
    None
}

/// The way to a value, kept on the stack: it costs nothing until there is a fault to tell.
enum Trail<'t> {
    Root,
    Property(&'t Self, &'t str),
    Index(&'t Self, usize),
}

impl Trail<'_> {
    fn place(&self) -> Place {
        match self {
            Self::Root => Place::root(BODY),
            Self::Property(parent, name) => parent.place().property(name),
            Self::Index(parent, index) => parent.place().index(*index),
        }
    }
}

/// One value that is about to be read.
struct Node<'n> {
    trail: &'n Trail<'n>,
    /// Lists and objects around it.
    depth: usize,
    faults: &'n mut Faults,
}

impl Node<'_> {
    fn inside<E: serde::de::Error>(&self) -> Result<usize, E> {
        if self.depth == DEEPEST {
            return Err(E::custom("nested too deep"));
        }
        Ok(self.depth + 1)
    }
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value)
            .map(Value::Number)
            .ok_or_else(|| E::custom("not a finite number"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        if value.contains('\0') {
            self.faults
                .add(self.trail.place().fault("must not contain U+0000"));
        }
        Ok(Value::String(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let depth = self.inside()?;
        let mut list = Vec::new();
        loop {
            let trail = Trail::Index(self.trail, list.len());
            let node = Node {
                trail: &trail,
                depth,
                faults: &mut *self.faults,
            };
            match elements.next_element_seed(node)? {
                Some(value) => list.push(value),
                None => return Ok(Value::Array(list)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let depth = self.inside()?;
        let mut object = Map::new();
        while let Some(key) = members.next_key::<String>()? {
            if key.contains('\0') {
                let place = self.trail.place();
                self.faults
                    .add(place.says("a property's name must not contain U+0000"));
            }
            let trail = Trail::Property(self.trail, &key);
            let value = members.next_value_seed(Node {
                trail: &trail,
                depth,
                faults: &mut *self.faults,
            })?;
            match object.entry(key) {
                Entry::Vacant(entry) => drop(entry.insert(value)),
                Entry::Occupied(entry) => {
                    let place = self.trail.place().property(entry.key());
                    self.faults.add(place.fault("is given twice"));
                }
            }
        }
        Ok(Value::Object(object))
    }
}

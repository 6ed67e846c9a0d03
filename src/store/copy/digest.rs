//! Owns what makes two tables the same: the same rows in any order, whichever engine holds them.
//! Must not know: where rows come from.

use std::{borrow::Cow, fmt::Write};

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::tables::{Kind, Table};

/// The values of a row as texts; `None` is NULL.
pub(super) type Row = [Option<String>];

/// The sum of the digests of rows.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sum([u64; 4]);

impl Sum {
    /// Adds a row of a table, however its engine writes its values.
    pub(super) fn add(&mut self, table: &Table, row: &Row) -> Result<(), String> {
        let mut hash = Sha256::new();
        for (value, (name, kind)) in row.iter().zip(table.columns) {
            match value {
                None => hash.update([0]),
                Some(text) => {
                    let text = alike(text, *kind)
                        .map_err(|error| format!("{}.{name}: {error}", table.name))?;
                    hash.update([1]);
                    hash.update((text.len() as u64).to_be_bytes());
                    hash.update(text.as_bytes());
                }
            }
        }
        let digest = hash.finalize();
        for (sum, part) in self.0.iter_mut().zip(digest.chunks_exact(8)) {
            let part = part.try_into().map_or(0, u64::from_be_bytes);
            *sum = sum.wrapping_add(part);
        }
        Ok(())
    }

    pub(super) fn text(&self) -> String {
        self.0.iter().fold(String::new(), |mut text, part| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{part:016x}");
            text
        })
    }
}

/// A value in the form that both sides share.
fn alike(text: &str, kind: Kind) -> Result<Cow<'_, str>, String> {
    match kind {
        Kind::Plain | Kind::Bool | Kind::Moment => Ok(text.into()),
        Kind::Document => document(text)
            .map(Cow::from)
            .map_err(|error| error.to_string()),
        Kind::Real => match text.parse() {
            Ok(number) => Ok(real(number).into()),
            Err(_) => Err("not a number".to_owned()),
        },
    }
}

/// A document in one form, however it was written.
fn document(text: &str) -> Result<String, serde_json::Error> {
    let mut form = String::with_capacity(text.len());
    write(&serde_json::from_str(text)?, &mut form);
    Ok(form)
}

/// A number in one form: whole ones without a fraction.
pub(super) fn real(value: f64) -> String {
    if value == 0.0 {
        "0".to_owned()
    } else {
        format!("{value}")
    }
}

fn write(value: &Value, form: &mut String) {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_unstable_by_key(|(key, _)| *key);
            form.push('{');
            for (key, value) in members {
                form.push_str(&Value::from(key.as_str()).to_string());
                form.push(':');
                write(value, form);
                form.push(',');
            }
            form.push('}');
        }
        Value::Array(items) => {
            form.push('[');
            for item in items {
                write(item, form);
                form.push(',');
            }
            form.push(']');
        }
        Value::Number(number) => match number.as_f64() {
            Some(value) if !number.is_i64() && !number.is_u64() => form.push_str(&real(value)),
            _ => form.push_str(&number.to_string()),
        },
        other => form.push_str(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn documents_are_the_same_however_they_are_written() {
        let same = [
            (r#"{"a":1,"b":[2.50,-0.0]}"#, r#"{ "b": [2.5, 0], "a": 1 }"#),
            (r#"{"x":1e2}"#, r#"{"x": 100}"#),
            (r#""\u0041\u00e9""#, "\"Aé\""),
        ];
        for (one, other) in same {
            assert_eq!(document(one).unwrap(), document(other).unwrap());
        }
        assert_ne!(document("[1,2]").unwrap(), document("[2,1]").unwrap());
        assert_ne!(document("\"1\"").unwrap(), document("1").unwrap());
    }

    fn sum(rows: &[Vec<Option<String>>]) -> Sum {
        let mut sum = Sum::default();
        let table = super::super::tables::TABLES
            .iter()
            .find(|table| table.name == "job_dependencies");
        for row in rows {
            sum.add(table.unwrap(), row).unwrap();
        }
        sum
    }

    proptest! {
        #[test]
        fn the_order_of_rows_does_not_matter_and_each_value_does(
            rows in prop::collection::vec(prop::collection::vec(prop::option::of("[a-b]{0,2}"), 2), 1..6),
            at in any::<prop::sample::Index>(),
        ) {
            let mut turned = rows.clone();
            turned.reverse();
            prop_assert_eq!(sum(&rows), sum(&turned));
            let row = at.index(rows.len());
            turned.swap_remove(row);
            prop_assert_ne!(sum(&rows), sum(&turned));
            let mut changed = rows.clone();
            changed[row][0] = Some("other".to_owned());
            prop_assert_ne!(sum(&rows), sum(&changed));
        }
    }
}

//! Owns reading a configuration file: TOML, one flat table of known keys.
//! Must not know: what the values mean.

use std::{io::Read, path::Path};

use toml::de::{DeTable, DeValue};

use super::{ConfigError, KEYS, Key, Problem};

/// Every key with its meaning and default.
pub const DEFAULT_FILE: &str = include_str!("config.default.toml");

/// Longest file that is read, in bytes.
const MOST_BYTES: u64 = 1_000_000;

/// One line of a file.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) key: &'static Key,
    /// The value as the environment would hold it; an array's elements separated by commas.
    pub(super) text: String,
    /// From 1.
    pub(super) line: usize,
}

/// Reads and parses a file; every problem names the file.
pub(super) fn read(path: &Path) -> Result<Vec<Entry>, ConfigError> {
    let name = path.display();
    let mut text = String::new();
    let length = std::fs::File::open(path)
        .and_then(|file| file.take(MOST_BYTES + 1).read_to_string(&mut text))
        .map_err(|error| Problem::new(format!("cannot read configuration file {name}: {error}")))?;
    if length as u64 > MOST_BYTES {
        return Err(Problem::new(format!(
            "configuration file {name} is longer than {MOST_BYTES} bytes"
        ))
        .into());
    }
    parse(&text).map_err(|problems| {
        let named = |problem| Problem::new(format!("configuration file {name}, {problem}"));
        problems.into_iter().map(named).collect::<Vec<_>>().into()
    })
}

/// The file's entries, or what is wrong with it, each beginning with the line.
pub(super) fn parse(text: &str) -> Result<Vec<Entry>, Vec<String>> {
    let table = DeTable::parse(text).map_err(|error| {
        let line = error.span().map_or(1, |span| line_of(text, span.start));
        vec![format!("line {line}: {}", error.message())]
    })?;
    let mut entries = Vec::new();
    let mut problems = Vec::new();
    for (name, value) in table.get_ref() {
        let line = line_of(text, name.span().start);
        match entry(name.get_ref(), value.get_ref(), line) {
            Ok(entry) => entries.push(entry),
            Err(problem) => problems.push((line, problem)),
        }
    }
    if problems.is_empty() {
        return Ok(entries);
    }
    problems.sort_by_key(|(line, _)| *line);
    Err(problems
        .into_iter()
        .map(|(line, problem)| format!("line {line}: {problem}"))
        .collect())
}

fn entry(name: &str, value: &DeValue<'_>, line: usize) -> Result<Entry, String> {
    let key = Key::named(name).ok_or_else(|| unknown(name))?;
    let text = text_of(value).ok_or_else(|| {
        let found = value.type_str();
        format!("{name} is a TOML {found}; allowed: {}", key.allowed)
    })?;
    Ok(Entry { key, text, line })
}

fn text_of(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) if number.radix() == 10 => Some(number.as_str().to_owned()),
        DeValue::Array(elements) => elements
            .iter()
            .map(|element| match element.get_ref() {
                DeValue::String(text) => Some(text.to_string()),
                _ => None,
            })
            .collect::<Option<Vec<_>>>()
            .map(|texts| texts.join(",")),
        _ => None,
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    1 + text
        .bytes()
        .take(offset)
        .filter(|byte| *byte == b'\n')
        .count()
}

fn unknown(name: &str) -> String {
    let nearest = KEYS
        .iter()
        .map(|key| (distance(&name.to_ascii_lowercase(), key.name), key))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, _)| *distance <= 2 + name.len() / 6);
    match nearest {
        Some((_, key)) => format!("unknown key {name:?}; did you mean {}?", key.name),
        None => format!("unknown key {name:?}; `lockstep config default` lists all"),
    }
}

/// Characters to insert, delete or replace to make one word out of the other.
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.chars().count()).collect();
    for (above, from) in one.chars().enumerate() {
        let mut diagonal = above;
        row[0] = above + 1;
        for (left, to) in other.chars().enumerate() {
            let replaced = diagonal + usize::from(from != to);
            diagonal = row[left + 1];
            row[left + 1] = replaced.min(diagonal + 1).min(row[left] + 1);
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_those_of_levenshtein() {
        for (one, other, expected) in [
            ("", "", 0),
            ("", "port", 4),
            ("prot", "port", 2),
            ("worker_counts", "worker_count", 1),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(distance(one, other), expected, "{one} {other}");
            assert_eq!(distance(other, one), expected, "{other} {one}");
        }
    }

    #[test]
    fn lines_are_counted_from_one() {
        let entries = parse("\n\nport = 1\r\nhost = '::1'\nqueues = ['a', 'b']\n").unwrap();
        let found: Vec<_> = entries
            .iter()
            .map(|entry| (entry.line, entry.text.as_str()))
            .collect();
        assert!(found.contains(&(3, "1")), "{found:?}");
        assert!(found.contains(&(4, "::1")), "{found:?}");
        assert!(found.contains(&(5, "a,b")), "{found:?}");
    }
}

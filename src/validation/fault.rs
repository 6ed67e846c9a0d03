//! Owns where a fault is, how the place is called in a sentence, and how many faults are told.
//! Must not know: which rules there are.

use std::fmt::Display;

use crate::model::Fault;

/// Most faults of one request that are told.
const MOST_FAULTS: usize = 100;
/// Longest part, in characters, of a property's name that is repeated to the caller.
const LONGEST_NAME: usize = 100;

/// A place of the input: its JSON pointer, and its name in a sentence.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pointer: String,
    name: String,
}

impl Place {
    /// Where a check starts: `/body`, `/query`, `/body/payload`, or the empty pointer.
    pub(super) fn root(pointer: &str) -> Self {
        let last = pointer.rsplit('/').next().unwrap_or_default();
        let name = match pointer {
            "" => "the value".to_owned(),
            "/body" => "the body".to_owned(),
            _ => last.replace("~1", "/").replace("~0", "~"),
        };
        Self {
            pointer: pointer.to_owned(),
            name,
        }
    }

    pub(super) fn property(mut self, name: &str) -> Self {
        let cut = name
            .char_indices()
            .nth(LONGEST_NAME)
            .map(|(end, _)| &name[..end]);
        self.name.clear();
        self.pointer.push('/');
        for character in cut.unwrap_or(name).chars() {
            match character {
                '~' => self.pointer.push_str("~0"),
                '/' => self.pointer.push_str("~1"),
                other => self.pointer.push(other),
            }
            // A name may end up in a terminal.
            self.name.push(if character.is_control() {
                char::REPLACEMENT_CHARACTER
            } else {
                character
            });
        }
        if cut.is_some() {
            self.pointer.push('…');
            self.name.push('…');
        }
        self
    }

    pub(super) fn index(mut self, index: usize) -> Self {
        self.pointer.push('/');
        let digits = index.to_string();
        self.pointer.push_str(&digits);
        self.name.extend(["[", digits.as_str(), "]"]);
        self
    }

    /// The fault that this place, by its name, `does` something: "is required".
    pub(super) fn fault(self, does: impl Display) -> Fault {
        let message = format!("{} {does}", self.name);
        Fault::new(self.pointer, message)
    }

    /// The fault here that a whole sentence tells.
    pub(super) fn says(self, sentence: impl Into<String>) -> Fault {
        Fault::new(self.pointer, sentence)
    }
}

/// The faults of one request, each told once, no more than [`MOST_FAULTS`].
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<Fault>);

impl Faults {
    pub(super) fn add(&mut self, fault: Fault) {
        if !self.is_full() && !self.0.contains(&fault) {
            self.0.push(fault);
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.0.len() >= MOST_FAULTS
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn into_vec(self) -> Vec<Fault> {
        self.0
    }
}

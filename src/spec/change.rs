//! Owns what a comparison answers: changes, their classes, and the verdict on a release.
//! Must not know: how changes are found.

use std::{collections::BTreeSet, fmt};

use serde::Serialize;
use serde_json::Value;

use super::diff::diff;

/// What a change does to callers that were built against the old document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Some of them stop working.
    Breaking,
    /// No rule knows. Counts as breaking until somebody has looked.
    Unhandled,
    /// They go on working; callers built against the new document need a new server.
    Compatible,
    /// Words and examples only.
    Trivial,
}

impl Class {
    pub const ALL: [Self; 4] = [
        Self::Breaking,
        Self::Unhandled,
        Self::Compatible,
        Self::Trivial,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Breaking => "breaking",
            Self::Unhandled => "unhandled",
            Self::Compatible => "compatible",
            Self::Trivial => "trivial",
        }
    }
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Change {
    pub class: Class,
    /// JSON pointer into the document that has the place: the new one, or the old one for what was removed.
    pub pointer: String,
    pub message: String,
    /// Operations that it reaches, by id; empty for what belongs to none.
    pub operations: BTreeSet<String>,
}

/// Everything that changed, worst first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SpecDiff {
    pub old_version: String,
    pub new_version: String,
    pub changes: Vec<Change>,
}

impl SpecDiff {
    /// Whether anything breaks callers, or may (see [`Class::Unhandled`]).
    pub fn breaking(&self) -> bool {
        self.changes
            .iter()
            .any(|change| matches!(change.class, Class::Breaking | Class::Unhandled))
    }

    pub fn count(&self, class: Class) -> usize {
        self.changes
            .iter()
            .filter(|change| change.class == class)
            .count()
    }
}

impl fmt::Display for SpecDiff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.changes.is_empty() {
            return writeln!(f, "no change");
        }
        for Change {
            class,
            pointer,
            message,
            operations,
        } in &self.changes
        {
            write!(f, "{:<10}  {pointer}: {message}", class.as_str())?;
            let named: Vec<_> = operations.iter().take(3).map(String::as_str).collect();
            match operations.len() - named.len() {
                0 if named.is_empty() => writeln!(f)?,
                0 => writeln!(f, " ({})", named.join(", "))?,
                more => writeln!(f, " ({} and {more} more)", named.join(", "))?,
            }
        }
        let counts = Class::ALL.map(|class| format!("{} {}", self.count(class), class.as_str()));
        writeln!(
            f,
            "{} → {}: {}",
            self.old_version,
            self.new_version,
            counts.join(", ")
        )
    }
}

/// Whether the new document may follow the old one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// True unless something changes for callers without a version that says so.
    pub passed: bool,
    pub reason: String,
    pub diff: SpecDiff,
}

/// Judges a release by `info.version`: what breaks callers wants a new major version, what they can use or see a new
/// minor one. Wording alone wants neither.
pub fn verdict(old: &Value, new: &Value) -> Verdict {
    let diff = diff(old, new);
    let wanted = if diff.breaking() {
        Some(("breaking", "major"))
    } else {
        (diff.count(Class::Compatible) > 0).then_some(("compatible", "minor"))
    };
    let (from, to) = (&diff.old_version, &diff.new_version);
    let (passed, reason) = match (wanted, version(from), version(to)) {
        (None, ..) => (true, "nothing changes for callers".to_owned()),
        (Some((change, part)), Some(old), Some(new)) => {
            let says_so = if part == "major" {
                new.0 > old.0
            } else {
                new > old
            };
            let is = if says_so { "is" } else { "is no" };
            (
                says_so,
                format!("{change}, and version {from} → {to} {is} new {part} version"),
            )
        }
        (Some((change, _)), ..) => (
            false,
            format!("{change}, and info.version is not a version (major.minor.patch)"),
        ),
    };
    Verdict {
        passed,
        reason,
        diff,
    }
}

/// Major and minor.
fn version(text: &str) -> Option<(u64, u64)> {
    let mut parts = text.split('.').map(|part| part.parse().ok());
    Some((parts.next()??, parts.next()??))
}

//! Owns how the generator says no: every reason at once, each with its place in the document.
//! Must not know: what the reasons are.

use std::fmt;

/// One reason, at a JSON pointer into the document (or at a line, while it is not a document yet).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Refusal {
    pub place: String,
    pub reason: String,
}

/// Why a document is refused. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused(pub Vec<Refusal>);

impl Refused {
    pub(super) fn one(place: impl Into<String>, reason: impl Into<String>) -> Self {
        Self(vec![Refusal {
            place: place.into(),
            reason: reason.into(),
        }])
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the document is refused:")?;
        for Refusal { place, reason } in &self.0 {
            write!(f, "\n  {place}: {reason}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Refused {}

/// Collects reasons while a document is walked.
#[derive(Debug, Default)]
pub(super) struct Refusals(Vec<Refusal>);

impl Refusals {
    pub(super) fn add(&mut self, at: &Pointer, reason: impl Into<String>) {
        self.0.push(Refusal {
            place: at.to_string(),
            reason: reason.into(),
        });
    }

    /// Ok when nothing was added.
    pub(super) fn finish(mut self) -> Result<(), Refused> {
        self.0.sort();
        self.0.dedup();
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(Refused(self.0))
        }
    }
}

/// A JSON pointer (RFC 6901) that grows with the walk.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Pointer(String);

impl Pointer {
    pub(super) fn then(&self, segment: impl fmt::Display) -> Self {
        let segment = segment.to_string().replace('~', "~0").replace('/', "~1");
        Self(format!("{}/{segment}", self.0))
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "/" } else { &self.0 })
    }
}

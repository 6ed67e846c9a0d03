//! Owns the finding "this place of the input breaks this rule".
//! Must not know: how the input arrived.

/// One fault of an input: where, and which rule is broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// JSON pointer to the place: `/body/age`, `/query/limit`, `/path/id`, `/header/If-Match`.
    pub pointer: String,
    /// The rule, as a plain sentence. Never repeats the offending value: it may be an address or a secret.
    pub message: String,
}

impl Fault {
    /// A fault at `pointer`.
    pub fn new(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            pointer: pointer.into(),
            message: message.into(),
        }
    }

    /// The same fault, seen from further up: `place` stands before its pointer.
    #[must_use]
    pub fn under(self, place: &str) -> Self {
        Self {
            pointer: format!("{place}{}", self.pointer),
            ..self
        }
    }
}

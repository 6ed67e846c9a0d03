//! Owns the three modes of validation, by name.
//! Must not know: what a mode does to a body.

use std::{fmt, str::FromStr};

/// How strictly input is read. Chosen at start by `VALIDATION_MODE`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Mode {
    /// As the schema says: what it does not name is refused.
    #[default]
    Default,
    /// What the schema does not name is accepted and kept as additional data.
    Flexible,
    /// Refused at every depth, and with it every sloppiness of JSON and headers.
    Strict,
}

impl Mode {
    /// Every mode.
    pub const ALL: [Self; 3] = [Self::Default, Self::Flexible, Self::Strict];

    /// The name in the configuration and in logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Flexible => "flexible",
            Self::Strict => "strict",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no [`Mode`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a validation mode (default, flexible, strict)")]
pub struct UnknownMode;

impl FromStr for Mode {
    type Err = UnknownMode;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|mode| mode.as_str() == text)
            .ok_or(UnknownMode)
    }
}

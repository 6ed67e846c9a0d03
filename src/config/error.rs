//! Owns saying what is wrong with the configuration.
//! Must not know: where it is reported.

use std::fmt;

use super::{Key, Setting, Shown};

/// Everything that is wrong with the configuration; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError(Vec<Problem>);

impl ConfigError {
    /// Every problem that was found.
    pub fn problems(&self) -> &[Problem] {
        &self.0
    }
}

impl std::error::Error for ConfigError {}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{}", problem.0)?;
        }
        Ok(())
    }
}

impl From<Vec<Problem>> for ConfigError {
    fn from(problems: Vec<Problem>) -> Self {
        Self(problems)
    }
}

impl From<Problem> for ConfigError {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

/// One thing that is wrong, as a sentence that names key, source, value (unless secret) and what is allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem(String);

impl Problem {
    pub(super) fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }

    /// The setting's value is none of those that are allowed.
    pub(super) fn malformed(setting: &Setting) -> Self {
        Self(format!(
            "{} is malformed; {}",
            said(setting),
            allowed(setting.key)
        ))
    }

    /// The setting's value is allowed, but does not do, for `reason`.
    pub(super) fn unusable(setting: &Setting, reason: impl fmt::Display) -> Self {
        Self(format!("{}: {reason}", said(setting)))
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn said(setting: &Setting) -> String {
    let Setting { key, source, .. } = setting;
    let name = key.name;
    if key.shown == Shown::Never {
        format!("{name} ({source})")
    } else {
        format!("{name} = {:?} ({source})", setting.shown())
    }
}

fn allowed(key: &Key) -> String {
    format!("allowed: {}", key.allowed)
}

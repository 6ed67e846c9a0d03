//! Owns reading the process's environment, once.
//! Must not know: which variables mean what.

use std::{collections::BTreeMap, ffi::OsString, path::PathBuf};

/// The variables of a process, or those that a test made up. A variable without content counts as not set.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<OsString, OsString>);

impl Environment {
    /// What this process was given.
    pub fn of_process() -> Self {
        std::env::vars_os().collect()
    }

    /// A variable's text.
    ///
    /// # Errors
    /// It is not UTF-8.
    pub(super) fn text(&self, name: &str) -> Result<Option<String>, NotUtf8> {
        self.raw(name)
            .map(|value| value.clone().into_string().map_err(|_| NotUtf8))
            .transpose()
    }

    /// The file that holds settings, where one is named.
    pub(super) fn config_file(&self) -> Option<PathBuf> {
        self.raw("LOCKSTEP_CONFIG").map(PathBuf::from)
    }

    /// The token that the command line shows to a server.
    pub fn token(&self) -> Option<super::Secret> {
        let text = self.raw("LOCKSTEP_TOKEN")?.clone().into_string().ok()?;
        Some(super::Secret::new(text))
    }

    /// Whether the user wants no colours (<https://no-color.org>).
    pub fn no_color(&self) -> bool {
        self.raw("NO_COLOR").is_some()
    }

    fn raw(&self, name: &str) -> Option<&OsString> {
        self.0
            .get(&OsString::from(name))
            .filter(|value| !value.is_empty())
    }
}

/// A variable holds bytes that are not text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotUtf8;

impl<K: Into<OsString>, V: Into<OsString>> FromIterator<(K, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(variables: I) -> Self {
        let own = |(name, value): (K, V)| (name.into(), value.into());
        Self(variables.into_iter().map(own).collect())
    }
}

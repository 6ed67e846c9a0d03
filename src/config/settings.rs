//! Owns the layers: which text each setting has, and where it came from.
//! Must not know: what the texts mean.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
};

use super::{
    ConfigError, Environment, KEYS, Key, Problem, Shown, file,
    secret::{REDACTED, without_password},
};

/// What the command line says.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    /// `--config`: the file to read.
    pub file: Option<PathBuf>,
    /// By the key's name.
    pub values: BTreeMap<&'static str, String>,
}

/// Where a setting came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    Default,
    File { path: PathBuf, line: usize },
    Environment(String),
    Flag(String),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line } => write!(f, "{} line {line}", path.display()),
            Self::Environment(name) => write!(f, "environment variable {name}"),
            Self::Flag(name) => write!(f, "flag --{name}"),
        }
    }
}

/// One setting in force.
#[derive(Clone)]
pub struct Setting {
    pub key: &'static Key,
    pub source: Source,
    pub(super) text: String,
}

impl Setting {
    /// The value as it may be shown.
    pub fn shown(&self) -> String {
        match self.key.shown {
            Shown::Fully => self.text.clone(),
            Shown::WithoutPassword => without_password(&self.text),
            Shown::Never if self.text.is_empty() => String::new(),
            Shown::Never => REDACTED.to_owned(),
        }
    }
}

impl fmt::Debug for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} = {:?} ({})",
            self.key.name,
            self.shown(),
            self.source
        )
    }
}

/// Every setting in force, in the order of [`KEYS`].
#[derive(Debug, Clone)]
pub struct Settings(Vec<Setting>);

impl Settings {
    /// Lays flags over environment over file over defaults.
    ///
    /// # Errors
    /// The file cannot be read, is not TOML, or holds unknown keys; a variable is not UTF-8. All problems at once.
    pub fn gather(flags: &Flags, environment: &Environment) -> Result<Self, ConfigError> {
        let path = flags.file.clone().or_else(|| environment.config_file());
        let mut problems = Vec::new();
        let mut layers = vec![defaults()];
        match path.map(|path| file_layer(&path)).transpose() {
            Ok(layer) => layers.extend(layer),
            Err(error) => problems.extend_from_slice(error.problems()),
        }
        layers.push(environment_layer(environment, &mut problems));
        layers.push(flag_layer(flags));
        if !problems.is_empty() {
            return Err(problems.into());
        }
        Ok(Self(
            KEYS.iter().map(|key| topmost(key, &mut layers)).collect(),
        ))
    }

    /// Every setting.
    pub fn iter(&self) -> impl Iterator<Item = &Setting> {
        self.0.iter()
    }

    pub(super) fn get(&self, name: &str) -> &Setting {
        self.0
            .iter()
            .find(|setting| setting.key.name == name)
            .expect("only names of KEYS are asked for")
    }
}

type Layer = BTreeMap<&'static str, (String, Source)>;

/// The highest layer's text of one key.
fn topmost(key: &'static Key, layers: &mut [Layer]) -> Setting {
    let (text, source) = layers
        .iter_mut()
        .rev()
        .find_map(|layer| layer.remove(key.name))
        .expect("the default file has every key");
    Setting { key, source, text }
}

pub(super) fn default_text(name: &str) -> String {
    let (text, _) = defaults()
        .remove(name)
        .expect("the default file has every key");
    text
}

fn defaults() -> Layer {
    let entries = file::parse(file::DEFAULT_FILE).expect("the default file is sound");
    let entry = |entry: file::Entry| (entry.key.name, (entry.text, Source::Default));
    entries.into_iter().map(entry).collect()
}

fn file_layer(path: &Path) -> Result<Layer, ConfigError> {
    let entries = file::read(path)?;
    let entry = |entry: file::Entry| {
        let source = Source::File {
            path: path.to_owned(),
            line: entry.line,
        };
        (entry.key.name, (entry.text, source))
    };
    Ok(entries.into_iter().map(entry).collect())
}

fn environment_layer(environment: &Environment, problems: &mut Vec<Problem>) -> Layer {
    let mut layer = Layer::new();
    for key in KEYS {
        let variable = key.variable();
        match environment.text(&variable) {
            Ok(Some(text)) => {
                layer.insert(key.name, (text, Source::Environment(variable)));
            }
            Ok(None) => {}
            Err(_) => problems.push(Problem::new(format!(
                "environment variable {variable} is not UTF-8; allowed: {}",
                key.allowed
            ))),
        }
    }
    layer
}

fn flag_layer(flags: &Flags) -> Layer {
    let entry = |(name, text): (&&'static str, &String)| {
        let flag = name.replace('_', "-");
        (*name, (text.clone(), Source::Flag(flag)))
    };
    flags.values.iter().map(entry).collect()
}

//! Owns all configuration: flag over environment over file over default. The only reader of the environment.
//! Must not know: what the values are used for, or the command line's grammar.
//!
//! Every setting is a [`Key`]. Its default stands in `config.default.toml`, which is compiled in; the file given by
//! `--config` or `LOCKSTEP_CONFIG`, the environment (`PORT`) and flags (`--port`) each override what came before.
//! [`Settings`] holds the texts and where they came from, [`Config`] the values that they mean.

mod environment;
mod error;
mod file;
mod keys;
mod parse;
mod secret;
mod settings;
mod values;

pub use environment::Environment;
pub use error::{ConfigError, Problem};
pub use file::DEFAULT_FILE;
pub use keys::{KEYS, Key, Shown};
pub use secret::Secret;
pub use settings::{Flags, Setting, Settings, Source};
pub use values::{Config, LogFormat, LogLevel};

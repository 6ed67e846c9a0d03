//! Owns the settings as flags: one for each key that may be one, on every command.
//! Must not know: what the settings mean.

use std::path::PathBuf;

use clap::{Arg, ArgMatches, Args, Command, Error, FromArgMatches, value_parser};

use crate::config::{Flags, KEYS, Key, Shown};

/// The settings that the command line gives.
#[derive(Debug, Clone, Default)]
pub(super) struct ConfigFlags(pub(super) Flags);

fn keys() -> impl Iterator<Item = &'static Key> {
    KEYS.iter().filter(|key| key.shown != Shown::Never)
}

impl Args for ConfigFlags {
    fn augment_args(command: Command) -> Command {
        let file = Arg::new("config")
            .long("config")
            .value_name("FILE")
            .value_parser(value_parser!(PathBuf))
            .help("Configuration file (TOML) [env: LOCKSTEP_CONFIG]")
            .help_heading("Configuration")
            .global(true);
        command.arg(file).args(keys().map(flag))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

fn flag(key: &'static Key) -> Arg {
    let default = match key.default_text() {
        text if text.is_empty() => String::new(),
        text => format!(" [default: {text}]"),
    };
    let help = format!(
        "{} Allowed: {}.{default} [env: {}]",
        key.about,
        key.allowed,
        key.variable()
    );
    Arg::new(key.name)
        .long(key.flag())
        .value_name("VALUE")
        .allow_hyphen_values(true)
        .help(help)
        .help_heading("Configuration")
        .hide_short_help(true)
        .global(true)
}

impl FromArgMatches for ConfigFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let value = |key: &'static Key| {
            let text = matches.get_one::<String>(key.name)?;
            Some((key.name, text.clone()))
        };
        Ok(Self(Flags {
            file: matches.get_one::<PathBuf>("config").cloned(),
            values: keys().filter_map(value).collect(),
        }))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

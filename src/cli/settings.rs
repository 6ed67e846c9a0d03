//! Owns `lockstep config`.
//! Must not know: what the settings mean.

use clap::Subcommand;
use serde_json::json;

use super::{Failure, Output, Rows};
use crate::config::{Config, DEFAULT_FILE, Environment, Flags, Setting, Settings};

#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Show every setting in force and where it came from; secrets redacted.
    Show,
    /// Say whether a server could start with this configuration.
    Check,
    /// Print the default configuration file, with every key explained.
    #[command(after_help = "Example:\n  lockstep config default > lockstep.toml")]
    Default,
}

impl ConfigCommand {
    pub(super) fn run(
        self,
        flags: &Flags,
        environment: &Environment,
        output: &mut Output,
    ) -> Result<(), Failure> {
        match self {
            Self::Default => output.text(DEFAULT_FILE),
            Self::Show => show(&Settings::gather(flags, environment)?, output),
            Self::Check => {
                Config::load(flags, environment)?.check_exposure()?;
                let sentence = "the configuration is sound";
                output.show(&json!({ "sound": true }), |_| {
                    Rows::pairs([(sentence, String::new())])
                })
            }
        }
    }
}

fn show(settings: &Settings, output: &mut Output) -> Result<(), Failure> {
    let all: Vec<&Setting> = settings.iter().collect();
    let value: Vec<_> = all
        .iter()
        .map(|setting| {
            json!({
                "key": setting.key.name,
                "value": setting.shown(),
                "source": setting.source.to_string(),
            })
        })
        .collect();
    output.show(&value, |_| {
        Rows::new(&["KEY", "VALUE", "SOURCE"]).with(&all, |setting| {
            vec![
                setting.key.name.to_owned(),
                setting.shown(),
                setting.source.to_string(),
            ]
        })
    })
}

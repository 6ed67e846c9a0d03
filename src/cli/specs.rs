//! Owns `lockstep spec`.
//! Must not know: how documents are compared.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde_json::Value;

use super::{Failure, Output, output::Format};
use crate::{contract, spec};

#[derive(Debug, Subcommand)]
pub(super) enum SpecCommand {
    /// Compare two OpenAPI documents: what breaks callers, what does not.
    #[command(
        after_help = "Exit code 1 for a change that breaks callers without a new major version.\nExample:\n  \
                            lockstep spec diff docs/openapi.blessed.yaml openapi.yaml"
    )]
    Diff { old: PathBuf, new: PathBuf },
    /// Print this program's contract as JSON.
    Show,
}

impl SpecCommand {
    pub(super) fn run(self, format: Format, output: &mut Output) -> Result<(), Failure> {
        match self {
            Self::Show => output.json(contract::document()),
            Self::Diff { old, new } => diff(&read(&old)?, &read(&new)?, format, output),
        }
    }
}

pub(super) fn read(path: &Path) -> Result<Value, Failure> {
    spec::read(path).map_err(|error| {
        let reason = Failure::Internal("", Box::new(error)).text();
        Failure::Usage(format!("{}{reason}", path.display()))
    })
}

fn diff(old: &Value, new: &Value, format: Format, output: &mut Output) -> Result<(), Failure> {
    let verdict = spec::verdict(old, new);
    match format {
        Format::Json => output.json(&verdict)?,
        Format::Table => output.text(&format!("{}{}", verdict.diff, verdict.reason))?,
    }
    if verdict.passed {
        Ok(())
    } else {
        Err(Failure::No(verdict.reason))
    }
}

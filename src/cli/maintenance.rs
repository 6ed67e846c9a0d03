//! Owns `lockstep migrate`, `doctor` and `backup`.
//! Must not know: how the database does it.

use std::path::PathBuf;

use serde_json::json;
use slog::Logger;

use super::{Failure, Output, Rows, arguments::MigrateCommand, database::Database};
use crate::{
    config::Config,
    store::{MigrationState, Store, StoreConfig, StoreError},
};

fn refused(error: StoreError) -> Failure {
    Failure::of_store(error, "database")
}

impl MigrateCommand {
    pub(super) async fn run(self, config: &Config, output: &mut Output) -> Result<(), Failure> {
        let store = StoreConfig::new(config.database_url.clone());
        match self {
            Self::Up => {
                let ran = Store::migrate_up(&store).await.map_err(refused)?;
                output.show(&json!({ "ran": ran }), |_| {
                    Rows::pairs([("migrations run", ran.to_string())])
                })
            }
            Self::Down { yes } => down(&store, yes, output).await,
            Self::Status => {
                let all = Store::migrations(&store).await.map_err(refused)?;
                let value: Vec<_> = all.iter().map(migration).collect();
                output.show(&value, |_| {
                    Rows::new(&["MIGRATION", "NAME", "STATE"]).with(&all, |one| {
                        let state = if one.applied { "applied" } else { "pending" };
                        vec![one.version.clone(), one.name.clone(), state.to_owned()]
                    })
                })
            }
        }
    }
}

fn migration(one: &MigrationState) -> serde_json::Value {
    json!({ "version": one.version, "name": one.name, "applied": one.applied })
}

async fn down(store: &StoreConfig, yes: bool, output: &mut Output) -> Result<(), Failure> {
    let all = Store::migrations(store).await.map_err(refused)?;
    let Some(newest) = all.iter().rev().find(|one| one.applied) else {
        return Err(Failure::No("no migration is applied".to_owned()));
    };
    let question = format!("Take back {} and lose what is in its tables?", newest.name);
    if !yes && !output.confirm(&question)? {
        return Err(Failure::No("nothing was changed".to_owned()));
    }
    let reverted = Store::migrate_down(store).await.map_err(refused)?;
    output.show(&json!({ "reverted": reverted }), |_| {
        Rows::pairs([("reverted", reverted.clone().unwrap_or_default())])
    })
}

/// Copies the database to `file`.
pub(super) async fn backup(
    config: &Config,
    file: PathBuf,
    log: &Logger,
    output: &mut Output,
) -> Result<(), Failure> {
    let name = file.display().to_string();
    let database = Database::open(config, false, log).await?;
    let copied = database.store().backup(file).await;
    database.close().await;
    let bytes = copied.map_err(|error| Failure::of_store(error, "backup"))?;
    output.show(&json!({ "file": name, "bytes": bytes }), |_| {
        Rows::pairs([("file", name.clone()), ("bytes", bytes.to_string())])
    })
}

/// Says what is wrong with database and configuration. That the database is one, not newer than this program, and
/// durable is asserted whenever it is opened.
pub(super) async fn doctor(
    config: &Config,
    log: &Logger,
    output: &mut Output,
) -> Result<(), Failure> {
    let mut findings = Vec::new();
    if let Err(error) = config.check_exposure() {
        findings.push(error.to_string());
    }
    let database = Database::open(config, false, log).await?;
    let examined = examine(database.store(), &mut findings).await;
    database.close().await;
    examined.map_err(refused)?;
    let database = config.shown_database_url();
    let sound = findings.is_empty();
    let value = json!({ "database": database, "sound": sound, "findings": findings });
    output.show(&value, |_| {
        let mut rows = Rows::pairs([("database", database), ("sound", sound.to_string())]);
        for finding in &findings {
            rows.row(["finding".to_owned(), finding.clone()]);
        }
        rows
    })?;
    match findings.len() {
        0 => Ok(()),
        1 => Err(Failure::No("1 finding".to_owned())),
        many => Err(Failure::No(format!("{many} findings"))),
    }
}

async fn examine(store: &Store, findings: &mut Vec<String>) -> Result<(), StoreError> {
    findings.extend(store.findings().await?);
    for (kept, _) in store.job_counts_check().await? {
        findings.push(format!(
            "the kept counts of {} jobs are not the real ones",
            kept.job_type
        ));
    }
    Ok(())
}

//! Owns what a server must be before the store uses it.
//! Must not know: tables.

use tokio_postgres::{Client, SimpleQueryMessage, SimpleQueryRow};

use super::{
    classify::{Name, READ_ONLY, classify},
    settings::Settings,
};
use crate::store::StoreError;

/// As the server numbers itself.
const OLDEST: u32 = 150_000;

/// As one simple query: a pooler may have no prepared statements.
const LOOK: &str = "SELECT current_setting('server_version_num') AS number, \
     current_setting('server_version') AS version, \
     current_setting('server_encoding') AS encoding, \
     pg_is_in_recovery() AS standby, \
     current_setting('transaction_read_only') AS read_only, \
     current_user AS role, \
     current_schema() AS schema, \
     has_schema_privilege(current_schema(), 'USAGE') AND \
         has_schema_privilege(current_schema(), 'CREATE') AS allowed, \
     current_setting('fsync') AS fsync, \
     current_setting('full_page_writes') AS full_page_writes, \
     current_setting('lc_messages') AS lc_messages, \
     current_setting('synchronous_commit') AS synchronous_commit";

/// Whether the store can live there. Answers what is unwise there, each a sentence. Somebody drives the client.
pub(super) async fn check(client: &Client, settings: &Settings) -> Result<Vec<String>, StoreError> {
    let sql = match settings.transaction_sql() {
        None => LOOK.to_owned(),
        Some(setup) => format!("BEGIN; {setup}; {LOOK}; ROLLBACK"),
    };
    let answers = client
        .simple_query(&sql)
        .await
        .map_err(|error| classify(error, settings, &settings.name()))?;
    let row = answers
        .iter()
        .rev()
        .find_map(|answer| match answer {
            SimpleQueryMessage::Row(row) => Some(Row(row)),
            _ => None,
        })
        .ok_or_else(|| StoreError::internal("the server does not answer with a row"))?;
    refuse(&row, settings)?;
    Ok(warnings(&row))
}

struct Row<'a>(&'a SimpleQueryRow);

impl Row<'_> {
    /// Empty where there is none.
    fn text(&self, name: &str) -> &str {
        self.0.try_get(name).ok().flatten().unwrap_or_default()
    }

    fn number(&self, name: &str) -> u32 {
        self.text(name).parse().unwrap_or(0)
    }
}

/// What is tried is 15 and newer.
fn too_old(number: u32, version: &str, name: &str) -> Option<String> {
    (number < OLDEST).then(|| {
        format!(
            "PostgreSQL 15 or newer is needed, {name} is {version}: upgrade it, or name another"
        )
    })
}

fn refuse(row: &Row<'_>, settings: &Settings) -> Result<(), StoreError> {
    let (name, role) = (settings.name(), row.text("role"));
    let refuse = |message: String| Err(StoreError::unusable(message));
    if let Some(message) = too_old(row.number("number"), row.text("version"), &name) {
        return refuse(message);
    }
    if row.text("encoding") != "UTF8" {
        return refuse(format!(
            "{name} stores {}: create the database with ENCODING 'UTF8' TEMPLATE template0",
            row.text("encoding")
        ));
    }
    if row.text("standby") == "t" {
        return Err(StoreError::Unavailable {
            reason: "it is a read-only standby",
            source: Some(format!("name the primary's host instead of {name}").into()),
        });
    }
    if row.text("read_only") == "on" {
        let fix = format!(
            "run ALTER DATABASE {} RESET default_transaction_read_only, or find who set it at {name}",
            Name(&settings.dbname)
        );
        return Err(StoreError::Unavailable {
            reason: READ_ONLY,
            source: Some(fix.into()),
        });
    }
    let schema = row.text("schema");
    if schema.is_empty() {
        return refuse(format!(
            "{role} has no schema of its search_path in {name}: run GRANT USAGE, CREATE ON SCHEMA public TO {}",
            Name(role)
        ));
    }
    if row.text("allowed") != "t" {
        return refuse(format!(
            "{role} may not create tables in {name}: run GRANT USAGE, CREATE ON SCHEMA {} TO {}",
            Name(schema),
            Name(role)
        ));
    }
    Ok(())
}

fn warnings(row: &Row<'_>) -> Vec<String> {
    let mut found = Vec::new();
    for (setting, danger) in [
        (
            "fsync",
            "a crash of its machine can lose or break everything",
        ),
        (
            "full_page_writes",
            "a crash of its machine can break its pages",
        ),
    ] {
        if row.text(setting) == "off" {
            found.push(format!(
                "PostgreSQL runs with {setting} = off: {danger}; set it to on"
            ));
        }
    }
    let language = row.text("lc_messages");
    let english = ["", "C", "POSIX"].contains(&language)
        || ["en", "C."].iter().any(|start| language.starts_with(start));
    if !english {
        found.push(format!(
            "PostgreSQL writes its messages in {language}, and some errors are told apart by their English text: \
             set lc_messages = 'C'"
        ));
    }
    let commit = row.text("synchronous_commit");
    if !["on", "remote_apply"].contains(&commit) {
        found.push(format!(
            "synchronous_commit stays {commit}: a crash of PostgreSQL can lose what was answered as done"
        ));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::too_old;

    #[test]
    fn fifteen_is_old_enough() {
        for (number, version) in [(150_000, "15.0"), (150_018, "15.18"), (180_001, "18.1")] {
            assert_eq!(too_old(number, version, "me@db/app"), None);
        }
        for (number, version) in [(0, ""), (90_603, "9.6.3"), (149_999, "14.99")] {
            let told = too_old(number, version, "me@db/app").unwrap();
            let expected = format!("PostgreSQL 15 or newer is needed, me@db/app is {version}:");
            assert!(told.starts_with(&expected), "{told}");
        }
    }
}

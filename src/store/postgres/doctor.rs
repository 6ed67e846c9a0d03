//! Owns what is to be said of a database and its server when somebody asks whether they are well.
//! Must not know: how it is shown.

use diesel::{QueryableByName, RunQueryDsl, sql_types};

use super::{Conn, Postgres, blocking, open::examine, sql::statement::statement};
use crate::store::{StoreError, types::Moment};

/// Clocks of machines that are further apart are said to be wrong: a second.
const SKEW: i64 = 1_000_000;

/// Indexes that hot statements need.
const INDEXES: &str = "SELECT name FROM unnest(ARRAY['job_queue_pkey', 'job_queue_pending', 'job_queue_held', \
     'job_queue_waiting', 'job_queue_leases', 'job_queue_expiring', 'job_queue_keyed', 'job_queue_group', \
     'job_queue_failed', 'users_pkey', 'users_without_job']) AS name \
     WHERE NOT EXISTS (SELECT 1 FROM pg_index WHERE indexrelid = to_regclass(name) AND indisvalid)";

#[derive(QueryableByName)]
struct Name {
    #[diesel(sql_type = sql_types::Text)]
    name: String,
}

#[derive(QueryableByName)]
struct Now {
    #[diesel(sql_type = Moment)]
    now: i64,
}

impl Postgres {
    /// What is not well, each a sentence.
    pub(in crate::store) async fn findings(&self) -> Result<Vec<String>, StoreError> {
        let settings = std::sync::Arc::clone(&self.settings);
        let mut findings = blocking(move || examine(&settings)).await?;
        findings.extend(self.read(indexes).await?);
        findings.extend(self.read(skew).await?);
        Ok(findings)
    }
}

fn indexes(conn: &mut Conn) -> Result<Vec<String>, StoreError> {
    let missing: Vec<Name> = statement(INDEXES).load(conn)?;
    let sentence = |Name { name }| {
        format!(
            "the index {name} is missing or invalid: run REINDEX INDEX {name}, or restore it from migrations/"
        )
    };
    Ok(missing.into_iter().map(sentence).collect())
}

fn skew(conn: &mut Conn) -> Result<Option<String>, StoreError> {
    let Now { now } = statement("SELECT clock_timestamp() AS now").get_result(conn)?;
    let ahead = now - chrono::Utc::now().timestamp_micros();
    Ok((ahead.abs() > SKEW).then(|| {
        #[expect(clippy::cast_precision_loss, reason = "for people")]
        let seconds = ahead as f64 / 1e6;
        format!("the server's clock is {seconds:+.1} s from this machine's: the server's decides, but logs disagree; run NTP on both")
    }))
}

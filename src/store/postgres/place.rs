//! Owns the databases that the bench makes on a server, and drops again.
//! Must not know: what is measured in them.

use std::{
    fmt::Write as _,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use super::{check::check, classify::classify, connect::connect, settings::Settings};
use crate::{
    clock::{Clock, SystemClock},
    model::NewJob,
    store::{
        Store, StoreConfig, StoreError,
        bench::{Filling, MIX},
        time::{micros, span},
    },
};

/// Rows in one statement.
const CHUNK: u64 = 100_000;
const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

/// As on SQLite: ready jobs have been due for less than an hour, a microsecond apart, oldest first by id.
const FILL: &str = "INSERT INTO job_queue (job_type, queue, payload, status, priority, rank, max_retries, timeout_ms, \
     schema_fingerprint, scheduled_at, created_at, attempt, started_at, completed_at, worker) \
     SELECT CAST($1 AS text), CAST($2 AS text), CAST(CAST($3 AS text) AS jsonb), status, CAST($4 AS integer), at, \
     CAST($5 AS integer), CAST($6 AS bigint), CAST($7 AS text), moment, moment, \
     CASE status WHEN 'completed' THEN 1 ELSE 0 END, CASE status WHEN 'completed' THEN moment END, \
     CASE status WHEN 'completed' THEN moment END, CASE status WHEN 'completed' THEN 'bench' END FROM (\
     SELECT i, status, at, timestamptz 'epoch' + at * interval '1 microsecond' AS moment FROM (\
     SELECT i, CASE WHEN place < ready THEN 'pending' WHEN place < ready + waiting THEN 'scheduled' ELSE 'completed' END \
     AS status, CASE WHEN place >= ready AND place < ready + waiting THEN future ELSE past END + i AS at FROM (\
     SELECT i, i * CAST($12 AS bigint) % CAST($13 AS bigint) AS place, CAST($8 AS bigint) AS ready, \
     CAST($9 AS bigint) AS waiting, CAST($10 AS bigint) AS future, CAST($11 AS bigint) AS past \
     FROM generate_series(CAST($14 AS bigint), CAST($15 AS bigint)) AS i) AS mixed) AS kinds) AS jobs ORDER BY i";

const REST: &str = "INSERT INTO job_attempts (job_id, number, worker, started_at, finished_at, outcome) \
     SELECT id, attempt, worker, started_at, completed_at, status FROM job_queue WHERE status = 'completed'; \
     INSERT INTO job_counts (queue, job_type, status, stripe, count) \
     SELECT queue, job_type, status, 0, count(*) FROM job_queue GROUP BY queue, job_type, status";

/// A server on which the bench has databases of its own.
#[derive(Debug)]
pub struct Server {
    url: String,
    /// What the names of its databases begin with.
    prefix: String,
    version: String,
    made: Mutex<Vec<String>>,
}

impl Server {
    /// Looks whether it is there. `url` may name any database that lets the user in.
    pub async fn find(url: &str) -> Result<Self, StoreError> {
        let settings = Settings::parse(url)?;
        let (client, mut driver) = connect(&settings).await?;
        let version = driver.drive(client.query_one("SHOW server_version", &[]));
        let version = version
            .await
            .map_err(|error| classify(error, &settings, &settings.name()))?;
        Ok(Self {
            url: url.to_owned(),
            prefix: format!(
                "lockstep_bench_{}_{:08x}",
                std::process::id(),
                rand::random::<u32>()
            ),
            version: version.get(0),
            made: Mutex::default(),
        })
    }

    /// As the server says it.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Whether it lets the user make a database that the store could live in. Leaves none behind.
    pub async fn probe(&self) -> Result<(), StoreError> {
        let name = self.named("probe");
        let found = async {
            let sql = format!("CREATE DATABASE {name}");
            self.tell(&self.url, &[&sql]).await.map_err(not_allowed)?;
            let settings = Settings::parse(&on(&self.url, &name))?;
            let (client, mut driver) = connect(&settings).await?;
            driver.drive(check(&client, &settings)).await
        };
        let found = found.await;
        self.remove().await?;
        found.map(drop)
    }

    /// Makes a database with our tables. Answers its URL.
    pub async fn create(&self, name: &str) -> Result<String, StoreError> {
        let name = self.named(name);
        self.tell(&self.url, &[&format!("CREATE DATABASE {name}")])
            .await?;
        let url = on(&self.url, &name);
        Store::migrate_up(&StoreConfig::new(url.clone())).await?;
        Ok(url)
    }

    /// Makes a database with the content of another one that it made, which nobody may be connected to.
    pub async fn copy(&self, from: &str, name: &str) -> Result<String, StoreError> {
        let from = format!("{}_{from}", self.prefix);
        let name = self.named(name);
        let sql = format!("CREATE DATABASE {name} TEMPLATE {from} STRATEGY FILE_COPY");
        self.tell(&self.url, &[&sql]).await?;
        Ok(on(&self.url, &name))
    }

    /// Fills the empty tables of a database with jobs like `job`.
    pub async fn fill(&self, url: &str, job: &NewJob, filling: Filling) -> Result<(), StoreError> {
        let settings = Settings::parse(url)?;
        let (client, mut driver) = connect(&settings).await?;
        let int = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let now = micros(SystemClock.now());
        let (past, future) = (now - span(HOUR), now + span(DAY));
        let (total, ready, waiting) = (filling.total(), int(filling.ready), int(filling.scheduled));
        let timeout = i64::try_from(job.timeout.as_millis()).unwrap_or(i64::MAX);
        let filled = driver.drive(async {
            client
                .batch_execute("SET synchronous_commit = off; SET statement_timeout = 0")
                .await?;
            let fill = client.prepare(FILL).await?;
            for first in (0..total).step_by(usize::try_from(CHUNK).unwrap_or(usize::MAX)) {
                let last = int(total.min(first + CHUNK)) - 1;
                client
                    .execute(
                        &fill,
                        &[
                            &job.job_type,
                            &job.queue,
                            &job.payload,
                            &job.priority,
                            &job.max_retries,
                            &timeout,
                            &job.schema_fingerprint,
                            &ready,
                            &waiting,
                            &future,
                            &past,
                            &MIX,
                            &int(total),
                            &int(first),
                            &last,
                        ],
                    )
                    .await?;
            }
            client.batch_execute(REST).await?;
            client.batch_execute("VACUUM (ANALYZE)").await
        });
        filled
            .await
            .map_err(|error| classify(error, &settings, &settings.name()))?;
        // A database that somebody is connected to cannot be copied.
        drop(client);
        let _ = driver.await;
        Ok(())
    }

    /// Takes dead rows away: what autovacuum would do at a time that nobody knows.
    pub async fn vacuum(&self, url: &str) -> Result<(), StoreError> {
        let tables = "VACUUM job_queue, job_attempts, job_counts, job_events";
        self.tell(url, &["SET statement_timeout = 0", tables]).await
    }

    /// Drops all that it made, whoever is connected.
    pub async fn remove(&self) -> Result<(), StoreError> {
        let made = std::mem::take(&mut *self.made.lock().unwrap_or_else(PoisonError::into_inner));
        for name in made {
            let sql = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
            self.tell(&self.url, &["SET statement_timeout = 0", &sql])
                .await?;
        }
        Ok(())
    }

    /// A name that nobody else has. From now on it is to be dropped.
    fn named(&self, name: &str) -> String {
        let name = format!("{}_{name}", self.prefix);
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        made.push(name.clone());
        name
    }

    async fn tell(&self, url: &str, statements: &[&str]) -> Result<(), StoreError> {
        let settings = Settings::parse(url)?;
        let (client, mut driver) = connect(&settings).await?;
        for sql in statements {
            // One by one: these do not run in a transaction.
            driver
                .drive(client.batch_execute(sql))
                .await
                .map_err(|error| classify(error, &settings, &settings.name()))?;
        }
        drop(client);
        let _ = driver.await;
        Ok(())
    }
}

/// What the store says of a statement that is not allowed is about its own tables.
fn not_allowed(error: StoreError) -> StoreError {
    if error
        .to_string()
        .contains("permission denied to create database")
    {
        return StoreError::unusable(
            "its user may not make databases: run ALTER ROLE … CREATEDB, or name another user",
        );
    }
    error
}

/// The URL of another database on the same server.
fn on(url: &str, name: &str) -> String {
    let (address, parameters) = url.split_once('?').unwrap_or((url, ""));
    let start = address.find("://").map_or(0, |place| place + 3);
    let end = address[start..]
        .find('/')
        .map_or(address.len(), |place| start + place);
    let mut other = format!("{}/{name}", &address[..end]);
    let kept = parameters
        .split('&')
        .filter(|given| !given.is_empty() && !given.starts_with("dbname="));
    for (place, given) in kept.enumerate() {
        // Writing to a string cannot fail.
        let _ = write!(other, "{}{given}", if place == 0 { '?' } else { '&' });
    }
    other
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_another_database() {
        let of = |url| on(url, "b");
        assert_eq!(
            of("postgres://u:p@h:1/a?x=1&y=2"),
            "postgres://u:p@h:1/b?x=1&y=2"
        );
        assert_eq!(of("postgres://u@h"), "postgres://u@h/b");
        assert_eq!(
            of("postgres://?host=/run&dbname=a"),
            "postgres:///b?host=/run"
        );
    }
}

//! Owns writing the PostgreSQL database that is copied to: one transaction, COPY for each table, a look at what arrived.
//! Must not know: where the rows come from.

use std::pin::pin;

use bytes::{BufMut, Bytes, BytesMut};
use chrono::DateTime;
use futures::{SinkExt, StreamExt};
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::Client;

use super::{
    digest::{Row, Sum},
    tables::{Kind, TABLES, Table},
};
use crate::store::{
    StoreError,
    postgres::{Driver, Settings, connect},
};

/// Bytes that are sent at once.
const CHUNK: usize = 256 * 1024;

/// The database, in a transaction that [`Target::commit`] ends. Dropped before, it is as it was.
pub(super) struct Target {
    client: Client,
    driver: Driver,
    runtime: Runtime,
}

fn failed(error: tokio_postgres::Error) -> StoreError {
    let said = error.as_db_error().map(|said| {
        let place = said.where_().unwrap_or_default();
        format!("{} ({place})", said.message())
    });
    match said {
        Some(said) => StoreError::Unusable {
            message: format!("PostgreSQL refuses what is copied: {said}"),
            source: Some(Box::new(error)),
        },
        None => StoreError::Unavailable {
            reason: "its connection was lost",
            source: Some(Box::new(error)),
        },
    }
}

impl Target {
    pub(super) fn open(settings: &Settings) -> Result<Self, StoreError> {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| StoreError::Internal(Box::new(error)))?;
        let (client, driver) = runtime.block_on(connect(settings))?;
        let mut target = Self {
            client,
            driver,
            runtime,
        };
        // A statement here may take as long as a table.
        target.run("BEGIN; SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0")?;
        Ok(target)
    }

    fn run(&mut self, sql: &str) -> Result<(), StoreError> {
        let work = self.client.batch_execute(sql);
        self.runtime
            .block_on(self.driver.drive(work))
            .map_err(failed)
    }

    fn number(&mut self, query: &str) -> Result<i64, StoreError> {
        let work = self.client.query_one(query, &[]);
        let row = self
            .runtime
            .block_on(self.driver.drive(work))
            .map_err(failed)?;
        row.try_get(0).map_err(failed)
    }

    /// Nobody writes to its tables from now on, and nobody has.
    pub(super) fn refuse_unless_empty(&mut self) -> Result<(), StoreError> {
        let names: Vec<&str> = TABLES.iter().map(|table| table.name).collect();
        self.run(&format!(
            "LOCK TABLE {} IN EXCLUSIVE MODE",
            names.join(", ")
        ))?;
        for name in names {
            if self.number(&format!(
                "SELECT count(*) FROM (SELECT 1 FROM {name} LIMIT 1) AS found"
            ))? > 0
            {
                return Err(StoreError::unusable(format!(
                    "the database that is copied to is not empty ({name} has rows): give it an empty one"
                )));
            }
        }
        Ok(())
    }

    /// Has `rows` send the rows of a table.
    pub(super) fn fill(
        &mut self,
        table: &Table,
        rows: impl FnOnce(&mut dyn FnMut(&Row) -> Result<(), StoreError>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let Self {
            client,
            driver,
            runtime,
        } = self;
        let mut names: Vec<&str> = table.columns.iter().map(|(name, _)| *name).collect();
        names.extend(table.only_there.map(|(name, _)| name));
        let copy = format!("COPY {} ({}) FROM STDIN", table.name, names.join(", "));
        let sink = runtime
            .block_on(driver.drive(client.copy_in::<_, Bytes>(&copy)))
            .map_err(failed)?;
        let mut sink = pin!(sink);
        let mut buffer = BytesMut::with_capacity(CHUNK + CHUNK / 4);
        rows(&mut |row| {
            line(&mut buffer, table, row)?;
            if buffer.len() >= CHUNK {
                let chunk = buffer.split().freeze();
                runtime
                    .block_on(driver.drive(sink.send(chunk)))
                    .map_err(failed)?;
            }
            Ok(())
        })?;
        runtime
            .block_on(driver.drive(async {
                sink.send(buffer.freeze()).await?;
                sink.finish().await
            }))
            .map_err(failed)?;
        Ok(())
    }

    /// What arrived of a table: how many rows, and their digest.
    pub(super) fn look(&mut self, table: &Table) -> Result<(u64, Sum), StoreError> {
        let columns: Vec<String> = table.columns.iter().map(shown).collect();
        let query = format!("SELECT {} FROM {}", columns.join(", "), table.name);
        let none: [&(dyn tokio_postgres::types::ToSql + Sync); 0] = [];
        let Self {
            client,
            driver,
            runtime,
        } = self;
        let look = async {
            let mut sum = Sum::default();
            let mut count = 0;
            let mut rows = pin!(client.query_raw(&query, none).await.map_err(failed)?);
            while let Some(row) = rows.next().await {
                let row = row.map_err(failed)?;
                let mut values = Vec::with_capacity(table.columns.len());
                for place in 0..table.columns.len() {
                    let value: Option<String> = row.try_get(place).map_err(failed)?;
                    values.push(value);
                }
                sum.add(table, &values).map_err(StoreError::internal)?;
                count += 1;
            }
            Ok((count, sum))
        };
        runtime.block_on(driver.drive(look))
    }

    /// The next row of the table gets the number after this one.
    pub(super) fn set_sequence(&mut self, table: &Table, last: i64) -> Result<(), StoreError> {
        self.run(&format!(
            "SELECT setval(pg_get_serial_sequence('{}', 'id'), {last})",
            table.name
        ))
    }

    pub(super) fn commit(mut self) -> Result<(), StoreError> {
        self.run("COMMIT")?;
        self.run("ANALYZE")
    }
}

/// A column as text, moments in microseconds. The only one without an end is the last that there is.
fn shown((name, kind): &(&'static str, Kind)) -> String {
    match kind {
        Kind::Moment => format!(
            "CASE WHEN NOT isfinite({name}) THEN '9223372036854775807' \
             ELSE (extract(epoch FROM {name}) * 1000000)::bigint::text END"
        ),
        Kind::Bool => format!("{name}::int::text"),
        Kind::Plain | Kind::Real | Kind::Document => format!("{name}::text"),
    }
}

/// A row in the text form of COPY.
fn line(buffer: &mut BytesMut, table: &Table, row: &Row) -> Result<(), StoreError> {
    for (place, (value, (name, kind))) in row.iter().zip(table.columns).enumerate() {
        if place > 0 {
            buffer.put_u8(b'\t');
        }
        match value {
            None => buffer.put_slice(b"\\N"),
            Some(value) if *kind == Kind::Moment => {
                let moment = moment(value).ok_or_else(|| {
                    StoreError::unusable(format!("{}.{name} is no moment: {value}", table.name))
                })?;
                buffer.put_slice(moment.as_bytes());
            }
            Some(value) => escape(buffer, value),
        }
    }
    if let Some((_, value)) = table.only_there {
        buffer.put_u8(b'\t');
        buffer.put_slice(value.as_bytes());
    }
    buffer.put_u8(b'\n');
    Ok(())
}

fn escape(buffer: &mut BytesMut, text: &str) {
    for byte in text.bytes() {
        match byte {
            b'\\' => buffer.put_slice(b"\\\\"),
            b'\n' => buffer.put_slice(b"\\n"),
            b'\r' => buffer.put_slice(b"\\r"),
            b'\t' => buffer.put_slice(b"\\t"),
            other => buffer.put_u8(other),
        }
    }
}

/// Microseconds as PostgreSQL reads a moment. The last one that there is stands for "never".
fn moment(micros: &str) -> Option<String> {
    let micros = micros.parse().ok()?;
    if micros == i64::MAX {
        return Some("infinity".to_owned());
    }
    let at = DateTime::from_timestamp_micros(micros)?;
    let text = at.format("%Y-%m-%d %H:%M:%S%.6f+00").to_string();
    Some(text.trim_start_matches('+').to_owned())
}

//! Owns reading the SQLite file that is copied. Nobody writes to it meanwhile.
//! Must not know: where the rows go.

use std::path::PathBuf;

use rusqlite::{Connection, OpenFlags, OptionalExtension, types::ValueRef};

use super::{
    digest::{Row, real},
    tables::{Kind, TABLES, Table},
};
use crate::store::StoreError;

/// The file, locked against writers.
pub(super) struct Source(Connection);

impl Source {
    pub(super) fn open(path: PathBuf) -> Result<Self, StoreError> {
        let conn = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        conn.execute_batch("PRAGMA busy_timeout = 5000; BEGIN IMMEDIATE")?;
        Ok(Self(conn))
    }

    /// Rows of all tables.
    pub(super) fn rows(&self) -> Result<u64, StoreError> {
        let mut rows = 0;
        for table in TABLES {
            let count = format!("SELECT count(*) FROM {}", table.name);
            let count: i64 = self.0.query_row(&count, [], |row| row.get(0))?;
            rows += count.unsigned_abs();
        }
        Ok(rows)
    }

    /// Hands out each row of a table.
    pub(super) fn read(
        &self,
        table: &Table,
        mut each: impl FnMut(&Row) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let names: Vec<&str> = table.columns.iter().map(|(name, _)| *name).collect();
        let query = format!("SELECT {} FROM {}", names.join(", "), table.name);
        let mut statement = self.0.prepare(&query)?;
        let mut rows = statement.query([])?;
        let mut values = Vec::with_capacity(names.len());
        while let Some(row) = rows.next()? {
            values.clear();
            for (place, (name, kind)) in table.columns.iter().enumerate() {
                let value = text(row.get_ref(place)?, *kind).map_err(|what| {
                    StoreError::unusable(format!(
                        "{}.{name} has a value that cannot be copied: {what}",
                        table.name
                    ))
                })?;
                values.push(value);
            }
            each(&values)?;
        }
        Ok(())
    }

    /// The last number that was given to a row of the table, if there ever was one.
    pub(super) fn sequence(&self, table: &Table) -> Result<Option<i64>, StoreError> {
        if !table.numbered {
            return Ok(None);
        }
        let last = "SELECT seq FROM sqlite_sequence WHERE name = ?";
        let last = self.0.query_row(last, [table.name], |row| row.get(0));
        Ok(last.optional()?.filter(|last: &i64| *last > 0))
    }
}

/// A value as text.
fn text(value: ValueRef<'_>, kind: Kind) -> Result<Option<String>, String> {
    let text = match (value, kind) {
        (ValueRef::Null, _) => return Ok(None),
        (ValueRef::Integer(number), Kind::Real) => {
            #[expect(clippy::cast_precision_loss, reason = "it is kept as a real there")]
            let number = number as f64;
            real(number)
        }
        (ValueRef::Integer(number), _) => number.to_string(),
        (ValueRef::Real(number), _) => real(number),
        (ValueRef::Text(bytes), _) => {
            let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
            // PostgreSQL keeps none.
            text.replace('\0', "\u{fffd}")
        }
        (ValueRef::Blob(_), _) => return Err("a blob".to_owned()),
    };
    Ok(Some(text))
}

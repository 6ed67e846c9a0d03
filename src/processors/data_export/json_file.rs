//! Owns the JSON form of an export: one array, one user a line.
//! Must not know: where users come from.

use std::{
    io::{self, Write},
    path::PathBuf,
};

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::value::RawValue;

use super::file::{Finished, WholeFile};
use crate::model::UserRecord;

pub(super) struct JsonFile {
    file: WholeFile,
    is_empty: bool,
}

#[derive(Serialize)]
struct Row<'a> {
    id: i64,
    email: &'a str,
    age: i32,
    name: Option<&'a str>,
    bio: Option<&'a str>,
    is_active: bool,
    additional_data: Option<&'a RawValue>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl JsonFile {
    pub(super) fn create(path: PathBuf) -> io::Result<Self> {
        let mut file = WholeFile::create(path)?;
        file.write_all(b"[")?;
        Ok(Self {
            file,
            is_empty: true,
        })
    }

    pub(super) fn write(&mut self, records: &[UserRecord]) -> io::Result<()> {
        for record in records {
            let user = &record.user;
            let start: &[u8] = if self.is_empty { b"\n" } else { b",\n" };
            self.is_empty = false;
            self.file.write_all(start)?;
            let additional = record.additional_data.as_deref().map(serde_json::from_str);
            let row = Row {
                id: user.id,
                email: &user.email,
                age: user.age,
                name: user.name.as_deref(),
                bio: user.bio.as_deref(),
                is_active: user.is_active,
                additional_data: additional.transpose()?,
                created_at: record.created_at,
                updated_at: record.updated_at,
            };
            // By way of one buffer: serde_json writes in very small pieces.
            self.file.write_all(&serde_json::to_vec(&row)?)?;
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> io::Result<Finished> {
        self.file.write_all(b"\n]\n")?;
        self.file.finish()
    }
}

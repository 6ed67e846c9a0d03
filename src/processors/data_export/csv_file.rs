//! Owns the CSV form of an export: RFC 4180, and no cell that a spreadsheet would run.
//! Must not know: where users come from.

use std::{borrow::Cow, io, path::PathBuf};

use chrono::{DateTime, SecondsFormat, Utc};

use super::file::{Finished, WholeFile};
use crate::model::UserRecord;

const HEADER: [&str; 9] = [
    "id",
    "email",
    "age",
    "name",
    "bio",
    "is_active",
    "additional_data",
    "created_at",
    "updated_at",
];

pub(super) struct CsvFile(csv::Writer<WholeFile>);

impl CsvFile {
    pub(super) fn create(path: PathBuf) -> io::Result<Self> {
        let mut writer = csv::WriterBuilder::new()
            .terminator(csv::Terminator::CRLF)
            .from_writer(WholeFile::create(path)?);
        writer.write_record(HEADER)?;
        Ok(Self(writer))
    }

    pub(super) fn write(&mut self, records: &[UserRecord]) -> io::Result<()> {
        for record in records {
            let user = &record.user;
            self.0.write_record([
                user.id.to_string().as_str(),
                &inert(&user.email),
                &user.age.to_string(),
                &inert(user.name.as_deref().unwrap_or_default()),
                &inert(user.bio.as_deref().unwrap_or_default()),
                if user.is_active { "true" } else { "false" },
                &inert(record.additional_data.as_deref().unwrap_or_default()),
                &time(record.created_at),
                &time(record.updated_at),
            ])?;
        }
        Ok(())
    }

    pub(super) fn finish(self) -> io::Result<Finished> {
        self.0
            .into_inner()
            .map_err(csv::IntoInnerError::into_error)?
            .finish()
    }
}

fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// Text that a spreadsheet shows and does not run: an apostrophe before what could begin a formula.
fn inert(text: &str) -> Cow<'_, str> {
    let risky = text.starts_with([
        '=', '+', '-', '@', '\t', '\r', '\n', '\0', '＝', '＋', '－', '＠',
    ]);
    if risky {
        Cow::Owned(format!("'{text}"))
    } else {
        Cow::Borrowed(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_text() {
        for text in [
            "=1+1", "+49", "-1", "@SUM(A1)", "\t=1", "\r=1", "\0=1", "＝1",
        ] {
            assert_eq!(inert(text), format!("'{text}"));
        }
        for text in ["", "Ada", "a=1", "{\"a\":1}", "'quoted"] {
            assert_eq!(inert(text), text);
        }
    }
}

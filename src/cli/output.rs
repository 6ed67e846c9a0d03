//! Owns what commands write: data to stdout, as a table or JSON; questions and remarks to stderr.
//! Must not know: what the data is.

use std::io::{self, BufRead, Write};

use clap::ValueEnum;
use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;

use super::Failure;

/// Form of a command's data.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Columns for people.
    #[default]
    Table,
    /// JSON in the contract's form, for programs.
    Json,
}

/// Where a command writes.
pub struct Output {
    format: Format,
    data: Box<dyn Write + Send>,
    remarks: Box<dyn Write + Send>,
    answers: Box<dyn BufRead + Send>,
}

impl Output {
    /// The process's own streams.
    pub fn of_process(format: Format) -> Self {
        Self {
            format,
            data: Box::new(io::stdout()),
            remarks: Box::new(io::stderr()),
            answers: Box::new(io::BufReader::new(io::stdin())),
        }
    }

    /// `value` as JSON, or the table that `table` makes.
    pub fn show<T: Serialize>(
        &mut self,
        value: &T,
        table: impl FnOnce(&T) -> Rows,
    ) -> Result<(), Failure> {
        match self.format {
            Format::Json => self.json(value),
            Format::Table => self.text(&table(value).to_string()),
        }
    }

    /// More for people; programs have had it all in the JSON.
    pub fn only_in_table(&mut self, table: impl FnOnce() -> Rows) -> Result<(), Failure> {
        match self.format {
            Format::Json => Ok(()),
            Format::Table => self.text(&table().to_string()),
        }
    }

    /// JSON whatever the form.
    pub fn json<T: Serialize>(&mut self, value: &T) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(value)
            .map_err(|error| Failure::Internal("cannot write JSON", Box::new(error)))?;
        self.text(&text)
    }

    /// One of many that come one after the other: a line of JSON, or the line that `line` makes.
    pub fn line<T: Serialize>(
        &mut self,
        value: &T,
        line: impl FnOnce(&T) -> String,
    ) -> Result<(), Failure> {
        let text = match self.format {
            Format::Json => serde_json::to_string(value)
                .map_err(|error| Failure::Internal("cannot write JSON", Box::new(error)))?,
            Format::Table => tame(&line(value)),
        };
        self.text(&text)
    }

    /// Text as it is, ended by a line break.
    pub fn text(&mut self, text: &str) -> Result<(), Failure> {
        let line_break = if text.ends_with('\n') { "" } else { "\n" };
        write!(self.data, "{text}{line_break}")
            .and_then(|()| self.data.flush())
            .map_err(Failure::Output)
    }

    /// A line that is no data.
    pub fn remark(&mut self, text: &str) {
        // Nobody reads stderr: no reason to fail.
        let _ = writeln!(self.remarks, "{text}");
    }

    /// Whether the user answers yes. No answer is no.
    pub fn confirm(&mut self, question: &str) -> Result<bool, Failure> {
        write!(self.remarks, "{question} [y/N] ")
            .and_then(|()| self.remarks.flush())
            .map_err(Failure::Output)?;
        let mut answer = String::new();
        self.answers
            .read_line(&mut answer)
            .map_err(|error| Failure::Io("cannot read the answer".to_owned(), error))?;
        Ok(matches!(
            answer.trim().to_ascii_lowercase().as_str(),
            "y" | "yes"
        ))
    }
}

/// A table in the making.
pub struct Rows(Table);

impl Rows {
    /// A table of these columns.
    pub fn new(columns: &[&str]) -> Self {
        let mut table = Table::new();
        table
            .load_style(presets::NOTHING)
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_header(columns);
        Self(table)
    }

    /// A table of names and values, without a head.
    pub fn pairs<'a>(pairs: impl IntoIterator<Item = (&'a str, String)>) -> Self {
        let mut table = Table::new();
        table
            .load_style(presets::NOTHING)
            .set_content_arrangement(ContentArrangement::Dynamic);
        for (name, value) in pairs {
            table.add_row([name.to_owned(), tame(&value)]);
        }
        Self(table)
    }

    /// Adds a row.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.0.add_row(cells.into_iter().map(|cell| tame(&cell)));
    }

    /// Adds many.
    #[must_use]
    pub fn with<T>(mut self, items: &[T], row: impl Fn(&T) -> Vec<String>) -> Self {
        for item in items {
            self.row(row(item));
        }
        self
    }
}

impl std::fmt::Display for Rows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.trim_fmt())
    }
}

/// Control characters as escapes: stored text must not steer a terminal or break a row.
fn tame(text: &str) -> String {
    let mut tame = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            tame.extend(character.escape_default());
        } else {
            tame.push(character);
        }
    }
    tame
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_text_cannot_steer_a_terminal() {
        let mut rows = Rows::new(&["name"]);
        rows.row(["a\u{1b}[2Jb\nc".to_owned()]);
        let text = rows.to_string();
        assert!(text.contains(r"a\u{1b}[2Jb\nc"), "{text}");
        assert!(!text.contains('\u{1b}'));
    }
}

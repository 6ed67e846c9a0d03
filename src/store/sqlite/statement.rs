//! Owns SQL that the DSL has no words for (partial indexes, `json_each`), as statements that stay prepared.
//! Must not know: what the statements do.

use diesel::{
    QueryResult, RunQueryDsl,
    query_builder::{AstPass, Query, QueryFragment, QueryId},
    sql_types::{BigInt, Double, Nullable, Text, Untyped},
    sqlite::{Sqlite, SqliteConnection},
};

/// A value for a `?`.
#[derive(Debug)]
enum Bind {
    Int(Option<i64>),
    Text(Option<String>),
    Real(f64),
}

/// A statement with one value for each `?`. Unlike `diesel::sql_query` it is kept prepared, by its text.
#[derive(Debug)]
#[must_use]
pub(super) struct Statement {
    text: &'static str,
    binds: Vec<Bind>,
}

/// `text` must not have a `?` inside a literal.
pub(super) fn statement(text: &'static str) -> Statement {
    Statement {
        text,
        binds: Vec::with_capacity(text.matches('?').count()),
    }
}

impl Statement {
    pub(super) fn int(mut self, value: impl Into<Option<i64>>) -> Self {
        self.binds.push(Bind::Int(value.into()));
        self
    }

    pub(super) fn text(mut self, value: impl Into<String>) -> Self {
        self.binds.push(Bind::Text(Some(value.into())));
        self
    }

    pub(super) fn optional_text(mut self, value: Option<impl Into<String>>) -> Self {
        self.binds.push(Bind::Text(value.map(Into::into)));
        self
    }

    pub(super) fn real(mut self, value: f64) -> Self {
        self.binds.push(Bind::Real(value));
        self
    }
}

impl QueryFragment<Sqlite> for Statement {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        let mut parts = self.text.split('?');
        out.push_sql(parts.next().unwrap_or_default());
        for (part, bind) in parts.zip(&self.binds) {
            match bind {
                Bind::Int(value) => out.push_bind_param::<Nullable<BigInt>, _>(value)?,
                Bind::Real(value) => out.push_bind_param::<Double, _>(value)?,
                Bind::Text(value) => out.push_bind_param::<Nullable<Text>, _>(value)?,
            }
            out.push_sql(part);
        }
        Ok(())
    }
}

impl QueryId for Statement {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Query for Statement {
    type SqlType = Untyped;
}

impl RunQueryDsl<SqliteConnection> for Statement {}

//! Owns SQL that the DSL has no words for (partial indexes, many rows at once), as statements that stay prepared.
//! Must not know: what the statements do.

use std::marker::PhantomData;

use diesel::{
    QueryResult, RunQueryDsl,
    query_builder::{AstPass, Query, QueryFragment, QueryId},
    sql_types::{BigInt, Bool, Double, Nullable, Text, Untyped},
};

use super::{
    Backend, Conn, Document, Moment, RawJson,
    dialect::{self, Many},
};

/// A value for a `?`.
#[derive(Debug)]
enum Bind {
    Int(Option<i64>),
    Text(Option<String>),
    Real(Option<f64>),
    At(Option<i64>),
    Bool(bool),
    Json(Option<String>),
    RawJson(Option<String>),
    Many(Many),
}

/// A statement with one value for each `?`. Unlike `diesel::sql_query` it is kept prepared, by its text.
#[derive(Debug)]
#[must_use]
pub(in crate::store) struct Statement {
    text: &'static str,
    binds: Vec<Bind>,
    /// Comes behind the text.
    end: &'static str,
}

/// `text` must not have a `?` inside a literal.
pub(in crate::store) fn statement(text: &'static str) -> Statement {
    Statement {
        text,
        binds: Vec::with_capacity(12),
        end: "",
    }
}

impl Statement {
    fn bind(mut self, value: Bind) -> Self {
        self.binds.push(value);
        self
    }

    pub(in crate::store) fn int(self, value: impl Into<Option<i64>>) -> Self {
        self.bind(Bind::Int(value.into()))
    }

    pub(in crate::store) fn text(self, value: impl Into<String>) -> Self {
        self.bind(Bind::Text(Some(dialect::text(value.into()))))
    }

    pub(in crate::store) fn optional_text(self, value: Option<impl Into<String>>) -> Self {
        self.bind(Bind::Text(value.map(|value| dialect::text(value.into()))))
    }

    pub(in crate::store) fn real(self, value: impl Into<Option<f64>>) -> Self {
        self.bind(Bind::Real(value.into()))
    }

    /// A moment, in microseconds.
    pub(in crate::store) fn at(self, value: impl Into<Option<i64>>) -> Self {
        self.bind(Bind::At(value.into()))
    }

    pub(in crate::store) fn bool(self, value: bool) -> Self {
        self.bind(Bind::Bool(value))
    }

    pub(in crate::store) fn json(self, value: Option<impl Into<String>>) -> Self {
        self.bind(Bind::Json(value.map(Into::into)))
    }

    pub(in crate::store) fn raw_json(self, value: Option<impl Into<String>>) -> Self {
        self.bind(Bind::RawJson(value.map(Into::into)))
    }

    /// Many values for one `?`.
    pub(in crate::store) fn many(self, values: Many) -> Self {
        self.bind(Bind::Many(values))
    }

    #[allow(
        dead_code,
        reason = "only one of the engines has it from the statement itself"
    )]
    pub(in crate::store) fn ending(mut self, end: &'static str) -> Self {
        self.end = end;
        self
    }
}

impl QueryFragment<Backend> for Statement {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Backend>) -> QueryResult<()> {
        let mut parts = self.text.split('?');
        out.push_sql(parts.next().unwrap_or_default());
        for (part, bind) in parts.zip(&self.binds) {
            match bind {
                Bind::Int(value) => out.push_bind_param::<Nullable<BigInt>, _>(value)?,
                Bind::Real(value) => out.push_bind_param::<Nullable<Double>, _>(value)?,
                Bind::Text(value) => out.push_bind_param::<Nullable<Text>, _>(value)?,
                Bind::At(value) => out.push_bind_param::<Nullable<Moment>, _>(value)?,
                Bind::Bool(value) => out.push_bind_param::<Bool, _>(value)?,
                Bind::Json(value) => out.push_bind_param::<Nullable<Document>, _>(value)?,
                Bind::RawJson(value) => out.push_bind_param::<Nullable<RawJson>, _>(value)?,
                Bind::Many(values) => values.push(&mut out)?,
            }
            out.push_sql(part);
        }
        out.push_sql(self.end);
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

impl RunQueryDsl<Conn> for Statement {}

/// A statement whose columns are read by their places: many rows are read faster so than by names.
#[derive(Debug)]
#[must_use]
pub(in crate::store) struct Placed<S> {
    statement: Statement,
    columns: PhantomData<S>,
}

impl Statement {
    pub(in crate::store) fn placed<S>(self) -> Placed<S> {
        Placed {
            statement: self,
            columns: PhantomData,
        }
    }
}

impl<S> QueryFragment<Backend> for Placed<S> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, Backend>) -> QueryResult<()> {
        self.statement.walk_ast(out)
    }
}

impl<S> QueryId for Placed<S> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<S> Query for Placed<S> {
    type SqlType = S;
}

impl<S> RunQueryDsl<Conn> for Placed<S> {}

/// One row by its number, for the hottest reads: a type of its own for each text, so that Diesel finds the prepared
/// statement by that type and has no tree of columns to walk.
pub(in crate::store) trait Point: 'static {
    /// Ends where the number goes.
    const TEXT: &'static str;
    /// SQL types of its columns, by place.
    type Columns;
}

#[derive(Debug)]
#[must_use]
pub(in crate::store) struct ById<P> {
    id: i64,
    point: PhantomData<P>,
}

impl<P: Point> ById<P> {
    pub(in crate::store) fn new(id: i64) -> Self {
        Self {
            id,
            point: PhantomData,
        }
    }
}

impl<P: Point> QueryFragment<Backend> for ById<P> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Backend>) -> QueryResult<()> {
        out.push_sql(P::TEXT);
        out.push_bind_param::<BigInt, _>(&self.id)
    }
}

impl<P: Point> QueryId for ById<P> {
    type QueryId = Self;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl<P: Point> Query for ById<P> {
    type SqlType = P::Columns;
}

impl<P> RunQueryDsl<Conn> for ById<P> {}

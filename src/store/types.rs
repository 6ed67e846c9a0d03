//! Owns the SQL types of what both engines keep and each keeps in its own way: moments and JSON documents.
//! Must not know: tables.
//!
//! In Rust a moment is an `i64`, microseconds since 1970-01-01 UTC, and a document is its text. SQLite keeps them as they
//! are; PostgreSQL as `timestamptz`, `jsonb` and `json`, which serve whoever looks with `psql`.

use std::io::Write;

use diesel::{
    backend::Backend,
    deserialize::{self, FromSql},
    expression::AsExpression,
    pg::{Pg, PgValue},
    query_builder::QueryId,
    serialize::{self, IsNull, Output, ToSql},
    sql_types::{BigInt, SqlType, Text},
    sqlite::Sqlite,
};

/// A moment.
#[derive(Debug, Clone, Copy, Default, QueryId, SqlType)]
#[diesel(
    sqlite_type(name = "Long"),
    postgres_type(oid = 1184, array_oid = 1185)
)]
#[allow(
    unreachable_pub,
    reason = "Diesel's tables are public to the compiler, in a private module"
)]
pub struct Moment;

/// A JSON document that the database may look into. PostgreSQL's `jsonb`: keeps values, not spaces and the order of keys.
#[derive(Debug, Clone, Copy, Default, QueryId, SqlType)]
#[diesel(
    sqlite_type(name = "Text"),
    postgres_type(oid = 3802, array_oid = 3807)
)]
#[allow(
    unreachable_pub,
    reason = "Diesel's tables are public to the compiler, in a private module"
)]
pub struct Document;

/// A JSON document that is kept letter by letter. PostgreSQL's `json`, which also takes U+0000 in strings: what processors
/// answer is theirs.
#[derive(Debug, Clone, Copy, Default, QueryId, SqlType)]
#[diesel(sqlite_type(name = "Text"), postgres_type(oid = 114, array_oid = 199))]
#[allow(
    unreachable_pub,
    reason = "Diesel's tables are public to the compiler, in a private module"
)]
pub struct RawJson;

/// A moment in an expression of Diesel's DSL.
#[derive(Debug, Clone, Copy, AsExpression)]
#[diesel(sql_type = Moment)]
#[allow(
    unreachable_pub,
    reason = "Diesel's tables are public to the compiler, in a private module"
)]
pub struct At(pub i64);

/// A document in an expression of Diesel's DSL.
#[derive(Debug, Clone, AsExpression)]
#[diesel(sql_type = Document)]
#[allow(
    unreachable_pub,
    reason = "Diesel's tables are public to the compiler, in a private module"
)]
pub struct Doc(pub String);

impl<DB: Backend> ToSql<Moment, DB> for At
where
    i64: ToSql<Moment, DB>,
{
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, DB>) -> serialize::Result {
        self.0.to_sql(out)
    }
}

impl<DB: Backend> ToSql<Document, DB> for Doc
where
    String: ToSql<Document, DB>,
{
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, DB>) -> serialize::Result {
        self.0.to_sql(out)
    }
}

impl FromSql<Moment, Sqlite> for i64 {
    fn from_sql(value: <Sqlite as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        FromSql::<BigInt, Sqlite>::from_sql(value)
    }
}

impl ToSql<Moment, Sqlite> for i64 {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        ToSql::<BigInt, Sqlite>::to_sql(self, out)
    }
}

/// PostgreSQL counts from 2000-01-01.
const POSTGRES_EPOCH: i64 = 946_684_800_000_000;

impl FromSql<Moment, Pg> for i64 {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        let micros: Self = FromSql::<BigInt, Pg>::from_sql(value)?;
        Ok(micros.saturating_add(POSTGRES_EPOCH))
    }
}

impl ToSql<Moment, Pg> for i64 {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        // The two ends are `-infinity` and `infinity` there.
        let micros = self.saturating_sub(POSTGRES_EPOCH);
        out.write_all(&micros.to_be_bytes())?;
        Ok(IsNull::No)
    }
}

/// What begins a `jsonb` on the wire.
const JSONB_VERSION: u8 = 1;

impl FromSql<Document, Pg> for String {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        match value.as_bytes() {
            [JSONB_VERSION, text @ ..] => Ok(Self::from_utf8(text.to_vec())?),
            _ => Err("a jsonb value of a version that this program does not know".into()),
        }
    }
}

impl ToSql<Document, Pg> for String {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        out.write_all(&[JSONB_VERSION])?;
        out.write_all(self.as_bytes())?;
        Ok(IsNull::No)
    }
}

impl FromSql<RawJson, Pg> for String {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        FromSql::<Text, Pg>::from_sql(value)
    }
}

impl ToSql<RawJson, Pg> for String {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        out.write_all(self.as_bytes())?;
        Ok(IsNull::No)
    }
}

/// On SQLite both are text.
macro_rules! text_on_sqlite {
    ($($kind:ty),*) => {$(
        impl FromSql<$kind, Sqlite> for String {
            fn from_sql(value: <Sqlite as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
                FromSql::<Text, Sqlite>::from_sql(value)
            }
        }

        impl ToSql<$kind, Sqlite> for String {
            fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
                ToSql::<Text, Sqlite>::to_sql(self, out)
            }
        }
    )*};
}

text_on_sqlite!(Document, RawJson);

//! Owns statements for many rows that are run for 32 rows, for 8 and for one: a statement of several takes SQLite less for each
//! row, and there are three of a kind to be kept prepared, each found by its type, without writing its text anew.
//! Must not know: tables, or why the statements are run.

use std::{array, marker::PhantomData};

use diesel::{
    QueryResult, RunQueryDsl,
    query_builder::{AstPass, QueryFragment, QueryId},
    sqlite::{Sqlite, SqliteConnection},
};

/// A statement for rows.
pub(super) trait Each {
    /// Names it. Diesel takes the prepared statement by this type: another statement with the same one would be that one.
    type Kind: 'static;
    type Row;

    /// Writes the statement for so many rows: the same text for the same number.
    fn write<'b>(
        &'b self,
        rows: &'b [Self::Row],
        out: &mut AstPass<'_, 'b, Sqlite>,
    ) -> QueryResult<()>;
}

/// Runs it for all of them, in their order. Answers how many rows were changed.
pub(super) fn each<S: Each>(
    conn: &mut SqliteConnection,
    statement: &S,
    rows: &[S::Row],
) -> QueryResult<usize> {
    let (many, rest) = rows.as_chunks::<32>();
    let (some, rest) = rest.as_chunks::<8>();
    let mut changed = 0;
    for rows in many {
        changed += For { statement, rows }.execute(conn)?;
    }
    for rows in some {
        changed += For { statement, rows }.execute(conn)?;
    }
    for row in rest {
        let rows = array::from_ref(row);
        changed += For { statement, rows }.execute(conn)?;
    }
    Ok(changed)
}

/// The statement for so many rows.
pub(super) struct For<'s, S: Each, const N: usize> {
    pub(super) statement: &'s S,
    pub(super) rows: &'s [S::Row; N],
}

/// Its name.
pub(super) struct Named<K, const N: usize>(PhantomData<K>);

impl<S: Each, const N: usize> QueryFragment<Sqlite> for For<'_, S, N> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        self.statement.write(self.rows, &mut out)
    }
}

impl<S: Each, const N: usize> QueryId for For<'_, S, N> {
    type QueryId = Named<S::Kind, N>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl<S: Each, const N: usize> RunQueryDsl<SqliteConnection> for For<'_, S, N> {}

/// Writes text, and values with their SQL types, by turns.
macro_rules! bind {
    ($out:ident; $($text:literal, $kind:ty: $value:expr),*; $end:literal) => {{
        $(
            $out.push_sql($text);
            $out.push_bind_param::<$kind, _>($value)?;
        )*
        $out.push_sql($end);
    }};
}
pub(super) use bind;

/// Writes each of several rows, with commas between.
pub(super) fn rows<'r, 'b, R>(
    rows: &'b [R],
    out: &mut AstPass<'r, 'b, Sqlite>,
    write: impl Fn(&'b R, &mut AstPass<'r, 'b, Sqlite>) -> QueryResult<()>,
) -> QueryResult<()> {
    for (place, row) in rows.iter().enumerate() {
        if place > 0 {
            out.push_sql(", ");
        }
        write(row, out)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use diesel::{
        Connection,
        connection::SimpleConnection,
        dsl::sql,
        sql_types::{BigInt, Text},
    };

    use super::*;

    struct Note;

    impl Each for Note {
        type Kind = Self;
        type Row = i64;

        fn write<'b>(
            &'b self,
            rows: &'b [i64],
            out: &mut AstPass<'_, 'b, Sqlite>,
        ) -> QueryResult<()> {
            out.push_sql("INSERT INTO t (x) VALUES ");
            super::rows(rows, out, |row, out| {
                bind!(out; "(", BigInt: row; ")");
                Ok(())
            })
        }
    }

    /// However many there are: each once, and in order.
    #[test]
    fn all_rows_are_written_in_their_order() {
        let mut conn = SqliteConnection::establish(":memory:").unwrap();
        for count in 0..=75 {
            conn.batch_execute(
                "DROP TABLE IF EXISTS t; CREATE TABLE t (id INTEGER PRIMARY KEY, x)",
            )
            .unwrap();
            let rows: Vec<i64> = (0..count).collect();
            let changed = each(&mut conn, &Note, &rows).unwrap();
            assert_eq!(changed, rows.len());
            let kept = sql::<Text>("SELECT json_group_array(x) FROM (SELECT x FROM t ORDER BY id)");
            let kept: String = kept.get_result(&mut conn).unwrap();
            assert_eq!(serde_json::from_str::<Vec<i64>>(&kept).unwrap(), rows);
        }
    }
}

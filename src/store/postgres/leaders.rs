//! Owns who does what only one process is to do at a time: a row with a term, so that it does not matter how a leader ends.
//! Must not know: what the task is.

use std::time::Duration;

use diesel::RunQueryDsl;

use super::{Lane, Postgres, sql::statement::statement};
use crate::store::{
    StoreError,
    time::{micros, span},
};

const LEAD: &str = "INSERT INTO leaders (task, holder, until) VALUES (?, ?, ?) ON CONFLICT (task) DO UPDATE SET \
     holder = excluded.holder, until = excluded.until WHERE leaders.holder = excluded.holder OR leaders.until <= ?";

impl Postgres {
    pub(in crate::store) async fn lead(
        &self,
        task: &'static str,
        holder: String,
        term: Duration,
    ) -> Result<bool, StoreError> {
        self.write(Lane::Rest, move |tx| {
            let now = micros(tx.now);
            let led = statement(LEAD)
                .text(task)
                .text(holder.as_str())
                .at(now.saturating_add(span(term)))
                .at(now)
                .execute(tx.conn)?;
            Ok(led > 0)
        })
        .await
    }

    pub(in crate::store) async fn resign(
        &self,
        task: &'static str,
        holder: String,
    ) -> Result<(), StoreError> {
        self.write(Lane::Rest, move |tx| {
            statement("DELETE FROM leaders WHERE task = ? AND holder = ?")
                .text(task)
                .text(holder.as_str())
                .execute(tx.conn)?;
            Ok(())
        })
        .await
    }
}

//! Owns what operators ordered, as the writer knows it: read again only when another process has written.
//! Must not know: what the orders mean for a claim (gates.rs).

use diesel::{QueryDsl, QueryResult, Queryable, RunQueryDsl, Selectable, SelectableHelper};
use std::{sync::Arc, time::Duration};

use super::{
    Backend, Conn, Engine, dialect,
    statement::statement,
    time::{micros, moment},
    tx::{Lane, Tx},
};
use crate::{
    model::{Control, ControlKind, ControlLimits, Pause, Rate},
    store::{StoreError, schema::controls},
};

/// The orders, as of the last look.
#[derive(Debug, Default)]
pub(in crate::store) struct Controls {
    /// Of what others may have changed; `None`: nobody knows.
    version: Option<i64>,
    known: Option<Arc<[Control]>>,
    /// Whether the last claim that asked found anything in its way. Where to begin, no more: it may be wrong by now.
    pub(in crate::store) hindered: bool,
}

impl Controls {
    /// At the start of a transaction: what other processes wrote since the last one may have changed the orders.
    pub(in crate::store) fn refresh(&mut self, conn: &mut Conn) -> QueryResult<()> {
        let version = dialect::orders_version(conn)?;
        if version.is_none() || version != self.version {
            self.version = version;
            self.known = None;
        }
        Ok(())
    }

    /// The database has told that there are none.
    pub(in crate::store) fn are_none(&mut self) {
        self.known = Some(Arc::default());
    }

    /// After a change of the orders, or the loss of one.
    pub(in crate::store) fn forget(&mut self) {
        self.known = None;
    }

    pub(in crate::store) fn all(&mut self, conn: &mut Conn) -> Result<Arc<[Control]>, StoreError> {
        if let Some(known) = &self.known {
            return Ok(Arc::clone(known));
        }
        let known: Arc<[Control]> = load(conn)?.into();
        self.known = Some(Arc::clone(&known));
        Ok(known)
    }
}

/// The orders for one queue or job type, if there are any.
pub(in crate::store) fn of<'c>(
    controls: &'c [Control],
    kind: ControlKind,
    name: &str,
) -> Option<&'c Control> {
    controls
        .iter()
        .find(|control| control.kind == kind && control.name == name)
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = controls, check_for_backend(Backend))]
struct Row {
    kind: String,
    name: String,
    paused: bool,
    reason: Option<String>,
    paused_by: Option<String>,
    paused_at: Option<i64>,
    concurrency: Option<i32>,
    rate_limit: Option<i32>,
    rate_period_ms: Option<i64>,
    max_depth: Option<i64>,
}

impl From<Row> for Control {
    fn from(row: Row) -> Self {
        let pause = Pause {
            at: moment(row.paused_at.unwrap_or_default()),
            reason: row.reason,
            by: row.paused_by,
        };
        let rate = row.rate_limit.zip(row.rate_period_ms);
        Self {
            kind: if row.kind == ControlKind::Queue.as_str() {
                ControlKind::Queue
            } else {
                ControlKind::JobType
            },
            name: row.name,
            pause: row.paused.then_some(pause),
            limits: ControlLimits {
                concurrency: row.concurrency.map(i32::unsigned_abs),
                rate: rate.map(|(limit, period)| Rate {
                    limit: limit.unsigned_abs(),
                    period: Duration::from_millis(period.unsigned_abs()),
                }),
                max_depth: row.max_depth.map(i64::unsigned_abs),
            },
        }
    }
}

pub(in crate::store) fn load(conn: &mut Conn) -> Result<Vec<Control>, StoreError> {
    let rows: Vec<Row> = controls::table.select(Row::as_select()).load(conn)?;
    Ok(rows.into_iter().map(Control::from).collect())
}

impl Engine {
    pub(in crate::store) async fn controls(&self) -> Result<Vec<Control>, StoreError> {
        self.read(load).await
    }

    pub(in crate::store) async fn control_pause(
        &self,
        kind: ControlKind,
        name: String,
        pause: Option<(Option<String>, Option<String>)>,
    ) -> Result<Control, StoreError> {
        self.write(Lane::Rest, move |tx| {
            tx.alone()?;
            let now = micros(tx.now);
            let at = pause.is_some().then_some(now);
            let (reason, by) = pause.clone().unwrap_or_default();
            statement(
                "INSERT INTO controls (kind, name, paused, reason, paused_by, paused_at, updated_at) \
                 VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (kind, name) DO UPDATE SET paused = excluded.paused, \
                 reason = excluded.reason, paused_by = excluded.paused_by, paused_at = excluded.paused_at, \
                 updated_at = excluded.updated_at",
            )
            .text(kind.as_str())
            .text(name.as_str())
            .bool(pause.is_some())
            .optional_text(reason)
            .optional_text(by)
            .at(at)
            .at(now)
            .execute(tx.conn)?;
            changed(tx, kind, &name)
        })
        .await
    }

    pub(in crate::store) async fn control_limit(
        &self,
        kind: ControlKind,
        name: String,
        limits: ControlLimits,
    ) -> Result<Control, StoreError> {
        self.write(Lane::Rest, move |tx| {
            tx.alone()?;
            let rate = limits.rate;
            statement(
                "INSERT INTO controls (kind, name, concurrency, rate_limit, rate_period_ms, max_depth, updated_at) \
                 VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (kind, name) DO UPDATE SET \
                 concurrency = excluded.concurrency, rate_limit = excluded.rate_limit, \
                 rate_period_ms = excluded.rate_period_ms, max_depth = excluded.max_depth, \
                 updated_at = excluded.updated_at",
            )
            .text(kind.as_str())
            .text(name.as_str())
            .int(limits.concurrency.map(i64::from))
            .int(rate.map(|rate| i64::from(rate.limit)))
            .int(rate.map(|rate| i64::try_from(rate.period.as_millis()).unwrap_or(i64::MAX)))
            .int(limits.max_depth.map(|depth| i64::try_from(depth).unwrap_or(i64::MAX)))
            .at(micros(tx.now))
            .execute(tx.conn)?;
            changed(tx, kind, &name)
        })
        .await
    }
}

/// The orders after a change. Rows that order nothing any more are not kept.
fn changed(tx: &mut Tx<'_>, kind: ControlKind, name: &str) -> Result<Control, StoreError> {
    tx.controls.forget();
    *tx.wake = true;
    let all = tx.controls.all(tx.conn)?;
    let control = of(&all, kind, name).cloned().ok_or(StoreError::NotFound)?;
    if control.pause.is_none() && control.limits == ControlLimits::default() {
        statement("DELETE FROM controls WHERE kind = ? AND name = ?")
            .text(kind.as_str())
            .text(name)
            .execute(tx.conn)?;
        tx.controls.forget();
    }
    Ok(control)
}

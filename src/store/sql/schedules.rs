//! Owns schedules as rows: created, changed, paused, deleted.
//! Must not know: when they tick, or what a tick does (ticks.rs).

use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::{
    AsChangeset, ExpressionMethods, OptionalExtension, QueryDsl, Queryable, RunQueryDsl,
    Selectable, SelectableHelper,
};

use super::{
    Backend, Conn, Doc, Engine, dialect,
    idempotency::once,
    statement::statement,
    time::{at, micros, moment},
    tx::{Lane, Tx},
};
use crate::{
    model::{Misfire, NewSchedule, Schedule, ScheduleChange, Timing},
    store::{Done, Once, StoreError, schedules::NextTick, schema::schedules},
};

#[derive(Queryable, Selectable)]
#[diesel(table_name = schedules, check_for_backend(Backend))]
struct Row {
    id: i64,
    name: String,
    job_type: String,
    payload: String,
    schema_fingerprint: String,
    options: String,
    cron: Option<String>,
    every_ms: Option<i64>,
    timezone: String,
    misfire: String,
    misfire_limit: i32,
    paused: bool,
    reason: Option<String>,
    next_at: Option<i64>,
    version: i64,
    created_at: i64,
    updated_at: i64,
}

impl From<Row> for Schedule {
    fn from(row: Row) -> Self {
        let timing = match (row.cron, row.every_ms) {
            (Some(expression), _) => Timing::Cron {
                expression,
                timezone: row.timezone,
            },
            (None, every) => {
                let every = u64::try_from(every.unwrap_or_default()).unwrap_or_default();
                Timing::Every(Duration::from_millis(every))
            }
        };
        // The table's CHECKs allow no other values.
        let misfire = Misfire::ALL
            .into_iter()
            .find(|misfire| misfire.as_str() == row.misfire);
        Self {
            id: row.id,
            name: row.name,
            job_type: row.job_type,
            payload: row.payload,
            schema_fingerprint: row.schema_fingerprint,
            options: row.options,
            timing,
            misfire: misfire.unwrap_or(Misfire::Once),
            misfire_limit: u32::try_from(row.misfire_limit).unwrap_or(1),
            paused: row.paused,
            reason: row.reason,
            next_at: row.next_at.map(moment),
            version: row.version,
            created_at: moment(row.created_at),
            updated_at: moment(row.updated_at),
        }
    }
}

/// What callers choose.
#[derive(AsChangeset)]
#[diesel(table_name = schedules)]
struct Values {
    name: String,
    payload: Doc,
    schema_fingerprint: String,
    options: Doc,
    misfire: &'static str,
    misfire_limit: i32,
}

#[derive(AsChangeset)]
#[diesel(table_name = schedules, treat_none_as_null = true)]
struct TimingValues {
    cron: Option<String>,
    every_ms: Option<i64>,
    timezone: String,
}

impl From<Timing> for TimingValues {
    fn from(timing: Timing) -> Self {
        match timing {
            Timing::Cron {
                expression,
                timezone,
            } => Self {
                cron: Some(expression),
                every_ms: None,
                timezone,
            },
            Timing::Every(interval) => Self {
                cron: None,
                every_ms: Some(i64::try_from(interval.as_millis()).unwrap_or(i64::MAX)),
                timezone: "UTC".to_owned(),
            },
        }
    }
}

impl Engine {
    pub(in crate::store) async fn schedule_create(
        &self,
        schedule: NewSchedule,
        next: NextTick,
        key: Option<Once<Schedule>>,
    ) -> Result<Done<Schedule>, StoreError> {
        self.write(Lane::Rest, move |tx| {
            once(tx, key.as_ref(), |tx| create(tx, &schedule, &next))
        })
        .await
    }

    pub(in crate::store) async fn schedule_get(
        &self,
        id: i64,
    ) -> Result<Option<Schedule>, StoreError> {
        self.read(move |conn| find(conn, id)).await
    }

    pub(in crate::store) async fn schedule_list(
        &self,
        before_id: Option<i64>,
        limit: usize,
    ) -> Result<Vec<Schedule>, StoreError> {
        self.read(move |conn| {
            let mut query = schedules::table.select(Row::as_select()).into_boxed();
            if let Some(before) = before_id {
                query = query.filter(schedules::id.lt(before));
            }
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let rows: Vec<Row> = query.order(schedules::id.desc()).limit(limit).load(conn)?;
            Ok(rows.into_iter().map(Schedule::from).collect())
        })
        .await
    }

    pub(in crate::store) async fn schedule_update(
        &self,
        id: i64,
        change: ScheduleChange,
        expected_version: Option<i64>,
        next: NextTick,
    ) -> Result<Schedule, StoreError> {
        self.write(Lane::Rest, move |tx| {
            tx.alone()?;
            check_version(tx, id, expected_version)?;
            touch(tx, id)?;
            let old = existing(tx, id)?;
            let values = Values {
                name: change.name.clone().unwrap_or(old.name),
                payload: Doc(change.payload.clone().unwrap_or(old.payload)),
                schema_fingerprint: change
                    .schema_fingerprint
                    .clone()
                    .unwrap_or(old.schema_fingerprint),
                options: Doc(change.options.clone().unwrap_or(old.options)),
                misfire: change.misfire.unwrap_or(old.misfire).as_str(),
                misfire_limit: number(change.misfire_limit.unwrap_or(old.misfire_limit)),
            };
            diesel::update(schedules::table.find(id))
                .set(values)
                .execute(tx.conn)
                .map_err(taken)?;
            match change.timing.clone() {
                None => existing(tx, id),
                Some(timing) => {
                    diesel::update(schedules::table.find(id))
                        .set(TimingValues::from(timing))
                        .execute(tx.conn)?;
                    set_next(tx, id, &next)
                }
            }
        })
        .await
    }

    pub(in crate::store) async fn schedule_pause(
        &self,
        id: i64,
        reason: Option<String>,
    ) -> Result<Schedule, StoreError> {
        self.write(Lane::Rest, move |tx| {
            tx.alone()?;
            touch(tx, id)?;
            diesel::update(schedules::table.find(id))
                .set((
                    schedules::paused.eq(true),
                    schedules::reason.eq(reason.as_deref()),
                ))
                .execute(tx.conn)?;
            existing(tx, id)
        })
        .await
    }

    pub(in crate::store) async fn schedule_resume(
        &self,
        id: i64,
        next: NextTick,
    ) -> Result<Schedule, StoreError> {
        self.write(Lane::Rest, move |tx| {
            tx.alone()?;
            let schedule = existing(tx, id)?;
            if !schedule.paused {
                return Ok(schedule);
            }
            touch(tx, id)?;
            diesel::update(schedules::table.find(id))
                .set((
                    schedules::paused.eq(false),
                    schedules::reason.eq(None::<String>),
                ))
                .execute(tx.conn)?;
            set_next(tx, id, &next)
        })
        .await
    }

    pub(in crate::store) async fn schedule_delete(
        &self,
        id: i64,
        expected_version: Option<i64>,
    ) -> Result<(), StoreError> {
        self.write(Lane::Rest, move |tx| {
            tx.alone()?;
            check_version(tx, id, expected_version)?;
            diesel::delete(schedules::table.find(id)).execute(tx.conn)?;
            Ok(())
        })
        .await
    }
}

fn create(
    tx: &mut Tx<'_>,
    schedule: &NewSchedule,
    next: &NextTick,
) -> Result<Schedule, StoreError> {
    tx.alone()?;
    let now = micros(tx.now);
    let timing = TimingValues::from(schedule.timing.clone());
    let row = statement(
        "INSERT INTO schedules (name, job_type, payload, schema_fingerprint, options, cron, every_ms, timezone, misfire, \
         misfire_limit, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (name) DO NOTHING",
    )
    .text(schedule.name.as_str())
    .text(schedule.job_type.as_str())
    .json(Some(schedule.payload.as_str()))
    .text(schedule.schema_fingerprint.as_str())
    .json(Some(schedule.options.as_str()))
    .optional_text(timing.cron)
    .int(timing.every_ms)
    .text(timing.timezone)
    .text(schedule.misfire.as_str())
    .int(i64::from(schedule.misfire_limit))
    .at(now)
    .at(now);
    let id = dialect::insert(tx.conn, row)?.ok_or(StoreError::NameTaken)?;
    set_next(tx, id, next)
}

pub(in crate::store) fn find(conn: &mut Conn, id: i64) -> Result<Option<Schedule>, StoreError> {
    let row = schedules::table.find(id).select(Row::as_select());
    Ok(row.get_result(conn).optional()?.map(Schedule::from))
}

pub(in crate::store) fn existing(tx: &mut Tx<'_>, id: i64) -> Result<Schedule, StoreError> {
    find(tx.conn, id)?.ok_or(StoreError::NotFound)
}

pub(in crate::store) fn write_next(
    tx: &mut Tx<'_>,
    id: i64,
    next_at: Option<DateTime<Utc>>,
) -> Result<(), StoreError> {
    diesel::update(schedules::table.find(id))
        .set(schedules::next_at.eq(next_at.map(at)))
        .execute(tx.conn)?;
    Ok(())
}

/// Ticks come from now on. Whoever sleeps until the next tick looks again.
fn set_next(tx: &mut Tx<'_>, id: i64, next: &NextTick) -> Result<Schedule, StoreError> {
    let mut schedule = existing(tx, id)?;
    schedule.next_at = next(&schedule, tx.now);
    write_next(tx, id, schedule.next_at)?;
    *tx.wake = true;
    Ok(schedule)
}

/// A caller changes it.
fn touch(tx: &mut Tx<'_>, id: i64) -> Result<(), StoreError> {
    let touched = diesel::update(schedules::table.find(id))
        .set((
            schedules::version.eq(schedules::version + 1),
            schedules::updated_at.eq(at(tx.now)),
        ))
        .execute(tx.conn)?;
    if touched == 0 {
        return Err(StoreError::NotFound);
    }
    Ok(())
}

fn check_version(tx: &mut Tx<'_>, id: i64, expected: Option<i64>) -> Result<(), StoreError> {
    let version: i64 = schedules::table
        .find(id)
        .select(schedules::version)
        .get_result(tx.conn)?;
    match expected {
        Some(expected) if expected != version => Err(StoreError::VersionMismatch),
        _ => Ok(()),
    }
}

fn number(limit: u32) -> i32 {
    i32::try_from(limit).unwrap_or(i32::MAX)
}

/// The only unique key of a schedule is its name.
fn taken(error: diesel::result::Error) -> StoreError {
    use diesel::result::{DatabaseErrorKind::UniqueViolation, Error};
    match error {
        Error::DatabaseError(UniqueViolation, _) => StoreError::NameTaken,
        other => other.into(),
    }
}
